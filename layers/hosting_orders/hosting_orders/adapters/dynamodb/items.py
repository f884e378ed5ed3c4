"""Convert domain objects to table items and back. `due_at` and `due_shard` put an item into the index `due`."""

from __future__ import annotations

from typing import Any

from hosting_orders.domain.account import Account, Credential, User
from hosting_orders.domain.api_key import KEPT, ApiKey
from hosting_orders.domain.callback import CallbackDelivery
from hosting_orders.domain.cart import Cart, OrderSnapshot, RollupStatus
from hosting_orders.domain.catalogue import DomainPrice, Image, Location, Plan, Term, Tld, Variant, VmPlan
from hosting_orders.domain.order import Order, OrderStatus
from hosting_orders.domain.placement import Channel
from hosting_orders.domain.products import ProductKind
from hosting_orders.domain.registration import SealedContacts
from hosting_orders.domain.webhook import WebhookCreation, WebhookDelivery, WebhookEndpoint

from . import keys
from .plain import from_plain, to_plain

Item = dict[str, Any]

NOT_REPORTED = OrderSnapshot(OrderStatus.PENDING, 0)
"""The snapshot of an order before its first change reaches the roll-up."""


def _item(key: keys.Key, attributes: Item) -> Item:
    item = {**key, **attributes}
    if "due_at" in item:
        item["due_shard"] = keys.due_shard(key)
    return item


# -- orders ------------------------------------------------------------------------------------------------


def order_to_item(order: Order) -> Item:
    attributes = {"type": order.kind.value, **to_plain(order)}
    return _item(keys.order(order.account_id, order.number), attributes)


def order_from_item(item: Item) -> Order:
    # In items written before 2026-11-27, the order's channel and domain fields are top-level attributes.
    older: Item = {"placed": {"channel": item.get("channel", Channel.API)}}
    if item["type"] == ProductKind.DOMAIN:
        older["domain"] = item
    return from_plain(Order, {**older, **item})


# -- carts and their roll-ups ------------------------------------------------------------------------------
#
# The cost of a write depends on the size of the whole item. Each change of an order's status also changes the cart's
# roll-up. So the roll-up is a small item of its own and not a part of the cart. Its writes do not conflict with the
# writes of payments, which change the cart.


def number_claim_to_item(number: int, account_id: str) -> Item:
    # An order's number is unique across accounts, because providers receive the order's id without its account. The
    # store of accounts (directory.py) claims a new account's number in the same way.
    return {**keys.number_claim(number), "account_id": account_id}


def domain_claim_to_item(order: Order) -> Item:
    return {
        **keys.domain_claim(order.domain_claim or ""),
        "account_id": order.account_id,
        "number": order.number,
    }


def page_mark_to_item(account_id: str, place: int, number: int) -> Item:
    """`place` counts from the account's oldest order."""
    return {**keys.page_mark(account_id, place), "place": place, "number": number}


# A used quote is kept for this many seconds after its cart was written. A quote expires much earlier.
_QUOTE_KEPT = 24 * 3600


def used_quote_to_item(cart: Cart, quote_id: str) -> Item:
    return {
        **keys.used_quote(cart.account_id, quote_id),
        "token": cart.token,
        "expires_at": cart.created_at // 1000 + _QUOTE_KEPT,
    }


def contacts_to_item(contacts: SealedContacts) -> Item:
    return _item(keys.contacts(contacts.account_id, contacts.number), to_plain(contacts))


def contacts_from_item(item: Item) -> SealedContacts:
    return from_plain(SealedContacts, item)


def cart_to_item(cart: Cart) -> Item:
    attributes = to_plain(cart, without=("orders", "rollup_status", "rollup_version"))
    return _item(keys.cart(cart.account_id, cart.token), {**attributes, "orders": list(cart.orders)})


def rollup_to_item(cart: Cart) -> Item:
    """`marks` lists `place:version` for each status. Place 1 is the cart's first order."""
    marks: dict[str, list[str]] = {}
    for place, mark in enumerate(cart.orders.values(), start=1):
        marks.setdefault(mark.status.value, []).append(f"{place}:{mark.version}")
    return {
        **keys.cart_rollup(cart.account_id, cart.token),
        "rollup_status": cart.rollup_status.value,
        "rollup_version": cart.rollup_version,
        "marks": {status: " ".join(places) for status, places in marks.items()},
    }


def cart_from_items(item: Item, rollup: Item | None) -> Cart:
    """`rollup` is None before the first status update."""
    numbers: list[int] = item["orders"]
    marks = dict.fromkeys(numbers, NOT_REPORTED)
    if rollup is None:
        return from_plain(Cart, {**item, "orders": marks})
    for status, places in rollup["marks"].items():
        for place_and_version in places.split():
            place, version = place_and_version.split(":")
            marks[numbers[int(place) - 1]] = OrderSnapshot(OrderStatus(status), int(version))
    news = {
        "orders": marks,
        "rollup_status": RollupStatus(rollup["rollup_status"]),
        "rollup_version": rollup["rollup_version"],
    }
    return from_plain(Cart, {**item, **news})


# -- callbacks ---------------------------------------------------------------------------------------------


def delivery_to_item(delivery: CallbackDelivery) -> Item:
    return _item(keys.callback(delivery.account_id, delivery.number), to_plain(delivery))


def delivery_from_item(item: Item) -> CallbackDelivery:
    return from_plain(CallbackDelivery, item)


# -- webhooks ----------------------------------------------------------------------------------------------


def webhook_endpoint_to_item(endpoint: WebhookEndpoint) -> Item:
    return _item(keys.webhook(endpoint.account_id, endpoint.id), to_plain(endpoint))


