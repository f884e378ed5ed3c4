"""The checks of a site: every name is the catalogue's, and it has a price."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from hosting_orders.domain.account import Account
from hosting_orders.domain.catalogue import Catalogue, Term
from hosting_orders.domain.errors import InvalidFieldsError, InvalidRequestError
from hosting_orders.domain.order import SiteItem

from .drafts import Draft


@dataclass(frozen=True, slots=True)
class SiteRequest:
    """A site as the client asked for it, already of the right types."""

    name: str
    variant: str
    location: str
    plan: str
    term: str


def draft_site(catalogue: Catalogue, account: Account, request: SiteRequest, pointer: str) -> Draft:
    """Raises InvalidFieldsError or InvalidRequestError, with pointers below the item."""
    problems = []
    variant = catalogue.variants.get(request.variant)
    location = catalogue.locations.get(request.location)
    plan = catalogue.plans.get(request.plan)
    term = Term(request.term) if request.term in set(Term) else None
    if variant is None:
        problems.append(_unknown("variant", request.variant, catalogue.variants))
    if location is None:
        problems.append(_unknown("location", request.location, catalogue.locations))
    if plan is None:
        problems.append(_unknown("plan", request.plan, catalogue.plans))
    if term is None:
        problems.append(_unknown("term", request.term, [term.value for term in Term]))
    if problems:
        raise InvalidFieldsError(problems)
    assert variant and location and plan and term
    if not account.can_order:
        raise InvalidRequestError("account_unable_to_create_orders", "Account unable to create orders.")
    if not variant.available:
        raise over_capacity(variant.name)
    price = plan.price(account.billing_plan, term, account.currency)
    if price is None:
        raise InvalidRequestError(
            "pricing_missing",
            f"Missing pricing information: the plan {plan.short_name} has no {term} price in "
            f"{account.currency} for this account.",
            "/plan",
        )
    item = SiteItem(request.name, variant.name, location.short_name, plan.short_name, term)
    return Draft(pointer, item, price, capacity=variant.name if variant.capacity is not None else None)


def _unknown(field: str, given: str, known: Iterable[str]) -> InvalidRequestError:
    choices = ", ".join(sorted(known))
    return InvalidRequestError(
        f"unknown_{field}", f"Unknown {field} {given[:60]!r}; it is one of: {choices}.", f"/{field}"
    )


def over_capacity(variant: str) -> InvalidRequestError:
    """The 400 for a variant whose last place is taken."""
    return InvalidRequestError(
        "variant_unavailable", f"Variant not available: {variant} is over capacity.", "/variant"
    )
