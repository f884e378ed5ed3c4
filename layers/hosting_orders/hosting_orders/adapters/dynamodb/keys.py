"""Every key of the table. A structure test forbids that other modules build keys.

A key made for one account cannot reach another account's items.
"""

from __future__ import annotations

import zlib

Key = dict[str, str]

MAX_NUMBER = 10**16 - 1
"""The largest number with 16 digits. Real order numbers are below 2**49."""

DUE_SHARDS = 4
"""The number of partitions of the index `due`. Several partitions spread the writes."""

_ACCOUNT = "ACCOUNT#"
_USER = "USER#"
_CREDENTIAL = "KEY#"
_EVENT = "EVENT#"
_NUMBER = "NUMBER#"
_LIMIT = "LIMIT#"
_OFFER = "OFFER#"
_USED = "USED#"
_CATALOGUE = "CATALOGUE"

_CART = "CART#"
_ROLLUP = "#ROLLUP"
_ORDER = "ORDER#"
_TOKEN = "TOKEN#"  # noqa: S105 - a prefix, not a password
_CALLBACK = "CALLBACK#"
_CONTACTS = "CONTACTS#"
_WEBHOOK = "WEBHOOK#"
_WEBHOOK_COUNT = "WEBHOOKS"
_WEBHOOK_CREATION = "WEBHOOKCREATION#"
_DELIVERY = "DELIVERY#"
_PAGE = "PAGE#"
_QUOTE = "QUOTE#"
_SPENDING = "SPENDING#"
_DOMAIN = "DOMAIN#"
_TLD = "TLD#"
_VM_PLAN = "VMPLAN#"
_IMAGE = "IMAGE#"
_PLAN = "PLAN#"
_LOCATION = "LOCATION#"
_VARIANT = "VARIANT#"
_CAPACITY = "CAPACITY#"
_DUE = "DUE#"
_API_KEY = "APIKEY#"
_DUE_WEBHOOK = "DUEWEBHOOK#"


def _key(partition: str, sort: str) -> Key:
    return {"PK": partition, "SK": sort}


def _padded(number: int) -> str:
    return f"{number:016d}"


# -- items of one account ----------------------------------------------------------------------------------


def account_partition(account_id: str) -> str:
    return _ACCOUNT + account_id


def account(account_id: str) -> Key:
    return _key(account_partition(account_id), "ACCOUNT")


def cart(account_id: str, token: str) -> Key:
    return _key(account_partition(account_id), _CART + token)


def cart_rollup(account_id: str, token: str) -> Key:
    """Sorts right after the cart, so one query reads both."""
    return _key(account_partition(account_id), _CART + token + _ROLLUP)


def order(account_id: str, number: int) -> Key:
    return _key(account_partition(account_id), _ORDER + _padded(number))


def token(account_id: str, number: int, step: str) -> Key:
    return _key(account_partition(account_id), f"{_TOKEN}{_padded(number)}#{step}")


def callback(account_id: str, number: int) -> Key:
    return _key(account_partition(account_id), _CALLBACK + _padded(number))


def contacts(account_id: str, number: int) -> Key:
    """Separate from the order, so reading an order reads no personal data."""
    return _key(account_partition(account_id), _CONTACTS + _padded(number))


def webhook(account_id: str, endpoint_id: str) -> Key:
    return _key(account_partition(account_id), _WEBHOOK + endpoint_id)


def webhook_count(account_id: str) -> Key:
    return _key(account_partition(account_id), _WEBHOOK_COUNT)


def webhook_creation(account_id: str, token: str) -> Key:
    return _key(account_partition(account_id), _WEBHOOK_CREATION + token)


def webhook_delivery(account_id: str, endpoint_id: str, message_id: str) -> Key:
    """Message ids sort by time."""
    return _key(account_partition(account_id), f"{_DELIVERY}{endpoint_id}#{message_id}")


def page_mark(account_id: str, place: int) -> Key:
    return _key(account_partition(account_id), _PAGE + _padded(place))


def used_quote(account_id: str, quote_id: str) -> Key:
    return _key(account_partition(account_id), _QUOTE + quote_id)


def spending(account_id: str, key: str, month: str) -> Key:
    return _key(account_partition(account_id), f"{_SPENDING}{key}#{month}")


def api_key(account_id: str, key_id: str) -> Key:
    return _key(account_partition(account_id), _API_KEY + key_id)


def api_keys_made(account_id: str) -> Key:
    """Sorts before the keys, so one query reads both."""
    return _key(account_partition(account_id), _API_KEY)


