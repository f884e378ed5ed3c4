"""Where an order came from."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlencode


class Channel(StrEnum):
    SHOP = "shop"
    API = "api"
    MCP = "mcp"


class Outcome(StrEnum):
    """How the customer left the payment page. After `success`, a bank debit can still fail days later."""

    SUCCESS = "success"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True)
class Placement:
    channel: Channel = Channel.API
    contract: str = "orders_v2"  # also decides the callback's format
    client_address: str | None = None
    return_url: str | None = None  # where the client wants the customer to go after a payment page
    page_url: str | None = None  # the order's page; the address alone gives access to the page

    def way_back(self, order_id: str, outcome: Outcome) -> str:
        """The URL to which the payment page sends the customer."""
        if self.return_url is None:
            assert self.page_url is not None, (
                "an order without `return_url` needs the address of its own page"
            )
            return f"{self.page_url}?{urlencode({'outcome': outcome})}"
        joint = "&" if "?" in self.return_url else "?"
        return self.return_url + joint + urlencode({"order_id": order_id, "outcome": outcome})
