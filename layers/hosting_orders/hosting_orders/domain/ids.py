"""One order, one number, three spellings (docs/contracts.md C02).

The `number` is minted without a shared counter: 32 bits of Unix seconds, 10 of milliseconds and 7 random bits, so it
grows with time, is positive and stays below 2**49. With one digit behind it for a task it is still exact in
JavaScript (< 2**53). The 24-hex id and the UUID are computed from the number and back; what they have to spare is
filled with a digest of the number, so that an id which was never ours does not decode and needs no read to answer
404.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import uuid

_SECONDS_BITS = 32
_RANDOM_BITS = 7
_REST_BITS = 10 + _RANDOM_BITS  # below the seconds
_LIMIT = 1 << (_SECONDS_BITS + _REST_BITS)
_IN_A_MILLISECOND = 1 << _RANDOM_BITS

_DIGITS = re.compile(r"[1-9][0-9]{0,15}")
_HEX = re.compile(r"[0-9a-f]{24}")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def mint_number(now_ms: int, attempt: int = 0) -> int:
    """A new number for this moment (epoch milliseconds), as `mint_numbers` makes them."""
    return mint_numbers(now_ms, 1, attempt)[0]


def mint_numbers(now_ms: int, count: int, attempt: int = 0) -> list[int]:
    """New order numbers for this moment (epoch milliseconds), ascending, no two the same.

    Another order may have one of them already, so the create is conditional. Each further `attempt` (from 0) takes
    them from a stretch of time that is eight times as long: a millisecond has room for 128 orders over all accounts.
    """
    room = _IN_A_MILLISECOND * 8**attempt
    places = sorted(secrets.SystemRandom().sample(range(room), count))
    return [_number(now_ms + place // _IN_A_MILLISECOND, place % _IN_A_MILLISECOND) for place in places]


def _number(moment_ms: int, place: int) -> int:
    seconds, milliseconds = divmod(moment_ms, 1000)
    return (seconds << _REST_BITS) | (milliseconds << _RANDOM_BITS) | place


def smallest_number_at(moment_ms: int) -> int:
    """The lowest number an order placed at or after this moment can have: a time range is a key range.

    It is the whole second's: older orders have random bits where the milliseconds are now.
    """
    return max(1, _number(moment_ms // 1000 * 1000, 0))


def placed_at(number: int) -> int:
    """The moment that a number was minted for (epoch ms). Older numbers are only right to the second."""
    seconds, rest = number >> _REST_BITS, number & ((1 << _REST_BITS) - 1)
    return seconds * 1000 + min(rest >> _RANDOM_BITS, 999)


def _digest(purpose: bytes, number: int) -> bytes:
    return hashlib.sha256(purpose + number.to_bytes(8, "big")).digest()


def object_id(number: int) -> str:
    """The 24-hex spelling: like an ObjectId it begins with four bytes of Unix seconds."""
    seconds, rest = number >> _REST_BITS, number & ((1 << _REST_BITS) - 1)
    digest = _digest(b"object-id", number)
    middle = (rest << 7) | (digest[5] >> 1)
    return (seconds.to_bytes(4, "big") + middle.to_bytes(3, "big") + digest[:5]).hex()


def resource_id(number: int) -> str:
    """The 24-hex id of what an order has delivered: made like the order's own, and never the same."""
    return object_id(number)[:14] + _digest(b"resource-id", number)[:5].hex()


def order_uuid(number: int) -> str:
    """The UUID spelling (version 8: ours to fill): 49 bits of number, the rest a digest of it."""
    digest = bytearray(_digest(b"uuid", number)[:16])
    digest[0:6] = (number >> 1).to_bytes(6, "big")
    digest[6] = 0x80 | ((number & 1) << 3) | (digest[6] & 0x07)
    digest[8] = 0x80 | (digest[8] & 0x3F)
    return str(uuid.UUID(bytes=bytes(digest)))


def parse_order_id(text: str) -> int | None:
    """The order number behind any of the three spellings, or None if this was never an order's id."""
    text = text.strip().lower()
    if _DIGITS.fullmatch(text):
        number = int(text)
        return number if number < _LIMIT else None
    if _HEX.fullmatch(text):
        raw = bytes.fromhex(text)
        number = (int.from_bytes(raw[:4], "big") << _REST_BITS) | (int.from_bytes(raw[4:7], "big") >> 7)
        return number if number and object_id(number) == text else None
    if _UUID.fullmatch(text):
        raw = uuid.UUID(text).bytes
        number = (int.from_bytes(raw[:6], "big") << 1) | ((raw[6] >> 3) & 1)
        return number if 0 < number < _LIMIT and order_uuid(number) == text else None
    return None


def is_order_id(text: str) -> bool:
    """Whether the text has the form of one of the three spellings; no order need have this id."""
    text = text.strip().lower()
    return any(form.fullmatch(text) for form in (_DIGITS, _HEX, _UUID))


def task_id(number: int, step: int) -> int:
    """The integer id of an order's task; `step` is 1 to 9."""
    return number * 10 + step


def parse_task_id(text: str) -> tuple[int, int] | None:
    """(order number, step) behind a task's id, or None."""
    if not _DIGITS.fullmatch(text) and not re.fullmatch(r"[1-9][0-9]{16}", text):
        return None
    number, step = divmod(int(text), 10)
    return (number, step) if 0 < number < _LIMIT and step > 0 else None


def registration_id(number: int) -> int:
    """The integer id of the registration that a domain order became: the tenth place after its nine tasks'."""
    return number * 10


def parse_registration_id(given: int) -> int | None:
    """The order number behind a registration's id, or None."""
    number, rest = divmod(given, 10)
    return number if rest == 0 and 0 < number < _LIMIT else None


def cart_token(account_id: str, idempotency_key: str | None) -> str:
    """A cart's token: a hash of account and Idempotency-Key, if any: the cart is its own idempotency record."""
    if idempotency_key is None:
        return str(uuid.uuid4())
    digest = bytearray(hashlib.sha256(f"cart\0{account_id}\0{idempotency_key}".encode()).digest()[:16])
    digest[6] = 0x80 | (digest[6] & 0x0F)
    digest[8] = 0x80 | (digest[8] & 0x3F)
    return str(uuid.UUID(bytes=bytes(digest)))


def parse_cart_token(text: str) -> str | None:
    """The token in its one spelling, or None if it can't be one (then there is nothing to look up)."""
    text = text.strip().lower()
    return text if _UUID.fullmatch(text) else None


def callback_message_id(number: int) -> str:
    """The `webhook-id` of an order's callback: the same on every attempt, so the receiver can drop repeats."""
    return "msg_" + _digest(b"callback", number)[:16].hex()