# -- items shared by all accounts --------------------------------------------------------------------------


def user(user_id: str) -> Key:
    return _key(_USER + user_id, "USER")


def credential(key_hash: str) -> Key:
    """`key_hash` is SHA-256 in hex. The key itself is not stored."""
    return _key(_CREDENTIAL + key_hash, "KEY")


def key_use(key_hash: str) -> Key:
    """A separate item, so noting a use needs no permission to write keys."""
    return _key(_USED + key_hash, "USED")


def number_claim(number: int) -> Key:
    return _key(_NUMBER + _padded(number), "NUMBER")


def domain_claim(name: str) -> Key:
    return _key(_DOMAIN + name, "DOMAIN")


def domain_offer(name: str) -> Key:
    return _key(_OFFER + name, "OFFER")


def provider_event(provider: str, event_id: str) -> Key:
    return _key(f"{_EVENT}{provider}#{event_id}", "EVENT")


def request_count(bucket: str, ends_at: int) -> Key:
    """`ends_at` is Unix seconds."""
    return _key(_LIMIT + bucket, str(ends_at))


def catalogue_partition() -> str:
    return _CATALOGUE


def plan(short_name: str) -> Key:
    return _key(_CATALOGUE, _PLAN + short_name)


def location(short_name: str) -> Key:
    return _key(_CATALOGUE, _LOCATION + short_name)


def vm_plan(short_name: str) -> Key:
    return _key(_CATALOGUE, _VM_PLAN + short_name)


def image(short_name: str) -> Key:
    return _key(_CATALOGUE, _IMAGE + short_name)


def variant(name: str) -> Key:
    return _key(_CATALOGUE, _VARIANT + name)


def tld(name: str) -> Key:
    return _key(_CATALOGUE, _TLD + name)


def capacity(name: str) -> Key:
    """A separate item, because every order of a limited variant changes it."""
    return _key(_CATALOGUE, _CAPACITY + name)


# -- reading keys back -------------------------------------------------------------------------------------


def is_order(key: Key) -> bool:
    return key["PK"].startswith(_ACCOUNT) and key["SK"].startswith(_ORDER)


def is_cart(key: Key) -> bool:
    """False for a cart's roll-up."""
    return key["SK"].startswith(_CART) and not key["SK"].endswith(_ROLLUP)


def is_webhook(key: Key) -> bool:
    return key["SK"].startswith(_WEBHOOK)


def of_webhook_delivery(key: Key) -> tuple[str, str, str]:
    """Return the ids of the account, the endpoint and the message."""
    endpoint_id, _, message_id = key["SK"].removeprefix(_DELIVERY).partition("#")
    return key["PK"].removeprefix(_ACCOUNT), endpoint_id, message_id


def catalogue_kind(key: Key) -> tuple[str, str] | None:
    for prefix in (_PLAN, _VM_PLAN, _IMAGE, _LOCATION, _VARIANT, _TLD, _CAPACITY):
        if key["SK"].startswith(prefix):
            return prefix.rstrip("#").lower(), key["SK"].removeprefix(prefix)
    return None


def due_kind(key: Key) -> tuple[str, str, str] | None:
    """Return the account id, the kind (`order`, `cart` or `callback`), and the number or token."""
    account_id = key["PK"].removeprefix(_ACCOUNT)
    sort = key["SK"]
    if sort.startswith(_ORDER):
        return account_id, "order", str(int(sort.removeprefix(_ORDER)))
    if sort.startswith(_CALLBACK):
        return account_id, "callback", str(int(sort.removeprefix(_CALLBACK)))
    if sort.startswith(_CART):
        return account_id, "cart", sort.removeprefix(_CART)
    return None


# -- the index `due` ---------------------------------------------------------------------------------------


def due_shard(key: Key) -> str:
    """Webhook deliveries have partitions of their own, so that many deliveries do not delay a due order.

    All deliveries of an endpoint are in one partition.
    """
    if key["SK"].startswith(_DELIVERY):
        endpoint = key["PK"] + key["SK"].rpartition("#")[0]
        return f"{_DUE_WEBHOOK}{zlib.crc32(endpoint.encode()) % DUE_SHARDS}"
    return f"{_DUE}{zlib.crc32((key['PK'] + key['SK']).encode()) % DUE_SHARDS}"


def due_shards() -> list[str]:
    return [f"{_DUE}{shard}" for shard in range(DUE_SHARDS)]


def due_webhook_shards() -> list[str]:
    return [f"{_DUE_WEBHOOK}{shard}" for shard in range(DUE_SHARDS)]
