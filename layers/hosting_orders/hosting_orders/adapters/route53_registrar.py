"""The registrar over Route 53 Domains: the port Registrar.

Its API has no idempotency key: a second RegisterDomain is a second order. So nothing is submitted twice here, not
even by boto3, and every answer that does not settle the matter is ProviderUnavailableError: look before you ask
again. Texts of the registrar reach customers only without personal data, which its refusals like to repeat.

https://docs.aws.amazon.com/Route53/latest/APIReference/API_Operations_Amazon_Route_53_Domains.html
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

from hosting_orders.domain import tld_table
from hosting_orders.domain.errors import ProviderUnavailableError, ProvisioningFailedError
from hosting_orders.domain.money import ZERO_DECIMAL, Money
from hosting_orders.domain.registration import (
    Availability,
    Contact,
    ContactRole,
    DomainAction,
    NameOffer,
    RegisteredDomain,
    RegistrarOperation,
    RegistrarStatus,
    RegistrationRequest,
    Upkeep,
)

PENDING_ATTEMPTS = 4
"""A registry that is slow to answer is asked this often; usually "a few extra seconds" are enough."""
PENDING_PAUSE_SECONDS = 0.5
LONGEST_TEXT = 300

# Answers with which the registrar says that this request will never be taken. The last two are AWS's own, about a
# value that no registry would look at.
_FINAL = frozenset(
    {"InvalidInput", "TLDRulesViolation", "UnsupportedTLD", "ValidationException", "ValidationError"}
)

# Registries that publish whom a name belongs to (AWS, "TLDs that don't support privacy protection"). Asking them to
# hide it fails the order.
_GENERIC = ("audio", "ceo", "diet", "flowers", "guitars", "hosting", "juegos", "property", "sexy")
_AMERICAN = ("cl", "com.ar", "com.br", "us", "vg")
_OTHER = ("com.au", "com.sg", "de", "es", "in", "net.au", "qa", "ru", "sg")
_WITHOUT_PRIVACY = frozenset((*_GENERIC, *_AMERICAN, *_OTHER))

_TYPES: Mapping[DomainAction | Upkeep, str] = {
    DomainAction.REGISTER: "REGISTER_DOMAIN",
    DomainAction.TRANSFER: "TRANSFER_IN_DOMAIN",
    Upkeep.RENEW: "RENEW_DOMAIN",
}
_ACTIONS = {word: action for action, word in _TYPES.items()}

_STATUSES = {
    "SUBMITTED": RegistrarStatus.RUNNING,
    "IN_PROGRESS": RegistrarStatus.RUNNING,
    "SUCCESSFUL": RegistrarStatus.SUCCEEDED,
    "FAILED": RegistrarStatus.FAILED,
    "ERROR": RegistrarStatus.FAILED,
}

_NOT_AVAILABLE = {
    "UNAVAILABLE": "this name is registered already",
    "UNAVAILABLE_RESTRICTED": "the registry does not give out this name",
    "RESERVED": "the registry keeps this name for somebody else",
    "AVAILABLE_RESERVED": "the registry keeps this name back and gives it out on its own conditions only",
    "AVAILABLE_PREORDER": "this name can only be pre-ordered so far",
    "INVALID_NAME_FOR_TLD": "the registry does not allow this name",
}
_PREMIUM = "the registry sells this name at a premium price"

# What the registrar's texts about transfers speak of, the first match counts.
_TRANSFER_REASONS = (
    (
        re.compile(r"auth", re.IGNORECASE),
        "the authorization code is not the one of this name; ask the current registrar for a new one",
    ),
    (
        re.compile(r"\b60\b|sixty|recently", re.IGNORECASE),
        "a name that was registered or transferred less than 60 days ago can't be transferred yet",
    ),
    (
        re.compile(r"lock|prohibit", re.IGNORECASE),
        "the name is locked; unlock it at the current registrar first",
    ),
    (
        re.compile(r"not (been )?registered|not exist|is available", re.IGNORECASE),
        "nobody has registered this name; register it instead of transferring it",
    ),
)

_EMAIL = re.compile(r"[^\s@<>()\[\],;:'\"]+@[^\s@<>()\[\],;:'\"]+")
_LONG_NUMBER = re.compile(r"\+?\d[\d.\-/ ]{4,}\d")
_HIDDEN = "…"


class Route53Registrar:
    """`asking` and `submitting` are boto3 `route53domains` clients of us-east-1, the only region that has the API.

    `asking` may repeat its requests, `submitting` must not: raises ValueError unless it was built with
    `retries={"total_max_attempts": 1}`. `pause` waits for some seconds.
    """

    def __init__(self, asking: Any, submitting: Any, *, pause: Callable[[float], None] = time.sleep) -> None:
        if (submitting.meta.config.retries or {}).get("total_max_attempts") != 1:
            raise ValueError(
                "the client that submits orders must not repeat them: total_max_attempts must be 1"
            )
        self._asking = asking
        self._submitting = submitting
        self._pause = pause

    # -- before an order -----------------------------------------------------------------------------------------

    def availability(self, name: str) -> NameOffer:
        """Whether the name can be registered. A name the registrar does not take at all is unavailable too.

        Raises ProviderUnavailableError while the registry does not say.
        """

        def ask() -> Mapping[str, Any]:
            return self._ask("check_domain_availability", DomainName=name)

        try:
            answer = self._settled(ask, lambda given: given.get("Availability"))
        except _RefusedError as refusal:
            return NameOffer(Availability.UNAVAILABLE, reason=refusal.text)
        word = str(answer.get("Availability"))
        cost = _cost(answer)
        if word == "UNAVAILABLE_PREMIUM" or (word == "AVAILABLE" and _is_premium(answer)):
            return NameOffer(Availability.PREMIUM, cost, _PREMIUM)
        if word == "AVAILABLE":
            return NameOffer(Availability.AVAILABLE, cost)
        if word in _NOT_AVAILABLE:
            return NameOffer(Availability.UNAVAILABLE, reason=_NOT_AVAILABLE[word])
        raise ProviderUnavailableError("registrar: it is not known yet whether this name is available")

    def transferability(self, name: str, auth_code: str | None) -> NameOffer:
        """Whether the name can be transferred to us.

        Raises ProviderUnavailableError while the registry does not say.
        """
        code = {"AuthCode": auth_code} if auth_code else {}

        def ask() -> Mapping[str, Any]:
            return self._ask("check_domain_transferability", DomainName=name, **code)

        try:
            answer = self._settled(ask, _transferable)
        except _RefusedError as refusal:
            return NameOffer(Availability.UNAVAILABLE, reason=_without(refusal.text, [auth_code or ""]))
        word = _transferable(answer)
        cost = _cost(answer)
        if word == "PREMIUM_DOMAIN" or (word == "TRANSFERABLE" and _is_premium(answer)):
            return NameOffer(Availability.PREMIUM, cost, _PREMIUM)
        if word == "TRANSFERABLE":
            return NameOffer(Availability.AVAILABLE, cost)
        if word == "DOMAIN_IN_OWN_ACCOUNT":
            return NameOffer(Availability.UNAVAILABLE, reason="this name is with us already")
        if word == "DOMAIN_IN_ANOTHER_ACCOUNT":
            reason = "another account has this name at the same registrar and has to pass it on there"
            return NameOffer(Availability.UNAVAILABLE, reason=reason)
        if word in ("UNTRANSFERABLE", "UNTRANSFERRABLE"):  # AWS spells it in both ways
            said = _without(str(answer.get("Message") or ""), [auth_code or ""])
            return NameOffer(Availability.UNAVAILABLE, reason=_transfer_reason(said))
        raise ProviderUnavailableError("registrar: it is not known yet whether this name can be transferred")

    # -- the order -----------------------------------------------------------------------------------------------

    def submit(self, request: RegistrationRequest) -> str:
        """Order the name once and return the operation's id.

        Contacts are hidden from the public where the registry allows it. Raises ProvisioningFailedError when the
        registrar refuses for good (also because the name is in our account by now), ProviderUnavailableError when it
        may have taken the order.
        """
        tld = request.name.partition(".")[2]
        if tld not in tld_table.TLDS:
            raise ProvisioningFailedError(f"the registrar does not sell names under .{tld}")
        hide = tld not in _WITHOUT_PRIVACY
        try:
            return self._submit_once(_order(request, tld, hide=hide), request.action)
        except _RefusedError as refusal:
            # Refused is not submitted, so this is no second order. Which registries can hide a contact changes, and
            # for some depends on the contact.
            if not (hide and "privacy" in refusal.text.lower()):
                raise _refusal(refusal.text, request) from None
        try:
            return self._submit_once(_order(request, tld, hide=False), request.action)
        except _RefusedError as refusal:
            raise _refusal(refusal.text, request) from None

    def _submit_once(self, order: Mapping[str, Any], action: DomainAction) -> str:
        method = "register_domain" if action is DomainAction.REGISTER else "transfer_domain"
        return self._operation_of(method, order)

    def _operation_of(self, method: str, order: Mapping[str, Any]) -> str:
        answer = _call(self._submitting, method, order)
        if not answer.get("OperationId"):
            raise ProviderUnavailableError("registrar: it took the order without naming an operation")
        return str(answer["OperationId"])

    def renew(self, name: str, current_expiry_year: int, max_cost: Money | None = None) -> str:
        """Ask for one more year and return the operation's id.

        Raises ProvisioningFailedError when the registrar refuses for good (also because the name does not run out in
        `current_expiry_year` any more), ProviderUnavailableError when it may have taken the order, or is at one.
        """
        order = {"DomainName": name, "DurationInYears": 1, "CurrentExpiryYear": current_expiry_year}
        try:
            return self._operation_of("renew_domain", order)
        except _RefusedError as refusal:
            # Refused is not submitted, so this is no second renewal. Only premium names need consent: a standard
            # price that rose within the year must not keep a name from being renewed that its owner has paid for.
            if max_cost is None or "consent" not in refusal.text.lower():
                raise ProvisioningFailedError(_not_renewed(refusal)) from None
        try:
            return self._operation_of("renew_domain", {**order, "Consent": _consent(max_cost)})
        except _RefusedError as refusal:
            raise ProvisioningFailedError(_not_renewed(refusal)) from None

    # -- what became of it ---------------------------------------------------------------------------------------

    def find(self, name: str, action: DomainAction | Upkeep, since: int) -> list[RegistrarOperation]:
        """Operations for this name submitted at or after `since` (epoch ms, counted in whole seconds), newest first.

        The registrar's clock sets the times: allow for clocks that differ.
        """
        arguments = {
            "SubmittedSince": datetime.fromtimestamp(since // 1000, UTC),
            "Type": [_TYPES[action]],
            "SortBy": "SubmittedDate",
            "SortOrder": "DESC",
        }
        try:
            listed = [
                self._named(entry) for entry in self._listed("list_operations", "Operations", arguments)
            ]
        except _RefusedError:
            raise ProviderUnavailableError("registrar: it did not list its operations") from None
        found = [
            self._operation(entry) for entry in listed if str(entry.get("DomainName")).lower() == name.lower()
        ]
        return sorted(found, key=lambda operation: operation.submitted_at, reverse=True)

    def _named(self, entry: Mapping[str, Any]) -> Mapping[str, Any]:
        """The listed operation with its name, which the list may leave out: overlooked, it would be ordered twice."""
        if entry.get("DomainName"):
            return entry
        return self._ask("get_operation_detail", OperationId=entry.get("OperationId", ""))

    def operation(self, operation_id: str) -> RegistrarOperation | None:
        """A registration, transfer or renewal as it stands, None when the registrar knows no such operation."""
        try:
            detail = self._ask("get_operation_detail", OperationId=operation_id)
        except _RefusedError:
            return None  # the id is all there was to refuse
        if detail.get("OperationId") != operation_id:
            raise ProviderUnavailableError("registrar: it answered with another operation")
        return self._operation(detail)

    def _operation(self, detail: Mapping[str, Any]) -> RegistrarOperation:
        try:
            operation = RegistrarOperation(
                id=str(detail["OperationId"]),
                name=str(detail["DomainName"]).lower(),
                action=_ACTIONS[detail["Type"]],
                status=_STATUSES[detail["Status"]],
                submitted_at=_epoch_ms(detail["SubmittedDate"]),
                flag=detail.get("StatusFlag"),
                message=_without(str(detail.get("Message") or ""), ()) or None,
            )
        except (KeyError, TypeError, AttributeError) as fault:
            raise ProviderUnavailableError(
                f"registrar: malformed operation ({type(fault).__name__})"
            ) from None
        ours_before = operation.action is Upkeep.RENEW
        if detail["Status"] == "ERROR" and not ours_before and self.domain(operation.name) is not None:
            # AWS does not say how ERROR differs from FAILED. Something went wrong on the way, but the name that was
            # paid for has come: to give the money back would be to give the name away.
            return RegistrarOperation(
                id=operation.id,
                name=operation.name,
                action=operation.action,
                status=RegistrarStatus.SUCCEEDED,
                submitted_at=operation.submitted_at,
                flag=operation.flag,
                message=operation.message,
            )
        return operation

    def domain(self, name: str) -> RegisteredDomain | None:
        """The name as it is in our account, None when it is not there."""
        try:
            detail = self._ask("get_domain_detail", DomainName=name)
        except _RefusedError:
            if self._is_listed(name):
                raise ProviderUnavailableError("registrar: it lists the name but does not show it") from None
            return None
        if str(detail.get("DomainName", "")).lower() != name.lower():
            raise ProviderUnavailableError("registrar: it answered with another name")
        try:
            return RegisteredDomain(
                name=name.lower(),
                nameservers=tuple(str(server["Name"]).lower() for server in detail.get("Nameservers", ())),
                created_at=_epoch_ms(detail["CreationDate"]) if "CreationDate" in detail else None,
                expires_at=_epoch_ms(detail["ExpirationDate"]) if "ExpirationDate" in detail else None,
                states=tuple(detail.get("StatusList", ())),
            )
        except (KeyError, TypeError, AttributeError) as fault:
            raise ProviderUnavailableError(f"registrar: malformed name ({type(fault).__name__})") from None

    def _is_listed(self, name: str) -> bool:
        """Whether the name is on the list of our names.

        GetDomainDetail refuses a name that is not ours with the same code as one it can't read; only the text
        differs. The list leaves no doubt.
        """
        arguments = {
            "FilterConditions": [{"Name": "DomainName", "Operator": "BEGINS_WITH", "Values": [name]}]
        }
        try:
            entries = self._listed("list_domains", "Domains", arguments)
            names = {str(entry.get("DomainName", "")).lower() for entry in entries}
        except _RefusedError:
            raise ProviderUnavailableError("registrar: it did not list our names") from None
        return name.lower() in names

    # -- asking --------------------------------------------------------------------------------------------------

    def _settled(
        self, ask: Callable[[], Mapping[str, Any]], word: Callable[[Mapping[str, Any]], Any]
    ) -> Mapping[str, Any]:
        """The answer, asked for again while the registry is only slow."""
        answer = ask()
        for _ in range(PENDING_ATTEMPTS - 1):
            if word(answer) != "PENDING":
                break
            self._pause(PENDING_PAUSE_SECONDS)
            answer = ask()
        return answer

    def _ask(self, method: str, **arguments: Any) -> Mapping[str, Any]:
        return _call(self._asking, method, arguments)

    def _listed(self, method: str, kind: str, arguments: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
        """The entries of all pages."""
        marker: dict[str, Any] = {}
        while True:
            page = self._ask(method, MaxItems=100, **arguments, **marker)
            if kind not in page:
                # boto3 reads an empty or garbled answer as one without anything in it. Taken for an empty list, it
                # would lead to a second order.
                raise ProviderUnavailableError(f"registrar: {method} gave no list")
            yield from page[kind]
            following = page.get("NextPageMarker")
            if not following:
                return
            if following == marker.get("Marker"):
                raise ProviderUnavailableError("registrar: its list does not end")
            marker = {"Marker": following}


class _RefusedError(Exception):
    """The registrar will not do it. Holds its text as it came: it may repeat personal data."""

    def __init__(self, text: str) -> None:
        super().__init__("the registrar refused")
        self.text = text


def _call(client: Any, method: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    """One request. Exceptions carry the kind of a fault only: the request holds contacts and the auth code."""
    try:
        answer: Mapping[str, Any] = getattr(client, method)(**arguments)
    except ParamValidationError:
        # Never sent: boto3 itself found that it can not be a request.
        raise _RefusedError("the order lacks something that the registrar asks for") from None
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code"))
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if code in _FINAL and 400 <= status < 500:
            raise _RefusedError(str(error.response["Error"].get("Message") or code)) from None
        raise ProviderUnavailableError(f"registrar: {method} {status} {code}") from None
    except BotoCoreError as fault:
        raise ProviderUnavailableError(f"registrar: {method} {type(fault).__name__}") from None
    except Exception as fault:
        # botocore's parser lets through whatever a garbled answer happens to cause, and an order may have been taken.
        raise ProviderUnavailableError(f"registrar: {method} {type(fault).__name__}") from None
    if not isinstance(answer, Mapping):
        raise ProviderUnavailableError(f"registrar: {method} gave no document")
    return answer


def _order(request: RegistrationRequest, tld: str, *, hide: bool) -> dict[str, Any]:
    """RegisterDomain's or TransferDomain's input."""
    contacts = request.contacts
    order: dict[str, Any] = {
        "DomainName": request.name,
        "DurationInYears": request.years,
        "AutoRenew": False,  # the customer's subscription renews it, or nothing does
        "RegistrantContact": _contact(tld, contacts.owner, ContactRole.OWNER),
        "AdminContact": _contact(tld, contacts.admin, ContactRole.ADMIN),
        "TechContact": _contact(tld, contacts.tech, ContactRole.TECH),
        "BillingContact": _contact(tld, contacts.billing, ContactRole.BILLING),
        "PrivacyProtectRegistrantContact": hide,
        "PrivacyProtectAdminContact": hide,
        "PrivacyProtectTechContact": hide,
        "PrivacyProtectBillingContact": hide,
    }
    if request.action is DomainAction.TRANSFER and request.auth_code:
        order["AuthCode"] = request.auth_code
    if request.max_cost is not None:
        order["Consent"] = _consent(request.max_cost)
    return order


def _consent(max_cost: Money) -> dict[str, Any]:
    return {"MaxPrice": float(_major_units(max_cost)), "Currency": max_cost.currency.upper()}


def _not_renewed(refusal: _RefusedError) -> str:
    return f"the registrar refused to renew the name: {_without(refusal.text, ())}"


def _contact(tld: str, contact: Contact, role: ContactRole) -> dict[str, Any]:
    detail: dict[str, Any] = {
        "FirstName": contact.first_name,
        "LastName": contact.last_name,
        "ContactType": tld_table.contact_type(tld, contact, role),
        "OrganizationName": contact.organization,
        "AddressLine1": contact.street_address,
        "City": contact.city,
        "State": contact.state,
        "CountryCode": contact.country,
        "ZipCode": contact.post_code,
        "PhoneNumber": contact.phone,
        "Email": contact.email,
    }
    extra = []
    for name, value in sorted(contact.extra.items()):
        try:
            parameter = tld_table.extra_param_name(tld, name)
        except KeyError:
            continue  # the contact was made for another registry, which asks for more
        extra.append({"Name": parameter, "Value": value})
    if extra:
        detail["ExtraParams"] = extra
    return {name: value for name, value in detail.items() if value}


def _refusal(said: str, request: RegistrationRequest) -> ProvisioningFailedError:
    text = _without(said, _personal_data(request), keep=request.name)
    return ProvisioningFailedError(f"the registrar refused the name: {text}")


def _transferable(answer: Mapping[str, Any]) -> str:
    return str((answer.get("Transferability") or {}).get("Transferable")).upper()


def _is_premium(answer: Mapping[str, Any]) -> bool:
    return (answer.get("Price") or {}).get("PriceType") == "REGISTRY_PREMIUM"


def _cost(answer: Mapping[str, Any]) -> Money | None:
    """The price in minor units. The API tells it as a floating number of major units, whose text is exact."""
    price = answer.get("Price")
    if not price:
        return None
    try:
        currency = str(price["Currency"]).upper()
        scale = 0 if currency in ZERO_DECIMAL else 2
        amount = Decimal(str(price["Price"])).scaleb(scale).quantize(Decimal(1), ROUND_HALF_UP)
    except (KeyError, TypeError, ArithmeticError) as fault:
        raise ProviderUnavailableError(f"registrar: malformed price ({type(fault).__name__})") from None
    return Money(int(amount), currency)


def _major_units(money: Money) -> Decimal:
    return Decimal(money.amount).scaleb(0 if money.currency.upper() in ZERO_DECIMAL else -2)


def _transfer_reason(said: str) -> str:
    for pattern, reason in _TRANSFER_REASONS:
        if pattern.search(said):
            return reason
    told = f": {said}" if said else ""
    return f"the registry does not let this name be transferred now{told}"


def _epoch_ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


# -- personal data -------------------------------------------------------------------------------------------------


def _personal_data(request: RegistrationRequest) -> list[str]:
    values = [request.auth_code or ""]
    for contact in (
        request.contacts.owner,
        request.contacts.admin,
        request.contacts.billing,
        request.contacts.tech,
    ):
        values += [
            contact.email,
            contact.phone,
            contact.street_address,
            contact.organization,
            contact.first_name,
            contact.last_name,
            contact.city,
            contact.post_code,
            contact.state,
            *contact.extra.values(),
        ]
    return values


def _without(text: str, values: Iterable[str], *, keep: str = "") -> str:
    """The registrar's text, short, without these values and whatever looks like an address or a number of somebody.

    `keep` is the domain name, which may well contain its owner's name.
    """
    text = _EMAIL.sub(_HIDDEN, " ".join(text.split()))
    spoken = sorted({value.strip() for value in values if len(value.strip()) > 1}, key=len, reverse=True)

    def cleaned(piece: str) -> str:
        for value in spoken:
            piece = re.sub(rf"(?<!\w){re.escape(value)}(?!\w)", _HIDDEN, piece, flags=re.IGNORECASE)
        return _LONG_NUMBER.sub(_HIDDEN, piece)

    pieces = text.split(keep) if keep else [text]
    return keep.join(cleaned(piece) for piece in pieces)[:LONGEST_TEXT]
