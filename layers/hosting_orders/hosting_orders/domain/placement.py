"""Where an order came from."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Channel(StrEnum):
    """The kind of client that placed the order."""

    SHOP = "shop"
    API = "api"
    MCP = "mcp"


@dataclass(frozen=True, slots=True)
class Placement:
    """What an order remembers of the request that placed it.

    `contract` is the name of the published contract it was placed through, which its callback speaks too.
    `client_address` is the IP address of the client. `return_url` is where the customer goes after a payment page, and
    `page_token` the secret part of the address of the order's page; both are None for orders without such a page.
    """

    channel: Channel = Channel.API
    contract: str = "orders_v2"
    client_address: str | None = None
    return_url: str | None = None
    page_token: str | None = None
