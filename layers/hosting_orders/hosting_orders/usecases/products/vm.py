"""A virtual machine (VPS), delivered by the platform of its plan."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from hosting_orders.domain.account import Account
from hosting_orders.domain.catalogue import Catalogue, Image, Location, PlatformName, Term, VmPlan
from hosting_orders.domain.codes import Code
from hosting_orders.domain.errors import (
    InvalidRequestError,
    ProviderUnavailableError,
)
from hosting_orders.domain.order import Order
from hosting_orders.domain.products import Claims, Deliverer, Item, ProductKind, VmItem, VmResource
from hosting_orders.domain.providers import Operation, ServiceRequest
from hosting_orders.domain.registration import SealedContacts
from hosting_orders.domain.ssh_keys import normal_ssh_key

from ..changes import load_cart
from ..drafts import Draft, Problems, price_of, unknown
from ..platform_delivery import PlatformFulfilment
from ..ports import Services
from ..sealed_password import new_password, password_context, password_context_of

_MAX_HOSTNAME = 64  # Linux's maximum
_LABEL = r"(?!-)[a-z0-9-]{1,63}(?<!-)"
_HOSTNAME = re.compile(rf"{_LABEL}(\.{_LABEL})*")


@dataclass(frozen=True, slots=True)
class VmRequest:
    KIND: ClassVar[ProductKind] = ProductKind.VM
    DELIVERER: ClassVar[Deliverer] = Deliverer.PLATFORM

    hostname: str
    plan: str
    image: str
    location: str
    term: str
    ssh_key: str | None = None  # without it, the machine has a root password
    ssh_key_pointer: str = "/ssh_key"


@dataclass(frozen=True, slots=True, repr=False)
class VmDraft(Draft):
    item: VmItem


class VmFulfilment(PlatformFulfilment):
    def draft(
        self,
        services: Services,
        catalogue: Catalogue,
        account: Account,
        request: VmRequest,
        pointer: str,
    ) -> VmDraft:
        return _draft(catalogue, account, request, pointer)

    def settle(self, services: Services, account: Account, drafts: Sequence[VmDraft]) -> Sequence[VmDraft]:
        return drafts

    def sealed(
        self, services: Services, account_id: str, number: int, draft: VmDraft
    ) -> tuple[Item, Sequence[SealedContacts]]:
        item = draft.item
        if item.ssh_key is None and not item.platform.makes_passwords:
            # The delivered machine's password is later opened with this same context. So the resource can store this
            # sealed text unchanged.
            sealed = services.cipher.seal(new_password(), password_context_of(account_id, number))
            item = replace(item, sealed_password=sealed)
        return item, ()

    def lost(self, draft: VmDraft) -> InvalidRequestError:
        raise AssertionError("a virtual machine claims nothing")

    def service_request(self, order: Order) -> ServiceRequest:
        item = order.item_as(VmItem)
        return ServiceRequest(
            item_id=order.uuid,
            reference=f"{order.account_id}/{order.uuid}",
            kind=order.kind.value,
            name=item.hostname,
            variant=item.blueprint or item.image,
            location=item.zone or item.location,
            plan=item.bundle or item.plan,
            platform=item.platform,
            size=item.size,
            ssh_key=item.ssh_key,
        )

    def request_to_build(self, services: Services, order: Order) -> ServiceRequest:
        sealed = order.item_as(VmItem).sealed_password
        password = None if sealed is None else services.cipher.open(sealed, password_context(order))
        cart = load_cart(services, order.account_id, order.cart_token)
        return replace(self.service_request(order), password=password, live=cart.payment.live)

    def resource(self, services: Services, order: Order, operation: Operation) -> VmResource | None:
        machine = operation.site
        if machine is None:
            return None
        return VmResource(
            id=machine.id,
            domain=machine.domain,
            ip_address=machine.ip_address,
            username=machine.username,
            sealed_password=_password(services, order, machine.password),
            port=machine.port,
        )


def _password(services: Services, order: Order, made: str | None) -> str | None:
    item = order.item_as(VmItem)
    if item.ssh_key is not None or item.sealed_password is not None:
        return item.sealed_password
    if not made:
        raise ProviderUnavailableError("hosting platform: malformed answer (a machine without a login)")
    return services.cipher.seal(made, password_context(order))


# -- the checks ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Choice:
    plan: VmPlan
    image: Image
    location: Location
    term: Term


def _draft(catalogue: Catalogue, account: Account, request: VmRequest, pointer: str) -> VmDraft:
    problems = Problems()
    hostname = problems.collect("", lambda: _hostname(request.hostname))
    choice = _choice(catalogue, request, problems)
    ssh_key = problems.collect("", lambda: _ssh_key(request))
    problems.raise_if_any()
    assert hostname and choice
    if not account.can_order:
        raise InvalidRequestError(Code.ACCOUNT_UNABLE_TO_CREATE_ORDERS, "Account unable to create orders.")
    plan, platform = choice.plan, choice.plan.platform
    price = price_of(plan, choice.term, account)
    item = VmItem(
        hostname,
        plan.short_name,
        choice.image.short_name,
        choice.location.short_name,
        choice.term,
        platform=platform,
        bundle=plan.code,
        blueprint=choice.image.code_on(platform) or "",
        zone=choice.location.code_on(platform) or "",
        size=plan.size,
        ssh_key=ssh_key,
    )
    return VmDraft(pointer, item, price, Claims())


def _hostname(given: str) -> str:
    hostname = given.lower()
    last = hostname.rpartition(".")[2]
    if (
        len(hostname) > _MAX_HOSTNAME
        or not _HOSTNAME.fullmatch(hostname)
        or last.isdigit()  # an IP address
        or last == "localhost"
    ):
        text = (
            f"`hostname` must be a host name of at most {_MAX_HOSTNAME} characters: letters, digits and hyphens, such "
            "as web-1.example.com."
        )
        raise InvalidRequestError(Code.INVALID_FIELD, text, "/hostname")
    return hostname


def _ssh_key(request: VmRequest) -> str | None:
    if request.ssh_key is None:
        return None
    try:
        return normal_ssh_key(request.ssh_key)
    except ValueError as problem:
        field = request.ssh_key_pointer.removeprefix("/")
        text = f"`{field}` is not a public SSH key that can be used: the key {problem}."
        raise InvalidRequestError(Code.INVALID_FIELD, text, request.ssh_key_pointer) from None


def _choice(catalogue: Catalogue, request: VmRequest, problems: Problems) -> _Choice | None:
    plan = catalogue.vm_plans.get(request.plan)
    platform = plan.platform if plan else None
    whose = f" with the plan {plan.short_name}" if plan else ""
    image, location = catalogue.images.get(request.image), catalogue.locations.get(request.location)
    term = Term(request.term) if request.term in set(Term) else None
    if plan is None:
        problems.found.append(unknown(Code.UNKNOWN_PLAN, "plan", request.plan, catalogue.vm_plans))
    if image is None or not _has(platform, image):
        images = catalogue.images_on(platform) if platform else catalogue.images
        problems.found.append(unknown(Code.UNKNOWN_IMAGE, "image", request.image, images, whose))
    if location is None or not _has(platform, location):
        locations = catalogue.locations_on(platform) if platform else catalogue.locations
        problems.found.append(unknown(Code.UNKNOWN_LOCATION, "location", request.location, locations, whose))
    if term is None:
        terms = [term.value for term in Term]
        problems.found.append(unknown(Code.UNKNOWN_TERM, "term", request.term, terms))
    return _Choice(plan, image, location, term) if plan and image and location and term else None


def _has(platform: PlatformName | None, wanted: Image | Location) -> bool:
    return platform is None or wanted.code_on(platform) is not None
