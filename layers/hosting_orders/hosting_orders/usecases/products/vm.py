"""A virtual machine (VPS): its checks, and what the hosting platform is asked for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from hosting_orders.domain.account import Account
from hosting_orders.domain.catalogue import Catalogue, Term
from hosting_orders.domain.codes import Code
from hosting_orders.domain.errors import InvalidFieldsError, InvalidRequestError
from hosting_orders.domain.order import Order
from hosting_orders.domain.products import Claims, Item, ProductKind, VmItem, VmResource
from hosting_orders.domain.providers import Operation, ServiceRequest
from hosting_orders.domain.registration import SealedContacts

from ..drafts import Draft
from ..platform_delivery import PlatformFulfilment
from ..ports import Services
from ..sealed_password import password_context

_LABEL = r"(?!-)[a-z0-9-]{1,63}(?<!-)"
_HOSTNAME = re.compile(rf"{_LABEL}(\.{_LABEL})*")


@dataclass(frozen=True, slots=True)
class VmRequest:
    """A virtual machine as the client asked for it, already of the right types."""

    KIND: ClassVar[ProductKind] = ProductKind.VM

    hostname: str
    plan: str
    image: str
    location: str
    term: str


class VmFulfilment(PlatformFulfilment):
    """A machine is checked against the catalogue alone, and the hosting platform delivers it."""

    def draft(
        self,
        services: Services,
        catalogue: Catalogue,
        account: Account,
        request: VmRequest,
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
        raise AssertionError("a virtual machine claims nothing")

    def service_request(self, order: Order) -> ServiceRequest:
        item = order.item_as(VmItem)
        return ServiceRequest(
            item_id=order.uuid,
            reference=f"{order.account_id}/{order.uuid}",
            kind=order.kind.value,
            name=item.hostname,
            variant=item.image,
            location=item.location,
            plan=item.plan,
        )

    def resource(self, services: Services, order: Order, operation: Operation) -> VmResource | None:
        machine = operation.site
        if machine is None:
            return None
        return VmResource(
            id=machine.id,
            domain=machine.domain,
            ip_address=machine.ip_address,
            username=machine.username,
            sealed_password=services.cipher.seal(machine.password, password_context(order)),
            port=machine.port,
        )


def _draft(catalogue: Catalogue, account: Account, request: VmRequest, pointer: str) -> Draft:
    """Every name is the catalogue's, the host name can be one, and there is a price.

    Raises InvalidFieldsError or InvalidRequestError, with pointers below the item."""
    problems = []
    plan = catalogue.vm_plans.get(request.plan)
    image = catalogue.images.get(request.image)
    location = catalogue.locations.get(request.location)
    term = Term(request.term) if request.term in set(Term) else None
    hostname = request.hostname.lower()
    if len(hostname) > 253 or not _HOSTNAME.fullmatch(hostname):
        text = "`hostname` must be a host name: letters, digits and hyphens, such as web-1.example.com."
        problems.append(InvalidRequestError(Code.INVALID_FIELD, text, "/hostname"))
    if plan is None:
        problems.append(_unknown(Code.UNKNOWN_PLAN, "plan", request.plan, catalogue.vm_plans))
    if image is None:
        problems.append(_unknown(Code.UNKNOWN_IMAGE, "image", request.image, catalogue.images))
    if location is None:
        problems.append(_unknown(Code.UNKNOWN_LOCATION, "location", request.location, catalogue.locations))
    if term is None:
        problems.append(_unknown(Code.UNKNOWN_TERM, "term", request.term, [term.value for term in Term]))
    if problems:
        raise InvalidFieldsError(problems)
    assert plan and image and location and term
    if not account.can_order:
        raise InvalidRequestError(Code.ACCOUNT_UNABLE_TO_CREATE_ORDERS, "Account unable to create orders.")
    price = plan.price(account.billing_plan, term, account.currency)
    if price is None:
        raise InvalidRequestError(
            Code.PRICING_MISSING,
            f"Missing pricing information: the plan {plan.short_name} has no {term} price in "
            f"{account.currency} for this account.",
            "/plan",
        )
    item = VmItem(hostname, plan.short_name, image.short_name, location.short_name, term)
    return Draft(pointer, item, price, Claims())


def _unknown(code: Code, field: str, given: str, known: Iterable[str]) -> InvalidRequestError:
    choices = ", ".join(sorted(known))
    return InvalidRequestError(code, f"Unknown {field} {given[:60]!r}; it is one of: {choices}.", f"/{field}")
