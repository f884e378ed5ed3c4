"""Where an order came from."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlencode


class Channel(StrEnum):
    """The kind of client that placed the order."""

    SHOP = "shop"
    API = "api"
    MCP = "mcp"


class Outcome(StrEnum):
    """How the customer left the payment page. `success` is no proof of payment: a debit settles days later."""

    SUCCESS = "success"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True)
class Placement:
    """What an order remembers of the request that placed it.

    `contract` is the name of the published contract it was placed through, which its callback speaks too.
    `client_address` is the IP address of the client. `return_url` is where the client wants the customer to go after a
    payment page, and `page_url` the address of the order's own page, which holds a secret; both can be None.
    """

    channel: Channel = Channel.API
    contract: str = "orders_v2"
    client_address: str | None = None
    return_url: str | None = None
    page_url: str | None = None

    def way_back(self, order_id: str, outcome: Outcome) -> str:
        """Where the customer goes after the payment page: the client's own address with the order's id and the outcome
        added to its query, or the order's page."""
        if self.return_url is None:
            assert self.page_url is not None, "an order that is paid on a page has a way back from it"
            return f"{self.page_url}?{urlencode({'outcome': outcome})}"
        joint = "&" if "?" in self.return_url else "?"
        return self.return_url + joint + urlencode({"order_id": order_id, "outcome": outcome})
