"""Public SSH keys in OpenSSH form (sshd(8), RFC 4253, 5656 and 8709)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterator

MAX_LENGTH = 8 * 1024
"""The maximum length of a line, as in OpenSSH."""
MIN_RSA_BITS, MAX_RSA_BITS = 2048, 16384


def normal_ssh_key(line: str) -> str:
    """Return the type and the key, without the comment.

    Raises ValueError, whose text continues a sentence that begins with "the key".
    """
    if len(line) > MAX_LENGTH:
        raise ValueError(f"must have at most {MAX_LENGTH} characters")
    if any(not sign.isprintable() for sign in line):
        raise ValueError("must be one line of printable characters, without a line break at its end")
    kind, _, rest = line.strip(" ").partition(" ")
    check = _CHECKS.get(kind)
    if check is None:
        raise ValueError("must begin with one of: " + ", ".join(_CHECKS))
    key = _decoded(rest.strip(" ").partition(" ")[0])
    fields = list(_fields(key))
    if not fields or fields[0] != kind.encode():
        raise ValueError(f"begins with {kind}, but its base64 part is not a key of this type")
    check(kind, fields[1:])
    return f"{kind} {base64.b64encode(key).decode()}"


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("must have the key in base64 after its type") from None


def _fields(key: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(key):
        start = at + 4
        at = start + int.from_bytes(key[at:start], "big")
        if start > len(key) or at > len(key):
            raise _incomplete()
        yield key[start:at]


def _incomplete() -> ValueError:
    return ValueError("has a base64 part that is incomplete or malformed")


def _edwards(kind: str, fields: list[bytes]) -> None:
    if [len(field) for field in fields] != [32]:
        raise _incomplete()


def _curve(kind: str, fields: list[bytes]) -> None:
    curve = kind.removeprefix("ecdsa-sha2-")
    size = {"nistp256": 32, "nistp384": 48, "nistp521": 66}[curve]
    # The second field is an uncompressed point: byte 4 and two coordinates.
    if len(fields) != 2 or len(fields[1]) != 1 + 2 * size or fields[1][:1] != b"\x04":
        raise _incomplete()
    if fields[0] != curve.encode():
        raise ValueError(f"names the curve {curve} in its type, but another curve in its base64 part")


def _rsa(kind: str, fields: list[bytes]) -> None:
    if len(fields) != 2 or any(not field or field[0] & 0x80 for field in fields):
        raise _incomplete()
    exponent, modulus = (int.from_bytes(field, "big") for field in fields)
    if exponent < 3 or exponent % 2 == 0 or modulus % 2 == 0:
        raise _incomplete()
    if not MIN_RSA_BITS <= modulus.bit_length() <= MAX_RSA_BITS:
        raise ValueError(f"of the type {kind} must have {MIN_RSA_BITS} to {MAX_RSA_BITS} bits")


def _security_key(check: Callable[[str, list[bytes]], None], kind: str) -> Callable[[str, list[bytes]], None]:
    """Return the check of a key in a security device.

    Such a key has the fields of `kind`, then an application such as `ssh:`.
    """

    def checked(_: str, fields: list[bytes]) -> None:
        if not fields or not fields[-1]:
            raise _incomplete()
        check(kind, fields[:-1])

    return checked


_CHECKS: dict[str, Callable[[str, list[bytes]], None]] = {
    "ssh-ed25519": _edwards,
    "ecdsa-sha2-nistp256": _curve,
    "ecdsa-sha2-nistp384": _curve,
    "ecdsa-sha2-nistp521": _curve,
    "ssh-rsa": _rsa,
    "sk-ssh-ed25519@openssh.com": _security_key(_edwards, "ssh-ed25519"),
    "sk-ecdsa-sha2-nistp256@openssh.com": _security_key(_curve, "ecdsa-sha2-nistp256"),
}
