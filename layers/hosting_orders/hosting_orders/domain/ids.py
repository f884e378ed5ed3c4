"""An order's number, and the hex id and UUID computed from it (docs/contracts.md C02).

A number has 32 bits of Unix seconds, 10 of milliseconds and 7 random bits. With a task's digit appended, it is
below 2**53, so JavaScript keeps it exact. The other ids also contain a digest, so an invented id gets 404 without a
read.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import uuid

_SECONDS_BITS = 32
_RANDOM_BITS = 7
_REST_BITS = 10 + _RANDOM_BITS  # bits below the seconds
_LIMIT = 1 << (_SECONDS_BITS + _REST_BITS)
_IN_A_MILLISECOND = 1 << _RANDOM_BITS

_DIGITS = re.compile(r"[1-9][0-9]{0,15}")
_HEX = re.compile(r"[0-9a-f]{24}")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def mint_number(now_ms: int, attempt: int = 0) -> int:
    return mint_numbers(now_ms, 1, attempt)[0]


def mint_numbers(now_ms: int, count: int, attempt: int = 0) -> list[int]:
    """Distinct, ascending numbers. Another order may have one of them, so write each order only if its number is free.

    A millisecond has only 128 numbers, so each further `attempt` draws from eight times as many milliseconds.
    """
    room = _IN_A_MILLISECOND * 8**attempt
    places = sorted(secrets.SystemRandom().sample(range(room), count))
    return [_number(now_ms + place // _IN_A_MILLISECOND, place % _IN_A_MILLISECOND) for place in places]


def _number(moment_ms: int, place: int) -> int:
    seconds, milliseconds = divmod(moment_ms, 1000)
    return (seconds << _REST_BITS) | (milliseconds << _RANDOM_BITS) | place


def smallest_number_at(moment_ms: int) -> int:
    """The lowest number of the second that contains this moment."""
    return max(1, _number(moment_ms // 1000 * 1000, 0))


def placed_at(number: int) -> int:
    """Epoch milliseconds. Numbers of an earlier format have no milliseconds and are exact only to the second."""
    seconds, rest = number >> _REST_BITS, number & ((1 << _REST_BITS) - 1)
    return seconds * 1000 + min(rest >> _RANDOM_BITS, 999)


def _digest(purpose: bytes, number: int) -> bytes:
    return hashlib.sha256(purpose + number.to_bytes(8, "big")).digest()


def object_id(number: int) -> str:
    """Begins with the Unix seconds, like an ObjectId."""
    seconds, rest = number >> _REST_BITS, number & ((1 << _REST_BITS) - 1)
    digest = _digest(b"object-id", number)
    middle = (rest << 7) | (digest[5] >> 1)
    return (seconds.to_bytes(4, "big") + middle.to_bytes(3, "big") + digest[:5]).hex()


def resource_id(number: int) -> str:
    """The delivered product's id, which never equals an order's id."""
    return object_id(number)[:14] + _digest(b"resource-id", number)[:5].hex()


def order_uuid(number: int) -> str:
    """Version 8: 49 bits of number, then a digest."""
    digest = bytearray(_digest(b"uuid", number)[:16])
    digest[0:6] = (number >> 1).to_bytes(6, "big")
    digest[6] = 0x80 | ((number & 1) << 3) | (digest[6] & 0x07)
    digest[8] = 0x80 | (digest[8] & 0x3F)
    return str(uuid.UUID(bytes=bytes(digest)))


def parse_order_id(text: str) -> int | None:
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
    """Whether the text has the form of an order's id."""
    text = text.strip().lower()
    return any(form.fullmatch(text) for form in (_DIGITS, _HEX, _UUID))


def task_id(number: int, step: int) -> int:
    """`step` is 1 to 9."""
    return number * 10 + step


def parse_task_id(text: str) -> tuple[int, int] | None:
    if not _DIGITS.fullmatch(text) and not re.fullmatch(r"[1-9][0-9]{16}", text):
        return None
    number, step = divmod(int(text), 10)
    return (number, step) if 0 < number < _LIMIT and step > 0 else None


def registration_id(number: int) -> int:
    """Ends in 0, so it differs from every task id."""
    return number * 10


def parse_registration_id(given: int) -> int | None:
    number, rest = divmod(given, 10)
    return number if rest == 0 and 0 < number < _LIMIT else None


def cart_token(account_id: str, idempotency_key: str | None) -> str:
    """A hash of account and Idempotency-Key, so a repeated request finds its cart."""
    if idempotency_key is None:
        return str(uuid.uuid4())
    digest = bytearray(hashlib.sha256(f"cart\0{account_id}\0{idempotency_key}".encode()).digest()[:16])
    digest[6] = 0x80 | (digest[6] & 0x0F)
    digest[8] = 0x80 | (digest[8] & 0x3F)
    return str(uuid.UUID(bytes=bytes(digest)))


def parse_cart_token(text: str) -> str | None:
    text = text.strip().lower()
    return text if _UUID.fullmatch(text) else None


def callback_message_id(number: int) -> str:
    """The same on every attempt, so receivers can drop duplicates."""
    return "msg_" + _digest(b"callback", number)[:16].hex()
