"""GET /api/v1/ping (SQ-065)."""

from __future__ import annotations

from dataclasses import dataclass

from typing_extensions import TypedDict

from hosting_orders.domain.account import Credential

from .words import iso_time


@dataclass(frozen=True, slots=True)
class Ping:
    """Times are epoch milliseconds."""

    credential: Credential
    began_at: int
    at: int


class PingedKey(TypedDict):
    prefix: str
    name: str
    scopes: list[str]


class Pong(TypedDict):
    status: str
    authenticated: bool
    key: PingedKey
    responseTimeMs: int
    timestamp: str


def pong(ping: Ping) -> Pong:
    credential = ping.credential
    return {
        "status": "ok",
        "authenticated": True,
        "key": {
            "prefix": credential.prefix,
            "name": credential.name,
            "scopes": sorted(credential.scopes),
        },
        "responseTimeMs": max(0, ping.at - ping.began_at),
        "timestamp": iso_time(ping.at),
    }
