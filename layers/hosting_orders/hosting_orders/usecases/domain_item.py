"""The checks of a domain order (docs/contracts.md O2-113 … O2-155, C13)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import ClassVar

from hosting_orders.domain.account import Account
from hosting_orders.domain.catalogue import Catalogue, DomainPrice
from hosting_orders.domain.codes import Code
from hosting_orders.domain.contact_fields import CONTACT_FIELDS
from hosting_orders.domain.errors import (
    AccessDeniedError,
    ContactsRefusedError,
    DomainRefusedError,
    FeatureDisabledError,
    InvalidFieldsError,
    InvalidRequestError,
)
from hosting_orders.domain.features import DOMAIN_REGISTRATION
from hosting_orders.domain.ids import parse_registration_id
from hosting_orders.domain.json_pointer import pointer_to
from hosting_orders.domain.money import Money
from hosting_orders.domain.order import OrderStatus
from hosting_orders.domain.products import Claims, Deliverer, DomainItem, ProductKind
from hosting_orders.domain.registration import (
    Availability,
    Contact,
    ContactRole,
    Contacts,
    DomainAction,
    DomainName,
    DomainOffer,
    TldRules,
)

from .authenticate import Caller
from .drafts import Draft, Problems
from .left_domains import domain_held
from .log import log
from .ports import Services
from .sealed_contacts import open_contacts

SAME_AS_OWNER = "same_as_owner"

AT_ONCE = 4  # how many domains are queried in parallel; with many more, the registrar would refuse requests
_OTHER_ROLES = (ContactRole.ADMIN, ContactRole.BILLING, ContactRole.TECH)


@dataclass(frozen=True, slots=True)
class RoleContactRequest:
    source: str = SAME_AS_OWNER  # `same_as_owner`, `existing` or `new`
    registration_id: int | None = None
    contact: Mapping[str, object] | None = None


@dataclass(frozen=True, slots=True)
class ContactSource:
    registration_id: int
    additions: Mapping[str, object] = field(default_factory=dict)  # fields to add to the reused owner contact


@dataclass(frozen=True, slots=True)
class DomainRequest:
    KIND: ClassVar[ProductKind] = ProductKind.DOMAIN
    DELIVERER: ClassVar[Deliverer] = Deliverer.REGISTRAR

    name: str
    action: str = DomainAction.REGISTER.value
    auth_code: str | None = None
    contact: Mapping[str, object] | None = None
    contact_source: ContactSource | None = None
    role_contacts: Mapping[ContactRole, RoleContactRequest] = field(default_factory=dict)
    auth_code_pointer: str = "/authcode"
    source_field: str = "contact_source"
    source_pointer: str = "/contact_source/registration_id"

    def __repr__(self) -> str:
        return "DomainRequest(…)"  # it holds personal data and an auth code


@dataclass(frozen=True, slots=True, repr=False)
class DomainDraft(Draft):
    """Contacts and auth code are in clear text."""

    item: DomainItem
    contacts: Contacts
    owner_at: str  # JSON pointer to the registrant, relative to the item
    auth_code: str | None


def admit_domain_orders(services: Services, caller: Caller) -> None:
    """Check the feature switch, then whether the account is on trial (C13).

    Raises FeatureDisabledError (503), AccessDeniedError `trial_account` (403) or ProviderUnavailableError.
    """
    account = caller.scope
    if not services.features.enabled(DOMAIN_REGISTRATION, account.id):
        raise FeatureDisabledError("Domain registration is not enabled for this account.")
    if services.registrar.costs_money and not services.payments.live:
        raise FeatureDisabledError("Domains cost real money, and payments here are in test mode.")
    if account.is_trial:
        raise AccessDeniedError(Code.TRIAL_ACCOUNT, "Trial accounts cannot order domains.")


# -- errors in the request itself (400) ---------------------------------------------------------------------------


def draft_domain(
    services: Services, catalogue: Catalogue, account: Account, request: DomainRequest, pointer: str
) -> DomainDraft:
    """Raises InvalidFieldsError or InvalidRequestError, with pointers relative to the item."""
    if not account.can_order:
        raise InvalidRequestError(Code.ACCOUNT_UNABLE_TO_CREATE_ORDERS, "Account unable to create orders.")
    problems = Problems()
    action = problems.collect("", lambda: _action(request.action))
    name = problems.collect("", lambda: services.registry_rules.parse_name(request.name))
    rules = problems.collect("", lambda: _rules(services, catalogue, name)) if name else None
    price = None
    if name and rules and action:
        price = problems.collect("", lambda: _price(catalogue, account, name, action))
        problems.collect("", lambda: _check_transfer(rules, action, request))
    contacts = problems.collect("", lambda: _contacts(services, account, request, rules))
    problems.raise_if_any()
    assert name and rules and action and price and contacts
    item = DomainItem(
        name=name.unicode,
        ascii_name=name.ascii,
        tld=name.tld,
        action=action,
        renewal_amount=price.renew,
        transfer_year=rules.transfer_year,
    )
    transfer = action is DomainAction.TRANSFER
    return DomainDraft(
        pointer,
        item,
        Money(price.of(action), account.currency),
        Claims(domain=name.ascii),
        contacts=contacts,
        owner_at=f"/{request.source_field}" if request.contact_source is not None else "/contact",
        auth_code=request.auth_code if transfer else None,
    )


def _action(given: str) -> DomainAction:
    if given not in set(DomainAction):
        raise InvalidRequestError(
            Code.INVALID_ACTION,
            f"`action` is {given[:60]!r}; it must be `register` or `transfer`.",
            "/action",
        )
    return DomainAction(given)


def _rules(services: Services, catalogue: Catalogue, name: DomainName) -> TldRules:
    rules = services.registry_rules.rules(name.tld)
    if rules is None or name.tld not in catalogue.tlds:
        raise InvalidRequestError(
            Code.UNSUPPORTED_TLD,
            f"Domains under .{name.tld} are not sold here; GET /api/tlds lists those that are.",
            "/name",
        )
    return rules


def _price(catalogue: Catalogue, account: Account, name: DomainName, action: DomainAction) -> DomainPrice:
    price = catalogue.tlds[name.tld].price(account.billing_plan, account.currency)
    if price is None:
        raise InvalidRequestError(
            Code.PRICING_UNAVAILABLE,
            f"There is no price in {account.currency} to {action} a .{name.tld} domain for this account.",
            "/name",
        )
    return price


def _check_transfer(rules: TldRules, action: DomainAction, request: DomainRequest) -> None:
    if action is not DomainAction.TRANSFER:
        return
    if not rules.transferable:
        raise InvalidRequestError(
            Code.UNSUPPORTED_TLD, f"Transfers of .{rules.tld} domains are not offered.", "/action"
        )
    if rules.authcode_required and not (request.auth_code or "").strip():
        raise InvalidRequestError(
            Code.AUTHCODE_REQUIRED,
            f"Transferring a .{rules.tld} domain needs its auth code: ask the current registrar for it.",
            request.auth_code_pointer,
        )


def _contacts(
    services: Services, account: Account, request: DomainRequest, rules: TldRules | None
) -> Contacts:
    if request.contact is not None and request.contact_source is not None:
        raise InvalidRequestError(
            Code.INVALID_CONTACT_SOURCE,
            f"Give either `contact` or `{request.source_field}`, not both.",
            f"/{request.source_field}",
        )
    problems = Problems()
    reused: Contacts | None = None
    owner: Contact | None = None
    if request.contact is not None:
        given = request.contact
        owner = problems.collect("/contact", lambda: services.registry_rules.read_contact(given))
    elif request.contact_source is not None:
        source = request.contact_source
        reused = problems.collect("", lambda: _reused(services, account, request, source, rules))
        owner = reused.owner if reused else None
    else:
        raise InvalidRequestError(
            Code.INCOMPLETE_CONTACT,
            f"A registrant is required: give `contact` or `{request.source_field}`.",
            "/contact",
        )
    found: dict[ContactRole, Contact | None] = {}
    for role in _OTHER_ROLES:
        wanted = request.role_contacts.get(role)
        if wanted is None:
            found[role] = getattr(reused, role.value) if reused else owner
            continue
        at = f"/role_contacts/{role.value}"
        if wanted.source == SAME_AS_OWNER:
            problems.collect(at, partial(_check_role_fields, wanted))
            found[role] = owner
            continue
        found[role] = problems.collect(at, partial(_role_contact, services, account, role, wanted, rules))
    problems.raise_if_any()
    admin, billing, tech = (found[role] for role in _OTHER_ROLES)
    assert owner and admin and billing and tech
    return Contacts(owner, admin, billing, tech)


def _reused(
    services: Services,
    account: Account,
    request: DomainRequest,
    source: ContactSource,
    rules: TldRules | None,
) -> Contacts:
    contacts = owned_contacts(services, account.id, source.registration_id, request.source_pointer)
    contacts = Contacts(*(_fitted(contact, rules) for contact in _four(contacts)))
    if not source.additions:
        return contacts
    additions = dict(source.additions)
    extra = additions.pop("extra_properties", {})
    owner = contacts.owner
    given = {**owner.as_given(), **additions}
    if isinstance(extra, Mapping):
        given["extra_properties"] = {**owner.extra, **extra}
    problems = Problems()
    mended = problems.collect(f"/{request.source_field}", lambda: services.registry_rules.read_contact(given))
    problems.raise_if_any()
    assert mended
    return Contacts(*(mended if contact == owner else contact for contact in _four(contacts)))


def _role_contact(
    services: Services,
    account: Account,
    role: ContactRole,
    wanted: RoleContactRequest,
    rules: TldRules | None,
) -> Contact:
    _check_role_fields(wanted)
    if wanted.source == "new":
        return services.registry_rules.read_contact(wanted.contact or {})
    if wanted.source == "existing":
        if wanted.registration_id is None:
            raise InvalidRequestError(
                Code.INVALID_CONTACT_SOURCE,
                "`source_registration_id` is required when `source` is `existing`.",
                "/source_registration_id",
            )
        at = "/source_registration_id"
        contacts = owned_contacts(services, account.id, wanted.registration_id, at)
        contact: Contact = getattr(contacts, role.value)
        return _fitted(contact, rules)
    raise InvalidRequestError(
        Code.INVALID_CONTACT,
        f"`source` is {wanted.source[:60]!r}; it must be `same_as_owner`, `existing` or `new`.",
        "/source",
    )


def _check_role_fields(wanted: RoleContactRequest) -> None:
    """Refuse fields that this `source` does not use. Otherwise the wrong person could be registered."""
    problems = []
    if wanted.source in ("same_as_owner", "new") and wanted.registration_id is not None:
        problems.append(
            InvalidRequestError(
                Code.INVALID_CONTACT_SOURCE,
                "`source_registration_id` is used only when `source` is `existing`.",
                "/source_registration_id",
            )
        )
    if wanted.source in ("same_as_owner", "existing"):
        for name, value in (wanted.contact or {}).items():
            shown = name[:60]
            if name not in CONTACT_FIELDS:
                text = f"`{shown}` is not a field of a contact."
                problems.append(InvalidRequestError(Code.INVALID_CONTACT, text, pointer_to(shown)))
            elif value is not None:
                text = f"`{shown}` is used only when `source` is `new`."
                problems.append(InvalidRequestError(Code.INVALID_CONTACT, text, pointer_to(shown)))
    if problems:
        raise InvalidFieldsError(problems)


def owned_contacts(services: Services, account_id: str, registration_id: int, pointer: str) -> Contacts:
    """Raises InvalidRequestError `invalid_contact_source`. Its text reveals nothing about other accounts."""
    number = parse_registration_id(registration_id)
    order = services.orders.order(account_id, number) if number is not None else None
    sealed = services.orders.contacts(account_id, number) if number is not None else None
    if order is None or sealed is None or order.status is not OrderStatus.COMPLETED:
        raise InvalidRequestError(
            Code.INVALID_CONTACT_SOURCE,
            f"There is no registration {registration_id} with an owner contact in this account.",
            pointer,
        )
    return open_contacts(services, sealed)


def _fitted(contact: Contact, rules: TldRules | None) -> Contact:
    if rules is None:
        return contact
    properties: Mapping[str, object] = _members(
        _members(rules.contact_schema, "properties"), "extra_properties"
    )
    known = _members(properties, "properties")
    return replace(contact, extra={name: value for name, value in contact.extra.items() if name in known})


def _members(schema: Mapping[str, object], name: str) -> Mapping[str, object]:
    inner = schema.get(name)
    return inner if isinstance(inner, Mapping) else {}


# -- refusals of the registrar and the registry (422) -------------------------------------------------------------


def settle_domains(
    services: Services, catalogue: Catalogue, account: Account, drafts: Sequence[DomainDraft]
) -> list[DomainDraft]:
    """Check the domains with the registrar and the registries' rules. Record each domain's maximum cost.

    Raises InvalidRequestError, DomainRefusedError, ContactsRefusedError or ProviderUnavailableError.
    """
    seen: set[str] = set()
    for draft in drafts:
        name = draft.item.ascii_name
        # Check our own orders first. The registry does not know which domains our customers have ordered.
        if name in seen or domain_held(services, name):
            raise domain_taken(draft)
        seen.add(name)
    ask = partial(_offer, services)
    if len(drafts) == 1:
        offers = [ask(drafts[0])]
    else:
        from concurrent.futures import ThreadPoolExecutor

        # A registry may take seconds to answer while the client waits, so ask about several domains at the same time.
        with ThreadPoolExecutor(max_workers=AT_ONCE) as several:
            offers = list(several.map(ask, drafts))
    return [
        _settled(services, catalogue, account, draft, offer)
        for draft, offer in zip(drafts, offers, strict=True)
    ]


def _offer(services: Services, draft: DomainDraft) -> DomainOffer:
    item = draft.item
    if item.action is DomainAction.REGISTER:
        return services.registrar.availability(item.ascii_name)
    return services.registrar.transferability(item.ascii_name, draft.auth_code)


def _settled(
    services: Services, catalogue: Catalogue, account: Account, draft: DomainDraft, offer: DomainOffer
) -> DomainDraft:
    item = draft.item
    draft = _priced(catalogue, account, draft, item, offer)
    if catalogue.tlds[item.tld].costs_too_much(item.ascii_name, offer.cost):
        services.metrics.count("DomainCostAboveMaximum")
        log.error("the registrar's price is unknown or above the TLD's maximum", extra={"tld": item.tld})
        text = f"There is no price to {item.action} {item.name} at the moment."
        raise InvalidRequestError(Code.PRICING_UNAVAILABLE, text, f"{draft.pointer}/name")
    _check_registry(services, item, draft)
    return draft


def _priced(
    catalogue: Catalogue, account: Account, draft: DomainDraft, item: DomainItem, offer: DomainOffer
) -> DomainDraft:
    register = item.action is DomainAction.REGISTER
    # `domain_unavailable` applies only to registrations.
    code = Code.DOMAIN_UNAVAILABLE if register else Code.DOMAIN_ADD_FAILED
    at = f"{draft.pointer}/name"
    if offer.availability is Availability.UNAVAILABLE:
        text = f"{item.name} cannot be {'registered' if register else 'transferred'}: {offer.reason}"
        raise DomainRefusedError(code, text, at)
    if offer.availability is Availability.PREMIUM:
        price = catalogue.tlds[item.tld].premium_price(
            item.ascii_name, account.billing_plan, account.currency
        )
        if price is None:
            text = f"{item.name} is a premium domain, and premium domains are not sold here."
            raise DomainRefusedError(code, text, at)
        item = replace(item, renewal_amount=price.renew)
        draft = replace(draft, price=Money(price.of(item.action), account.currency))
    return replace(draft, item=replace(item, max_cost=offer.cost))


def domain_taken(draft: DomainDraft) -> DomainRefusedError:
    return DomainRefusedError(
        Code.DOMAIN_ADD_FAILED,
        f"{draft.item.name} is already owned or on order here.",
        f"{draft.pointer}/name",
    )


def _check_registry(services: Services, item: DomainItem, draft: DomainDraft) -> None:
    contacts = draft.contacts
    violations: list[dict[str, object]] = []
    needs: list[dict[str, object]] = []
    told: set[str] = set()
    for role, contact in zip(ContactRole, _four(contacts), strict=True):
        wrong, missing = services.registry_rules.check_contact(item.tld, contact, role)
        owner = role is ContactRole.OWNER
        at = f"{draft.pointer}{draft.owner_at}" if owner else f"{draft.pointer}/role_contacts/{role.value}"
        if owner:
            told = {found.pointer for found in wrong} | {found.pointer for found in missing}
        elif contact == contacts.owner:
            # Correcting the owner corrects this contact too, so report the problem once.
            wrong = [found for found in wrong if found.pointer not in told]
            missing = [found for found in missing if found.pointer not in told]
        violations += [
            {"role": role.value, "pointer": at + found.pointer, "message": found.message} for found in wrong
        ]
        needs += [
            {
                "role": role.value,
                "pointer": at + found.pointer,
                "message": found.message,
                "schema": dict(found.schema),
            }
            for found in missing
        ]
    schema = f"GET /api/tlds/{item.tld} has the whole schema."
    if violations:
        raise ContactsRefusedError(
            Code.DOMAIN_CONTACT_INVALID,
            f"The registry of .{item.tld} does not accept this contact. {schema}",
            violations,
        )
    if needs:
        raise ContactsRefusedError(
            Code.DOMAIN_CONTACT_NEEDS_AUGMENTATION,
            f"The registry of .{item.tld} needs more fields. {schema}",
            needs,
        )


def _four(contacts: Contacts) -> tuple[Contact, Contact, Contact, Contact]:
    return contacts.owner, contacts.admin, contacts.billing, contacts.tech
