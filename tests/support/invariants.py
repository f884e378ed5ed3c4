"""The conditions that must hold at the end of every simulation (tests/support/simulation.py)."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from hosting_orders.domain.cart import Cart, roll_up
from hosting_orders.domain.ids import callback_message_id
from hosting_orders.domain.order import ENDS, Order, OrderStatus
from hosting_orders.domain.products import DomainItem, ProductKind
from tests.support.checkout import sessions
from tests.support.domain_books import claims, contacts, zones
from tests.support.spending import counted, expected
from tests.support.world import World

DAY = 86_400


class Invariants:
    def __init__(
        self, world: World, orders: Sequence[Order], statuses: Mapping[str, Sequence[OrderStatus]]
    ) -> None:
        self.world = world
        self.orders = orders
        self.statuses = statuses

    def violations(self) -> list[str]:
        orders = self.orders
        carts: dict[tuple[str, str], list[Order]] = defaultdict(list)
        for order in orders:
            carts[order.account_id, order.cart_token].append(order)
        wrong: list[str] = []
        for (account_id, token), ordered in carts.items():
            cart = self.world.services.orders.cart(account_id, token)
            assert cart is not None
            wrong += self._wrong_with_cart(cart, ordered)
        messages = {request.message_id for request in self.world.callbacks.received}
        for order in orders:
            wrong += self._wrong_with_order(order, messages)
        if messages - {self._message_of(order) for order in orders}:
            wrong.append("a callback without an order")
        wrong += self._wrong_with_platforms(orders)
        wrong += self._wrong_with_names(orders)
        wrong += self._wrong_with_spending(orders)
        holding = sum(order.status is OrderStatus.COMPLETED and order.kind == "site" for order in orders)
        (counter,) = self.world.items("CAPACITY#")
        used = int(counter["used"]["N"])
        if used != holding:
            wrong.append(f"{used} places are taken, but {holding} orders hold one")
        for execution in self.world.runner.executions.values():
            if execution.status != "SUCCEEDED":
                wrong.append(f"execution {execution.name} is {execution.status}")
        return wrong

    def _wrong_with_cart(self, cart: Cart, orders: list[Order]) -> list[str]:
        wrong = []
        stripe = self.world.stripe
        name = f"cart {cart.token} {[str(order.status) for order in orders]}"
        invoices = [i for i in stripe.invoices() if i["metadata"].get("cart_token") == cart.token]
        paid = [invoice for invoice in invoices if invoice["status"] == "paid"]
        if any(invoice["status"] in ("open", "draft") for invoice in invoices):
            wrong.append(f"{name} has an invoice that can still be paid")
        notes = [n for n in stripe.credit_notes() if n["invoice"] in {i["id"] for i in paid}]
        kept = sum(i["total"] for i in paid) - sum(note["total"] for note in notes)
        times = len(paid)
        if cart.checkout:
            pages = sessions(self.world, cart.token)
            if any(page["status"] == "open" for page in pages):
                wrong.append(f"{name} has a page that can still be paid")
            kept, times = self._kept_of(pages), sum(page["payment_status"] == "paid" for page in pages)
        delivered = sum(order.price.amount for order in orders if order.status is OrderStatus.COMPLETED)
        if times > 1:
            wrong.append(f"{name} was paid {times} times")
        if kept != delivered:
            wrong.append(f"{name}: {kept} cents kept for {delivered} cents delivered")
        returned = [order.refund for order in orders if order.refund is not None]
        if cart.payment.refunded != sum(refund.amount + refund.to_credit for refund in returned):
            wrong.append(f"{name} records {cart.payment.refunded} cents as refunded")
        if not cart.payment.settled:
            wrong.append(f"{name}: its payment is {cart.payment.status}")
        if sorted(cart.orders) != sorted(order.number for order in orders):
            wrong.append(f"{name} lists other orders than those stored")
        if cart.rollup_status is not roll_up([order.status for order in orders]):
            wrong.append(f"{name}: rolled up as {cart.rollup_status}")
        if cart.due_at is not None:
            wrong.append(f"{name} is still due")
        return wrong

    def _kept_of(self, pages: list[dict[str, Any]]) -> int:
        intents = {page["payment_intent"] for page in pages if page["payment_status"] == "paid"}
        taken = sum(page["amount_total"] for page in pages if page["payment_status"] == "paid")
        returned = (one for one in self.world.stripe.objects("refund") if one["payment_intent"] in intents)
        return int(taken - sum(refund["amount"] for refund in returned if refund["status"] != "failed"))

    def _wrong_with_order(self, order: Order, messages: set[str]) -> list[str]:
        wrong = []
        name = f"{order.account_id} {order.number} {order.status}"
        delivered = order.status is OrderStatus.COMPLETED
        if order.status not in ENDS:
            wrong.append(f"{name} has not ended")
        if delivered and (order.refund is not None or order.resource is None):
            wrong.append(f"{name} was delivered, but is refunded or has no resource")
        if order.refund is not None and order.refund.amount + order.refund.to_credit != order.price.amount:
            wrong.append(f"{name}: {order.refund} of {order.price} was refunded")
        renewals = [
            one
            for one in self.world.stripe.subscriptions()
            if one["metadata"].get("order_id") == order.uuid and one["status"] != "canceled"
        ]
        if len(renewals) != delivered:
            wrong.append(f"{name} has {len(renewals)} renewals")
        if self._message_of(order) not in messages:
            wrong.append(f"{name}: its client received no callback")
        history = self.statuses[order.uuid]
        if any(status in ENDS for status in history[:-1]):
            wrong.append(f"{name}: left a final status: {history}")
        # After its end, only a domain order is still due: at the time when its next year is charged.
        if (order.due_at or 0) > self.world.clock.now() + 200 * DAY * 1000 and order.renewal_is_watched:
            return wrong
        if order.due_at is not None or order.renewal_is_watched:
            wrong.append(f"{name} is due at {order.due_at}")
        return wrong

    def _wrong_with_platforms(self, orders: Sequence[Order]) -> list[str]:
        """Compare the platforms' resources with the orders.

        A delivered site or machine has exactly one resource of each kind, on one platform only. No resource exists for
        any other id, whether the id belongs to an order or not.
        """
        standing: dict[str, Counter[str]] = defaultdict(Counter)
        for platform in self.world.platforms:
            for order_id, things in platform.standing().items():
                standing[order_id].update(things)
        delivered = {
            order.uuid
            for order in orders
            if order.status is OrderStatus.COMPLETED and order.kind is not ProductKind.DOMAIN
        }
        wrong = [
            f"{dict(standing[order_id])} exists for {order_id}, delivered: {order_id in delivered}"
            for order_id in sorted(delivered | set(standing))
            if set(standing[order_id].values()) != ({1} if order_id in delivered else set())
        ]
        for order in orders:
            built = sum(platform.built(order.uuid) for platform in self.world.platforms)
            if built > 1:
                wrong.append(f"{order.number} was built {built} times")
        return wrong

    def _wrong_with_names(self, orders: list[Order]) -> list[str]:
        """Compare registrations, zones, claims and stored contacts with the delivered domain orders."""
        wrong = []
        registrar = self.world.registrar
        domains = [order for order in orders if order.kind == "domain"]
        for name in sorted({order.item_as(DomainItem).ascii_name for order in domains}):
            ours = [order for order in domains if order.item_as(DomainItem).ascii_name == name]
            asked = sum(order.domain_record.submission is not None for order in ours)
            delivered = sum(order.status is OrderStatus.COMPLETED for order in ours)
            if registrar.submissions(name) > asked:
                wrong.append(f"{name}: {registrar.submissions(name)} submissions for {asked} orders")
            if registrar.registrations(name) != delivered or len(zones(self.world, name)) != delivered:
                wrong.append(
                    f"{name}: {registrar.registrations(name)} registrations and {len(zones(self.world, name))} "
                    f"zones for {delivered} delivered orders"
                )
        held = [order for order in domains if order.status is OrderStatus.COMPLETED]
        if claims(self.world) != {order.item_as(DomainItem).ascii_name for order in held}:
            wrong.append(f"claims: {sorted(claims(self.world))}")
        if contacts(self.world) != {order.number for order in held}:
            wrong.append(f"contacts of {len(contacts(self.world))} orders are stored for {len(held)} domains")
        if self.world.metrics.counts["DomainWithoutOrder"]:
            wrong.append("a domain arrived for an abandoned order")
        return wrong

    def _wrong_with_spending(self, orders: Sequence[Order]) -> list[str]:
        """Compare what the spend caps count with the orders. In the simulation every key has a spend cap."""
        wrong = []
        for order in orders:
            kept = order.price.amount if order.status is OrderStatus.COMPLETED or not order.ended else None
            found = order.spend.amount if order.spend is not None else None
            if found != kept:
                wrong.append(f"{order.number} {order.status}: {found} cents count against its key's cap")
        if counted(self.world) != expected(orders):
            wrong.append(f"the caps count {counted(self.world)} for {expected(orders)}")
        return wrong

    def _message_of(self, order: Order) -> str:
        return callback_message_id(order.number)
