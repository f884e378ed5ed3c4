"""Addresses of this machine, for local stand-ins."""

from __future__ import annotations

from urllib.parse import urlsplit

_HOSTS = frozenset({"127.0.0.1", "::1", "localhost"})


def is_loopback(url: str) -> bool:
    return urlsplit(url).hostname in _HOSTS
