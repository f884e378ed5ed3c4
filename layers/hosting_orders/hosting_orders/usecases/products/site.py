"""A site, delivered by the hosting platform."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from hosting_orders.domain.account import Account
from hosting_orders.domain.catalogue import Catalogue, Location, Plan, PlatformName, Term, Variant
from hosting_orders.domain.codes import Code
from hosting_orders.domain.errors import InvalidFieldsError, InvalidRequestError, ProviderUnavailableError
from hosting_orders.domain.order import Order
from hosting_orders.domain.products import Claims, Deliverer, Item, ProductKind, SiteItem, SiteResource
from hosting_orders.domain.providers import Operation, ServiceRequest
from hosting_orders.domain.registration import SealedContacts

from ..drafts import Draft, price_of, unknown
from ..platform_delivery import PlatformFulfilment
from ..ports import Services
from ..sealed_password import password_context


@dataclass(frozen=True, slots=True)
class SiteRequest:
    KIND: ClassVar[ProductKind] = ProductKind.SITE
    DELIVERER: ClassVar[Deliverer] = Deliverer.PLATFORM

    name: str
    variant: str
    location: str | None = None
    plan: str | None = None
    term: str | None = None
    unknown_variants: frozenset[str] = frozenset()  # variants that the client's contract does not have


class SiteFulfilment(PlatformFulfilment):
    def draft(
        self,
        services: Services,
        catalogue: Catalogue,
        account: Account,
        request: SiteRequest,
        pointer: str,
    ) -> Draft:
        return _draft(catalogue, account, request, pointer)

    def settle(self, services: Services, account: Account, drafts: Sequence[Draft]) -> Sequence[Draft]:
        return drafts

    def sealed(
        self, services: Services, account_id: str, number: int, draft: Draft
    ) -> tuple[Item, Sequence[SealedContacts]]:
        return draft.item, ()

    def lost(self, draft: Draft) -> InvalidRequestError:
        return _over_capacity(draft.claims.counter or "", draft.pointer)

    def service_request(self, order: Order) -> ServiceRequest:
        item = order.item_as(SiteItem)
        return ServiceRequest(
            item_id=order.uuid,
            reference=f"{order.account_id}/{order.uuid}",
            kind=order.kind.value,
            name=item.name,
            variant=item.variant,
            location=item.location,
            plan=item.plan,
        )

    def resource(self, services: Services, order: Order, operation: Operation) -> SiteResource | None:
        site = operation.site
        if site is None:
            return None
        if not site.password:
            raise ProviderUnavailableError("hosting platform: malformed answer (a site without a password)")
        return SiteResource(
            id=site.id,
            domain=site.domain,
            ip_address=site.ip_address,
            username=site.username,
            sealed_password=services.cipher.seal(site.password, password_context(order)),
            port=site.port,
        )


def _draft(catalogue: Catalogue, account: Account, request: SiteRequest, pointer: str) -> Draft:
    problems = []
    variants = _known_variants(catalogue, request)
    variant = variants.get(request.variant)
    locations = catalogue.locations_on(PlatformName.HTTP)
    location = locations.get(request.location or _default_location(locations, account))
    plan = catalogue.plans.get(request.plan or _default_plan(catalogue, account))
    term = _term(plan, account, request.term)
    if variant is None:
        problems.append(unknown(Code.UNKNOWN_VARIANT, "variant", request.variant, variants))
    if location is None:
        problems.append(unknown(Code.UNKNOWN_LOCATION, "location", request.location or "", locations))
    if plan is None:
        problems.append(unknown(Code.UNKNOWN_PLAN, "plan", request.plan or "", catalogue.plans))
    if term is None:
        problems.append(unknown(Code.UNKNOWN_TERM, "term", request.term or "", [term.value for term in Term]))
    if problems:
        raise InvalidFieldsError(problems)
    assert variant and location and plan and term
    if not account.can_order:
        raise InvalidRequestError(Code.ACCOUNT_UNABLE_TO_CREATE_ORDERS, "Account unable to create orders.")
    if not variant.available:
        raise _over_capacity(variant.name)
    price = price_of(plan, term, account)
    item = SiteItem(request.name, variant.name, location.short_name, plan.short_name, term)
    return Draft(pointer, item, price, Claims(counter=variant.name if variant.capacity is not None else None))


def _known_variants(catalogue: Catalogue, request: SiteRequest) -> dict[str, Variant]:
    hidden = request.unknown_variants
    return {name: variant for name, variant in catalogue.variants.items() if name not in hidden}


def _default_location(locations: dict[str, Location], account: Account) -> str:
    if account.default_location in locations:
        return account.default_location
    return min(locations, default="")


def _default_plan(catalogue: Catalogue, account: Account) -> str:
    if account.default_plan in catalogue.plans:
        return account.default_plan
    priced = [name for name, plan in catalogue.plans.items() if _priced_term(plan, account)]
    return min(priced or catalogue.plans, default="")


def _term(plan: Plan | None, account: Account, wanted: str | None) -> Term | None:
    if wanted is not None:
        return Term(wanted) if wanted in set(Term) else None
    return (_priced_term(plan, account) if plan else None) or Term.MONTHLY


def _priced_term(plan: Plan, account: Account) -> Term | None:
    prices = {term: plan.price(account.billing_plan, term, account.currency) for term in Term}
    return next((term for term, price in prices.items() if price is not None), None)


def _over_capacity(variant: str, pointer: str = "") -> InvalidRequestError:
    return InvalidRequestError(
        Code.VARIANT_UNAVAILABLE, f"Variant not available: {variant} is over capacity.", f"{pointer}/variant"
    )
