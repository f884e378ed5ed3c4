"""Where callbacks may go: checked when an order is placed, and again at each attempt.

A callback makes our servers send a request to an address that a stranger chose. So it must not reach
anything that only we can reach: our own machine, our network, the cloud's metadata service. The URL is
checked here, as far as it can be without asking anybody; adapters/callbacks.py asks for the addresses and
judges them by `is_public`.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from dataclasses import dataclass
from urllib.parse import urlsplit

MAX_URL_LENGTH = 2048
MAX_AUTHORIZATION_LENGTH = 1024
PORTS = frozenset({443, 8443})

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# Ranges of IANA's special-purpose registries that no public server lives in. Spelled out, because what
# Python's `is_global` knows differs from release to release (and multicast is "global" to it).
_NOT_PUBLIC = tuple(
    ipaddress.ip_network(network)
    for network in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT
        "127.0.0.0/8",
        "169.254.0.0/16",  # link-local: cloud metadata
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
        "2001::/23",  # protocol assignments: Teredo, ORCHID, benchmarks
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4: an IPv4 address in disguise
        "2620:4f:8000::/48",
        "3fff::/20",  # documentation
    )
)

# All public IPv6 servers live here. Outside are loopback, mapped and compatible IPv4 (::/96, ::ffff:0:0/96),
# NAT64 (64:ff9b::/96, 64:ff9b:1::/48), unique local (fc00::/7), link-local (fe80::/10) and multicast
# (ff00::/8).
_IPV6_UNICAST = ipaddress.ip_network("2000::/3")

_UNPRINTABLE = re.compile(r"[\x00-\x20\x7f-\xa0\u2028\u2029\\]")
_PRINTABLE_ASCII = re.compile(r"[\x20-\x7e]*")
_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_LOOPBACK_NAME = "localhost"
_PRIVATE_DOMAINS = frozenset({_LOOPBACK_NAME, "local", "internal"})


@dataclass(frozen=True, slots=True)
class CallbackUrl:
    """A checked URL in parts. `host` is a lower-case name (Unicode, if it was written so) or an address.

    `target` is the path and query as they go into the request line.
    """

    scheme: str
    host: str
    port: int
    target: str

    @property
    def address(self) -> Address | None:
        """The host when it is an address and not a name."""
        return _address(self.host)

    @property
    def is_loopback(self) -> bool:
        """Whether it says outright that it is this machine."""
        return self.host == _LOOPBACK_NAME or (self.address is not None and self.address.is_loopback)


def is_public(address: Address) -> bool:
    """Whether an address is a global unicast one, so that anybody can reach it, not just our servers."""
    if isinstance(address, ipaddress.IPv6Address) and (address not in _IPV6_UNICAST or address.scope_id):
        return False
    if any(address in network for network in _NOT_PUBLIC if network.version == address.version):
        return False
    return address.is_global and not address.is_multicast


def url_problem(url: str, *, allow_loopback: bool = False) -> str | None:
    """What is wrong with a callback URL, as a sentence for the client, or None.

    With `allow_loopback` (local use only) it may also be http or https on any port of this machine.
    """
    try:
        parse(url, allow_loopback=allow_loopback)
    except ValueError as problem:
        return str(problem)
    return None


def redirect_problem(url: str, *, allow_loopback: bool = False) -> str | None:
    """What is wrong with an address that only a customer's browser goes to, or None. The rules for callbacks hold but
    for the port and the host: what our servers cannot reach does no harm there."""
    try:
        parsed = _taken_apart(url)
    except ValueError as problem:
        return str(problem)
    if parsed.scheme != "https" and not (allow_loopback and parsed.is_loopback):
        return "the URL must be https"
    if parsed.address is None and not all(_LABEL.fullmatch(label) for label in parsed.host.split(".")):
        # The payment provider takes no other, and says so only once the order is on record.
        return "the host must be a name in its ASCII form, such as shop.example.com, or an address"
    return None


def authorization_problem(authorization: str) -> str | None:
    """What is wrong with the value of the Authorization header, or None. Never repeats the value."""
    if len(authorization) > MAX_AUTHORIZATION_LENGTH:
        return f"authorization must be at most {MAX_AUTHORIZATION_LENGTH} characters"
    if not _PRINTABLE_ASCII.fullmatch(authorization):
        return "authorization must be printable ASCII, without line breaks"
    return None


def parse(url: str, *, allow_loopback: bool = False) -> CallbackUrl:
    """The URL in parts. Raises ValueError with a sentence for the client when a callback may not go there."""
    parsed = _taken_apart(url)
    if allow_loopback and parsed.is_loopback:
        return parsed
    if parsed.scheme != "https":
        raise ValueError("the URL must be https")
    if parsed.port not in PORTS:
        raise ValueError("the port must be 443 or 8443")
    if parsed.address is None:
        _check_name(parsed.host)
    elif not is_public(parsed.address):
        raise ValueError("the address is not public")
    return parsed


def _taken_apart(url: str) -> CallbackUrl:
    if not url or len(url) > MAX_URL_LENGTH:
        raise ValueError(f"the URL must have 1 to {MAX_URL_LENGTH} characters")
    if _UNPRINTABLE.search(url):  # before urlsplit, which drops tabs and line breaks silently
        raise ValueError("the URL must not have spaces, control characters or backslashes")
    if "#" in url:
        raise ValueError("the URL must not have a fragment")
    try:
        url.encode()  # half a surrogate pair is no text
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError("the URL is malformed") from None
    if parts.scheme not in {"https", "http"} or not parts.hostname:
        raise ValueError("the URL must be a full https URL")
    if "@" in parts.netloc:
        raise ValueError("the URL must not have credentials")
    host = parts.hostname.lower()
    if "[" in parts.netloc and not isinstance(_address(host), ipaddress.IPv6Address):
        raise ValueError("the URL is malformed")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if not target.isascii():
        raise ValueError("path and query must be percent-encoded")
    if port is None:
        port = 443 if parts.scheme == "https" else 80
    return CallbackUrl(parts.scheme, host, port, target)


def _check_name(host: str) -> None:
    """Raises ValueError for what cannot be a public host name. Of Unicode only the shape is checked."""
    # Full-width and circled digits, and the dots of other scripts, are read as their plain forms (UTS 46).
    host = unicodedata.normalize("NFKC", host).replace("\u3002", ".")
    labels = host.split(".")
    # Resolvers read "127.1", "2130706433" and "0x7f.1" as addresses; a top-level domain is never a number.
    if _NUMBER.fullmatch(labels[-1]):
        raise ValueError("the host must be a name or a plainly written address")
    if len(labels) < 2 or labels[-1] in _PRIVATE_DOMAINS:
        raise ValueError("the host must be a public name, such as hooks.example.com")
    valid = all(label and (not label.isascii() or _LABEL.fullmatch(label)) for label in labels)
    if not valid or not host.isprintable() or len(host) > 253:
        raise ValueError("the host is not a valid name")


def _address(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
