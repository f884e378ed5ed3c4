"""The OrderStore port: carts, orders and claims in DynamoDB."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from hosting_orders.domain.account import SpendCap
from hosting_orders.domain.callback import CallbackDelivery
from hosting_orders.domain.cart import Cart, OrderSnapshot
from hosting_orders.domain.errors import (
    CapacityExhaustedError,
    CartExistsError,
    ConcurrentUpdateError,
    DomainTakenError,
    NumberTakenError,
    QuoteUsedError,
    SpendCapExceededError,
)
from hosting_orders.domain.listing import DueItem, OrderPage
from hosting_orders.domain.money import Money
from hosting_orders.domain.order import Order, OrderStatus
from hosting_orders.domain.registration import SealedContacts
from hosting_orders.domain.spending import Remaining, Spend, Spent

from . import keys, spending
from .items import (
    NOT_REPORTED,
    cart_from_items,
    cart_to_item,
    contacts_from_item,
    contacts_to_item,
    delivery_to_item,
    domain_claim_to_item,
    number_claim_to_item,
    order_from_item,
    order_to_item,
    rollup_to_item,
    used_quote_to_item,
)
from .pages import PageMarks
from .plain import to_plain
from .table import (
    IS_NEW,
    ConditionFailedError,
    Table,
    TransactionRefusedError,
    Write,
    delays,
    delete,
    put,
    update,
)

_ROLLUP_ATTEMPTS = 20


class DynamoOrderStore:
    """Reads are strongly consistent."""

    def __init__(self, client: Any, table_name: str, sleep: Callable[[float], None] = time.sleep) -> None:
        self._table = Table(client, table_name, sleep)
        self._pages = PageMarks(self._table)
        self._sleep = sleep

    # -- placing -------------------------------------------------------------------------------------------

    def place(
        self,
        cart: Cart,
        orders: Sequence[Order],
        contacts: Sequence[SealedContacts] = (),
        *,
        cap: SpendCap | None = None,
    ) -> None:
        """Raises CartExistsError if the cart exists, even if other conditions fail as well."""
        if len({order.number for order in orders}) < len(orders):
            raise NumberTakenError("two orders of the cart have the same number")
        if cart.orders != {order.number: NOT_REPORTED for order in orders}:
            raise ValueError("a new cart must list exactly its new orders, all of them pending")
        places = Counter(order.capacity for order in orders if order.capacity is not None)
        named = [order for order in orders if order.domain_claim is not None]
        quoted = [put(used_quote_to_item(cart, cart.quote_id), IS_NEW)] if cart.quote_id is not None else []
        spends = spending.spends_of(orders)
        try:
            self._table.transact(
                [
                    put(cart_to_item(cart), IS_NEW),
                    *quoted,
                    *[put(order_to_item(order), IS_NEW) for order in orders],
                    *[put(number_claim_to_item(order.number, order.account_id), IS_NEW) for order in orders],
                    *[put(contacts_to_item(sealed), IS_NEW) for sealed in contacts],
                    *[put(domain_claim_to_item(order), IS_NEW) for order in named],
                    *[self._take(capacity, count) for capacity, count in places.items()],
                    *[self._take_spend(account_id, spend, cap) for account_id, spend in spends],
                ]
            )
        except TransactionRefusedError as refused:
            self._check_no_twin(cart, refused)
            failed = refused.failed[1 + len(quoted) :]
            if any(refused.failed[1 : 1 + len(quoted)]):
                raise QuoteUsedError("another cart has this quote") from refused
            numbered = 2 * len(orders) + len(contacts)
            if any(failed[:numbered]):
                raise NumberTakenError("an order number is taken") from refused
            claims, taken = failed[numbered : numbered + len(named)], failed[numbered + len(named) :]
            for order, lost in zip(named, claims, strict=True):
                if lost:
                    raise DomainTakenError(order.domain_claim or "") from refused
            exhausted = [name for name, lost in zip(places, taken[: len(places)], strict=True) if lost]
            if exhausted:
                raise CapacityExhaustedError(exhausted[0]) from refused
            for account_id, spend in spends:
                self._check_cap(account_id, spend, cap)
            raise ConcurrentUpdateError("the spend cap was exceeded, but no longer is") from refused
        except (CapacityExhaustedError, ConcurrentUpdateError, SpendCapExceededError) as refused:
            self._check_no_twin(cart, refused)
            raise

    def _check_no_twin(self, cart: Cart, cause: Exception) -> None:
        # DynamoDB may not report every failed condition, so read whether the cart exists.
        if self._table.get(keys.cart(cart.account_id, cart.token)) is not None:
            raise CartExistsError(f"cart {cart.token} already exists") from cause

    def _take(self, capacity: str, count: int) -> Write:
        taking = "SET #used = #used + :count"
        key = keys.capacity(capacity)
        if count == 1:
            return update(key, taking, "#used < #capacity", count=1)
        # A DynamoDB condition cannot compute `#used + :count <= #capacity`. So read the limit, and let the condition
        # compare `#used` with `limit - count`.
        counter = self._table.get(key) or {}
        limit = counter.get("capacity", 0)
        if counter.get("used", 0) + count > limit:
            raise CapacityExhaustedError(capacity)
        condition = "#used <= :room AND #capacity >= :limit"
        return update(key, taking, condition, count=count, room=limit - count, limit=limit)

    def _take_spend(self, account_id: str, spend: Spend, cap: SpendCap | None) -> Write:
        if cap is None:
            raise ValueError("orders that count against a spend cap need the cap")
        if Remaining.of(cap, Spent()).too_little_for(spend.amount):
            self._check_cap(account_id, spend, cap)
        return spending.take(account_id, spend, cap)

    def _check_cap(self, account_id: str, spend: Spend, cap: SpendCap | None) -> None:
        if cap is None:
            return
        left = Remaining.of(cap, self.spent(account_id, spend.key, spend.day))
        short = left.too_little_for(spend.amount)
        if short is not None:
            period, rest = short
            cost = Money(spend.amount, cap.currency)
            raise SpendCapExceededError(period, Money(rest, cap.currency), cost)

    def spent(self, account_id: str, key: str, day: str) -> Spent:
        return spending.spent_from_item(self._table.get(keys.spending(account_id, key, day[:7])), day)

    # -- reading -------------------------------------------------------------------------------------------

    def cart(self, account_id: str, token: str) -> Cart | None:
        cart, rollup = keys.cart(account_id, token), keys.cart_rollup(account_id, token)
        items = self._table.query(
            "#PK = :account AND #SK BETWEEN :cart AND :rollup",
            account=cart["PK"],
            cart=cart["SK"],
            rollup=rollup["SK"],
        )
        found = {item["SK"]: item for item in items}
        return cart_from_items(found[cart["SK"]], found.get(rollup["SK"])) if cart["SK"] in found else None

    def order(self, account_id: str, number: int) -> Order | None:
        item = self._table.get(keys.order(account_id, number))
        return order_from_item(item) if item else None

    def carts(self, account_id: str, tokens: Sequence[str]) -> dict[str, Cart]:
        items = self._table.get_many([keys.cart(account_id, token) for token in dict.fromkeys(tokens)])
        return {cart.token: cart for cart in (cart_from_items(item, None) for item in items)}

    def orders(self, account_id: str, numbers: Sequence[int]) -> list[Order]:
        wanted = list(dict.fromkeys(numbers))
        items = self._table.get_many([keys.order(account_id, number) for number in wanted])
        found = {item["number"]: order_from_item(item) for item in items}
        return [found[number] for number in wanted if number in found]

    def quote_used(self, account_id: str, quote_id: str) -> bool:
        return self._table.get(keys.used_quote(account_id, quote_id)) is not None

    def domain_taken(self, name: str) -> bool:
        return self._table.get(keys.domain_claim(name)) is not None

    def domain_holder(self, name: str) -> Order | None:
        claim = self._table.get(keys.domain_claim(name))
        return self.order(claim["account_id"], claim["number"]) if claim else None

    def contacts(self, account_id: str, number: int) -> SealedContacts | None:
        item = self._table.get(keys.contacts(account_id, number))
        return contacts_from_item(item) if item else None

    # -- listing -------------------------------------------------------------------------------------------

    def newest(self, account_id: str, limit: int, *, skip: int = 0) -> OrderPage:
        start = self._pages.start(account_id, skip)
        if start is None:
            return OrderPage((), has_more=False)
        newest, more = start
        found = self._between(account_id, 0, newest, limit + 1, skip=more)
        return OrderPage(tuple(found[:limit]), len(found) > limit)

    def older_than(self, account_id: str, number: int, limit: int) -> OrderPage:
        found = self._between(account_id, 0, number - 1, limit + 1)
        return OrderPage(tuple(found[:limit]), len(found) > limit)

    def newer_than(self, account_id: str, number: int, limit: int) -> OrderPage:
        found = self._between(account_id, number + 1, keys.MAX_NUMBER, limit + 1, descending=False)
        return OrderPage(tuple(reversed(found[:limit])), len(found) > limit)

    def since(self, account_id: str, number: int, limit: int) -> list[Order]:
        return self._between(account_id, number, keys.MAX_NUMBER, limit)

    def _between(
        self, account_id: str, low: int, high: int, limit: int, *, skip: int = 0, descending: bool = True
    ) -> list[Order]:
        low, high = max(low, 0), min(high, keys.MAX_NUMBER)
        if low > high:
            return []
        items = self._table.query(
            "#PK = :account AND #SK BETWEEN :low AND :high",
            limit=limit,
            skip=skip,
            descending=descending,
            account=keys.account_partition(account_id),
            low=keys.order(account_id, low)["SK"],
            high=keys.order(account_id, high)["SK"],
        )
        return [order_from_item(item) for item in items]

    def mark_pages(self, account_id: str, before: int) -> None:
        self._pages.extend(account_id, before)

    # -- changing ------------------------------------------------------------------------------------------

    def save_order(self, order: Order, owed: CallbackDelivery | None = None) -> Order:
        # One transaction writes the order and its callback, and releases the order's claims. So a repeated call cannot
        # release the claims twice, and a crash cannot lose the callback.
        saved = _next_version(order)
        write = _replace(order, saved)
        try:
            if order.releases_claims or owed is not None:
                self._transact_ending([write], [order], [owed] if owed else [])
            else:
                self._table.write(write)
        except ConditionFailedError as lost:
            raise ConcurrentUpdateError(f"order {order.number} was changed meanwhile") from lost
        return saved

    def save_payment(self, cart: Cart) -> Cart:
        try:
            self._table.write(_payment(cart))
        except ConditionFailedError as lost:
            raise ConcurrentUpdateError(f"the payment of cart {cart.token} was changed meanwhile") from lost
        return replace(cart, payment_version=cart.payment_version + 1)

    def save_failed_payment(
        self, cart: Cart, orders: Sequence[Order], owed: Sequence[CallbackDelivery] = ()
    ) -> None:
        writes = [_payment(cart), *[_replace(order, _next_version(order)) for order in orders]]
        self._transact_ending(writes, orders, owed)

    def _transact_ending(
        self, writes: Sequence[Write], orders: Sequence[Order], owed: Sequence[CallbackDelivery]
    ) -> None:
        releasing = [order for order in orders if order.releases_claims]
        places = Counter(order.capacity for order in releasing if order.capacity is not None)
        named = [order for order in releasing if order.domain_claim is not None]
        undelivered = [order for order in releasing if order.status is not OrderStatus.COMPLETED]
        releases = [
            *[
                update(keys.capacity(capacity), "SET #used = #used - :count", "#used >= :count", count=count)
                for capacity, count in places.items()
            ],
            *[
                # An operator may have released the domain by hand, and another order may have claimed it since.
                delete(keys.domain_claim(order.domain_claim or ""), "#number = :number", number=order.number)
                for order in named
            ],
            *[
                delete(keys.contacts(order.account_id, order.number))
                for order in undelivered
                if order.domain_claim is not None
            ],
            *[spending.give_back(account_id, spend) for account_id, spend in spending.spends_of(undelivered)],
            *[put(delivery_to_item(replace(one, version=one.version + 1)), IS_NEW) for one in owed],
        ]
        while True:
            try:
                self._table.transact([*writes, *releases])
                return
            except TransactionRefusedError as refused:
                if any(refused.failed[: len(writes)]):
                    raise ConcurrentUpdateError("a cart or order was changed meanwhile") from refused
                # The order must end, so leave out the releases whose conditions failed, and try again. An operator may
                # have reset the counter or released the domain by hand, or the callback may already be stored.
                failed = refused.failed[len(writes) :]
                releases = [release for release, lost in zip(releases, failed, strict=True) if not lost]

    def save_roll_up(self, account_id: str, token: str, news: Mapping[int, OrderSnapshot]) -> Cart | None:
        """Raises ConcurrentUpdateError if other processes keep changing the roll-up."""
        for delay in delays(_ROLLUP_ATTEMPTS):
            known = self.cart(account_id, token)
            if known is None:
                return None
            cart = known.with_snapshots(news)
            if cart == known:
                return known
            cart = replace(cart, rollup_version=known.rollup_version + 1)
            condition = "#rollup_version = :known" if known.rollup_version else IS_NEW
            try:
                self._table.write(put(rollup_to_item(cart), condition, known=known.rollup_version))
            except ConditionFailedError:
                self._sleep(delay)  # another update came first, so read again and add ours
                continue
            return cart
        raise ConcurrentUpdateError(f"the roll-up of cart {token} keeps changing")

    # -- the reconciler's index ----------------------------------------------------------------------------

    def due(self, now: int, limit: int) -> list[DueItem]:
        """The index lags behind the table, so an item may already have changed."""
        found = []
        for shard in keys.due_shards():
            found += self._table.query(
                "#due_shard = :shard AND #due_at <= :now",
                index="due",
                consistent=False,
                limit=limit,
                shard=shard,
                now=now,
            )
        due = []
        for item in sorted(found, key=lambda item: (item["due_at"], item["SK"])):
            kind = keys.due_kind(item)
            if kind is not None:
                due.append(DueItem(*kind, item["due_at"]))
        return due[:limit]

    def postpone(self, item: DueItem, due_at: int) -> bool:
        # This write keeps the item's version, so a concurrent write of the item does not fail.
        try:
            self._table.write(
                update(
                    _due_key(item), "SET #due_at = :later", "#due_at = :seen", later=due_at, seen=item.due_at
                )
            )
        except ConditionFailedError:
            return False
        return True


def _due_key(item: DueItem) -> keys.Key:
    if item.kind == "order":
        return keys.order(item.account_id, int(item.key))
    if item.kind == "callback":
        return keys.callback(item.account_id, int(item.key))
    return keys.cart(item.account_id, item.key)


def _next_version(order: Order) -> Order:
    saved = replace(order, version=order.version + 1)
    return saved.without_claims() if order.releases_claims else saved


def _replace(order: Order, saved: Order) -> Write:
    return put(order_to_item(saved), "#version = :version", version=order.version)


def _payment(cart: Cart) -> Write:
    key = keys.cart(cart.account_id, cart.token)
    setting = (
        "SET #payment = :payment, #payment_version = :next, #payment_lease = :lease,"
        " #payment_moves = :moves, #updated_at = :updated_at"
    )
    if cart.due_at is None:
        setting += " REMOVE #due_at, #due_shard"
    else:
        setting += ", #due_at = :due_at, #due_shard = :due_shard"
    return update(
        key,
        setting,
        "#payment_version = :version",
        payment=to_plain(cart.payment),
        version=cart.payment_version,
        next=cart.payment_version + 1,
        lease=cart.payment_lease,
        moves=to_plain(cart.payment_moves),
        updated_at=cart.updated_at,
        due_at=cart.due_at,
        due_shard=keys.due_shard(key),
    )
