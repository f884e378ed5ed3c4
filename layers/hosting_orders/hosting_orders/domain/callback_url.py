"""Rules for callback URLs. A client chooses the URL, but must not reach our own network with it.

`adapters/callbacks.py` also checks the resolved addresses with `is_public`.
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

# Special-purpose ranges (IANA) without public servers. Python's `is_global` is not enough: it differs between releases
# and accepts multicast addresses.
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
        "2002::/16",  # 6to4: contains an IPv4 address
        "2620:4f:8000::/48",
        "3fff::/20",  # documentation
    )
)

# All public IPv6 servers are in this range. It excludes loopback, embedded IPv4 (::/96, ::ffff:0:0/96), NAT64
# (64:ff9b::/96, 64:ff9b:1::/48), unique local (fc00::/7), link-local (fe80::/10) and multicast (ff00::/8).
_IPV6_UNICAST = ipaddress.ip_network("2000::/3")

_UNPRINTABLE = re.compile(r"[\x00-\x20\x7f-\xa0\u2028\u2029\\]")
_PRINTABLE_ASCII = re.compile(r"[\x20-\x7e]*")
_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_LOOPBACK_NAME = "localhost"
_PRIVATE_DOMAINS = frozenset({_LOOPBACK_NAME, "local", "internal"})


@dataclass(frozen=True, slots=True)
class CallbackUrl:
    scheme: str
    host: str
    port: int
    target: str  # path and query

    @property
    def address(self) -> Address | None:
        return _address(self.host)

    @property
    def is_loopback(self) -> bool:
        return self.host == _LOOPBACK_NAME or (self.address is not None and self.address.is_loopback)


def is_public(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address) and (address not in _IPV6_UNICAST or address.scope_id):
        return False
    if any(address in network for network in _NOT_PUBLIC if network.version == address.version):
        return False
    return address.is_global and not address.is_multicast


def url_problem(url: str, *, allow_loopback: bool = False) -> str | None:
    """Return the problem as a sentence for the client, or None. `allow_loopback` is for local use."""
    try:
        parse(url, allow_loopback=allow_loopback)
    except ValueError as problem:
        return str(problem)
    return None


def redirect_problem(url: str, *, allow_loopback: bool = False) -> str | None:
    """Like `url_problem`, for a URL that only a browser visits. Any port and private hosts are allowed."""
    try:
        parsed = _taken_apart(url)
    except ValueError as problem:
        return str(problem)
    if parsed.scheme != "https" and not (allow_loopback and parsed.is_loopback):
        return "the URL must be https"
    if not _is_host_of_a_browser(parsed):
        # The payment provider also refuses other hosts, but only after the order is stored. So check the host here.
        return "the host must be a name in its ASCII form, such as shop.example.com, or an address"
    return None


def _is_host_of_a_browser(url: CallbackUrl) -> bool:
    if url.address is not None:
        return "%" not in url.host  # an IPv6 zone is valid only on its own machine
    labels = url.host.split(".")
    # Browsers read a name that ends in a number as an IPv4 address or as invalid.
    if _NUMBER.fullmatch(labels[-1]) or len(url.host) > 253:
        return False
    return all(_LABEL.fullmatch(label) for label in labels)


def authorization_problem(authorization: str) -> str | None:
    """Return the problem as a sentence that never repeats the value, or None."""
    if len(authorization) > MAX_AUTHORIZATION_LENGTH:
        return f"authorization must be at most {MAX_AUTHORIZATION_LENGTH} characters"
    if not _PRINTABLE_ASCII.fullmatch(authorization):
        return "authorization must be printable ASCII, without line breaks"
    return None


def parse(url: str, *, allow_loopback: bool = False) -> CallbackUrl:
    """Raises ValueError with a sentence for the client."""
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
    if _UNPRINTABLE.search(url):  # before urlsplit, which silently drops tabs and line breaks
        raise ValueError("the URL must not have spaces, control characters or backslashes")
    if "#" in url:
        raise ValueError("the URL must not have a fragment")
    try:
        url.encode()  # fails for a lone surrogate
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
    # UTS 46, the rules for international host names, maps full-width digits, circled digits and other scripts' dots to
    # their plain forms.
    host = unicodedata.normalize("NFKC", host).replace("\u3002", ".")
    labels = host.split(".")
    # Resolvers read "127.1", "2130706433" and "0x7f.1" as addresses. No top-level domain is a number.
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
