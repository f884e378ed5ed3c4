"""SHA-512 password hashes (`$6$…`), as in Ulrich Drepper's "Unix crypt using SHA-256 and SHA-512"."""

from __future__ import annotations

import hashlib
import secrets

# We use SHA-512, because Amazon Linux 2 has no bcrypt. We compute it here, because Python 3.13 has no module `crypt`.
_ALPHABET = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ROUNDS = 5000
_SALT_LENGTH = 16


def new_hash(password: str) -> str:
    return hashed(password, "".join(secrets.choice(_ALPHABET) for _ in range(_SALT_LENGTH)))


def hashed(password: str, salt: str) -> str:
    """`salt` has at most 16 characters."""
    key, seasoning = password.encode(), salt.encode()
    digest = _first_digest(key, seasoning)
    p = _repeated(hashlib.sha512(key * len(key)).digest(), len(key))
    s = _repeated(hashlib.sha512(seasoning * (16 + digest[0])).digest(), len(seasoning))
    for turn in range(_ROUNDS):
        parts = [p if turn % 2 else digest]
        if turn % 3:
            parts.append(s)
        if turn % 7:
            parts.append(p)
        parts.append(digest if turn % 2 else p)
        digest = hashlib.sha512(b"".join(parts)).digest()
    return f"$6${salt}${_encoded(digest)}"


def _first_digest(key: bytes, salt: bytes) -> bytes:
    b = hashlib.sha512(key + salt + key).digest()
    parts = [key, salt, _repeated(b, len(key))]
    bits = len(key)
    while bits:
        parts.append(b if bits & 1 else key)
        bits >>= 1
    return hashlib.sha512(b"".join(parts)).digest()


def _repeated(digest: bytes, length: int) -> bytes:
    return (digest * (length // len(digest) + 1))[:length]


def _encoded(digest: bytes) -> str:
    text = ""
    for first in range(21):
        places = [first, first + 21, first + 42]
        turned = places[first % 3 :] + places[: first % 3]
        text += _characters(int.from_bytes(bytes(digest[place] for place in turned)), 4)
    return text + _characters(digest[63], 2)


def _characters(value: int, count: int) -> str:
    return "".join(_ALPHABET[value >> (6 * place) & 63] for place in range(count))
