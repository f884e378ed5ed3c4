"""The top-level domains on sale (our addition to the contract)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from typing_extensions import TypedDict

if TYPE_CHECKING:
    from hosting_orders.usecases.list_tlds import TldOffer


class TldPrice(TypedDict):
    action: str
    years: int
    currency: str | None
    net_cents: int  # minor units


class TldSummary(TypedDict):
    tld: str
    actions: list[str]
    authcode_required: bool
    prices: list[TldPrice]  # the prices of the request's account; empty without an account
    url: str


class TldDetails(TldSummary):
    contact_schema: dict[str, Any]


class TldList(TypedDict):
    tlds: list[TldSummary]


def tld_list(offers: list[TldOffer]) -> TldList:
    return {"tlds": [_summary(offer) for offer in offers]}


def tld_details(offer: TldOffer) -> TldDetails:
    return {**_summary(offer), "contact_schema": dict(offer.rules.contact_schema)}


def _summary(offer: TldOffer) -> TldSummary:
    rules, price = offer.rules, offer.price
    return {
        "tld": rules.tld,
        "actions": ["register", "transfer"] if rules.transferable else ["register"],
        "authcode_required": rules.authcode_required,
        "prices": [
            {"action": action, "years": 1, "currency": offer.currency, "net_cents": amount}
            for action, amount in (
                ("register", price.register),
                ("transfer", price.transfer),
                ("renew", price.renew),
            )
        ]
        if price
        else [],
        "url": f"/api/tlds/{rules.tld}",
    }