def webhook_endpoint_from_item(item: Item) -> WebhookEndpoint:
    return from_plain(WebhookEndpoint, item)


def webhook_creation_to_item(creation: WebhookCreation) -> Item:
    return _item(keys.webhook_creation(creation.account_id, creation.token), to_plain(creation))


def webhook_creation_from_item(item: Item) -> WebhookCreation:
    return from_plain(WebhookCreation, item)


def webhook_delivery_to_item(delivery: WebhookDelivery) -> Item:
    key = keys.webhook_delivery(delivery.account_id, delivery.endpoint_id, delivery.message_id)
    return _item(key, to_plain(delivery))


def webhook_delivery_from_item(item: Item) -> WebhookDelivery:
    return from_plain(WebhookDelivery, item)


# -- accounts, users, credentials --------------------------------------------------------------------------


def account_to_item(account: Account) -> Item:
    return _item(keys.account(account.id), to_plain(account))


def account_from_item(item: Item) -> Account:
    return from_plain(Account, item)


def user_to_item(user: User) -> Item:
    return _item(keys.user(user.id), to_plain(user))


def user_from_item(item: Item) -> User:
    return from_plain(User, item)


def credential_to_item(credential: Credential) -> Item:
    """The expiry is stored as `valid_until`, because the table's TTL deletes items by `expires_at`."""
    attributes = to_plain(credential, without=("expires_at",))
    if credential.expires_at is not None:
        attributes["valid_until"] = credential.expires_at
    return _item(keys.credential(credential.key_hash), attributes)


def credential_from_item(item: Item) -> Credential:
    return from_plain(Credential, {**item, "expires_at": item.get("valid_until")})


def api_key_to_item(key: ApiKey) -> Item:
    item = _item(keys.api_key(key.account_id, key.id), to_plain(key))
    ended = key.ended_at
    return item if ended is None else {**item, "expires_at": deleted_at(ended)}


def api_key_from_item(item: Item) -> ApiKey:
    return from_plain(ApiKey, item)


def secret_to_item(credential: Credential) -> Item:
    item = credential_to_item(credential)
    until = credential.expires_at
    return item if until is None else {**item, "expires_at": deleted_at(until)}


def deleted_at(ended: int) -> int:
    """When DynamoDB may delete the item (Unix seconds)."""
    return (ended + KEPT) // 1000


# -- the catalogue -----------------------------------------------------------------------------------------


def plan_to_item(plan: Plan) -> Item:
    """`prices`: billing plan → term → currency → net minor units."""
    key = keys.vm_plan(plan.short_name) if isinstance(plan, VmPlan) else keys.plan(plan.short_name)
    prices: dict[str, dict[str, dict[str, int]]] = {}
    for (billing_plan, term, currency), amount in plan.prices.items():
        prices.setdefault(billing_plan, {}).setdefault(term.value, {})[currency] = amount
    return _item(key, {**to_plain(plan, without=("prices",)), "prices": prices})


def plan_from_item(item: Item) -> Plan:
    return from_plain(Plan, {**item, "prices": _prices_of(item)})


def vm_plan_from_item(item: Item) -> VmPlan:
    return from_plain(VmPlan, {**item, "prices": _prices_of(item)})


def image_to_item(image: Image) -> Item:
    return _item(keys.image(image.short_name), to_plain(image))


def image_from_item(item: Item) -> Image:
    return from_plain(Image, item)


def _prices_of(item: Item) -> dict[tuple[str, Term, str], int]:
    return {
        (billing_plan, Term(term), currency): amount
        for billing_plan, terms in item["prices"].items()
        for term, currencies in terms.items()
        for currency, amount in currencies.items()
    }


def location_to_item(location: Location) -> Item:
    return _item(keys.location(location.short_name), to_plain(location))


def location_from_item(item: Item) -> Location:
    return from_plain(Location, item)


def variant_to_item(variant: Variant) -> Item:
    return _item(keys.variant(variant.name), to_plain(variant, without=("capacity", "used")))


def variant_from_items(item: Item, counter: Item | None) -> Variant:
    counted = {name: value for name, value in (counter or {}).items() if name in ("capacity", "used")}
    return from_plain(Variant, {**item, **counted})


def tld_to_item(tld: Tld) -> Item:
    # `prices`: billing plan → currency → register, transfer, renew (net minor units). `premium`: domain → the same
    # structure as `prices`.
    prices: dict[str, dict[str, dict[str, int]]] = {}
    for (billing_plan, currency), price in tld.prices.items():
        prices.setdefault(billing_plan, {})[currency] = to_plain(price)
    premium: dict[str, dict[str, dict[str, dict[str, int]]]] = {}
    for (name, billing_plan, currency), price in tld.premium.items():
        premium.setdefault(name, {}).setdefault(billing_plan, {})[currency] = to_plain(price)
    found = {"name": tld.name, "prices": prices, "premium": premium, "max_cost": tld.max_cost}
    return _item(keys.tld(tld.name), found)


def tld_from_item(item: Item) -> Tld:
    prices = {
        (billing_plan, currency): from_plain(DomainPrice, price)
        for billing_plan, currencies in item["prices"].items()
        for currency, price in currencies.items()
    }
    premium = {
        (name, billing_plan, currency): from_plain(DomainPrice, price)
        for name, billing_plans in item.get("premium", {}).items()
        for billing_plan, currencies in billing_plans.items()
        for currency, price in currencies.items()
    }
    most = item.get("max_cost")
    return Tld(item["name"], prices, premium, None if most is None else int(most))
