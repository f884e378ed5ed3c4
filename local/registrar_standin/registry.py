"""The state and the decisions of the registrar stand-in. Requests and responses have the form of Route 53 Domains."""

from __future__ import annotations

import threading
import uuid
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from . import names
from .checks import (
    CONTACTS,
    check_consent,
    check_every_contact,
    checked_name,
    contact_problems,
    invalid,
    missing_extra,
    price_of,
    unsupported,
)
from .records import RENEWAL, Domain, Operation, Step, made_up_nameservers
from .wire import RefusalError, moment

YEAR_SECONDS = 365 * 86_400
SLOW = 10
VERIFY_SECONDS = 15 * 86_400  # ICANN allows this time to confirm the e-mail address
# Seconds from the end of a transfer to the domain's expiry date at its former registrar, unless `former_expiry` has
# another date.
LEFT_BEFORE_A_TRANSFER = 60 * 86_400

ZoneMaker = Callable[[str], Sequence[str] | None]


class Registry:
    """All domains and operations. Thread-safe. See `RegistrarStandIn` for the parameters."""

    def __init__(
        self,
        now: Callable[[], float],
        delay: float | None,
        transfer_delay: float | None,
        create_zone: ZoneMaker | None,
    ) -> None:
        self.now = now
        self.delay = delay
        self.transfer_delay = transfer_delay
        self.create_zone = create_zone
        self.lock = threading.RLock()
        self.operations: list[Operation] = []
        self.domains: dict[str, Domain] = {}
        self.taken: set[str] = set()
        self.submitted: Counter[str] = Counter()
        self.registered: Counter[str] = Counter()
        self.renewed: Counter[str] = Counter()
        self.mails: Counter[str] = Counter()  # by domain: how often the verification mail was sent again
        self.slow_checks: set[tuple[str, str]] = set()
        # If True, GetOperationDetail refuses completed operations. The API reference does not say what Route 53 does.
        self.hides_completed = False
        self.former_expiry: dict[str, float] = {}
        self.former_nameservers: dict[str, tuple[str, ...]] = {}
        self.expiry_lags = 0.0  # after a transfer, the former expiry date is shown for this number of seconds

    def reset(self) -> None:
        with self.lock:
            everything: tuple[Any, ...] = (
                *(self.operations, self.domains, self.taken, self.submitted, self.registered, self.renewed),
                *(self.mails, self.slow_checks, self.former_expiry, self.former_nameservers),
            )
            for kept in everything:
                kept.clear()

    # -- API operations ------------------------------------------------------------------------------------------

    def call(self, operation: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """Raises RefusalError."""
        methods: dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
            "CheckDomainAvailability": self._check_availability,
            "CheckDomainTransferability": self._check_transferability,
            "RegisterDomain": self._register,
            "TransferDomain": self._transfer,
            "RenewDomain": self._renew,
            "ListOperations": self._list_operations,
            "GetOperationDetail": self._operation_detail,
            "GetDomainDetail": self._domain_detail,
            "ListDomains": self._list_domains,
            "ListPrices": self._list_prices,
            "GetContactReachabilityStatus": self._reachability,
            "ResendContactReachabilityEmail": self._resend_mail,
        }
        if operation not in methods:
            raise RefusalError("UnknownOperationException", f"The stand-in does not implement {operation}.")
        with self.lock:
            self.settle()
            return methods[operation](given)

    def _check_availability(self, given: Mapping[str, Any]) -> dict[str, Any]:
        name = checked_name(given["DomainName"])
        if self._is_slow("availability", name):
            return {"Availability": "PENDING"}
        if name in self.domains or name in self.taken or names.begins(name, "taken-"):
            return {"Availability": "UNAVAILABLE"}
        if names.begins(name, "reserved-"):
            return {"Availability": "RESERVED"}
        if names.begins(name, "unsure-"):
            return {"Availability": "DONT_KNOW"}
        return {"Availability": "AVAILABLE", "Price": price_of(name)}

    def _check_transferability(self, given: Mapping[str, Any]) -> dict[str, Any]:
        name = checked_name(given["DomainName"])
        word, message = "TRANSFERABLE", None
        if self._is_slow("transferability", name):
            word = "PENDING"
        elif name in self.domains:
            word = "DOMAIN_IN_OWN_ACCOUNT"
        elif names.begins(name, "elsewhere-"):
            word = "DOMAIN_IN_ANOTHER_ACCOUNT"
        elif names.begins(name, "unsure-"):
            word = "DONT_KNOW"
        elif names.begins(name, "premium-"):
            word = "PREMIUM_DOMAIN"
        elif names.begins(name, "locked-"):
            word, message = "UNTRANSFERABLE", "The domain has the status clientTransferProhibited."
        elif names.begins(name, "young-"):
            word, message = "UNTRANSFERABLE", "The domain was registered less than 60 days ago."
        elif given.get("AuthCode") == names.WRONG_AUTH_CODE:
            word, message = "UNTRANSFERABLE", "The authorization code is not valid."
        answer: dict[str, Any] = {"Transferability": {"Transferable": word}}
        if message:
            answer["Message"] = message
        if word == "TRANSFERABLE":
            answer["Price"] = price_of(name)
        return answer

    def _register(self, given: Mapping[str, Any]) -> dict[str, Any]:
        name = self._checked_order(given)
        if name in self.taken or names.begins(name, "taken-", "reserved-", "gone-"):
            raise invalid(f"{name} is not available")
        lasting = self._lasting(self.delay, name)
        steps = [Step("SUBMITTED", _part(lasting, 0.1))]
        if names.begins(name, "action-"):
            told = "Waiting for the registrant to follow the link in the e-mail."
            steps.append(Step("IN_PROGRESS", None, "PENDING_CUSTOMER_ACTION", told))
        steps.append(Step("IN_PROGRESS", _part(lasting, 0.9), None, "Registering the name at the registry."))
        failure = None
        if names.begins(name, "lost-"):
            failure = f"The domain {name} is not available: another owner has registered it."
        return self._submitted("REGISTER_DOMAIN", name, given, steps, failure or _failure(name, given))

    def _transfer(self, given: Mapping[str, Any]) -> dict[str, Any]:
        name = self._checked_order(given)
        tld = names.tld_of(name)
        if not given.get("AuthCode") and tld not in names.WITHOUT_AUTH_CODE:
            raise invalid(f"AuthCode is required for TLD [{tld}]")
        if names.begins(name, "locked-", "young-", "elsewhere-", "gone-"):
            raise invalid(f"{name} can't be transferred")
        lasting = self._lasting(self.transfer_delay, name)
        waits = "Waiting for the registrant to authorize the transfer by e-mail."
        authorization = Step("IN_PROGRESS", _part(lasting, 0.3), "PENDING_AUTHORIZATION", waits)
        if names.begins(name, "action-"):
            authorization = Step("IN_PROGRESS", None, "PENDING_CUSTOMER_ACTION", waits)
        steps = [
            Step("SUBMITTED", _part(lasting, 0.05)),
            Step("IN_PROGRESS", _part(lasting, 0.15), None, "Checking the authorization code."),
            authorization,
            Step(
                "IN_PROGRESS",
                _part(lasting, 0.5),
                None,
                "Waiting for the current registrar to release the name.",
            ),
        ]
        failure = _failure(name, given)
        if given.get("AuthCode") == names.WRONG_AUTH_CODE:
            steps, failure = (
                steps[:2],
                "The authorization code that you got from the current registrar is not valid.",
            )
        return self._submitted("TRANSFER_IN_DOMAIN", name, given, steps, failure)

    def _renew(self, given: Mapping[str, Any]) -> dict[str, Any]:
        name = checked_name(given["DomainName"])
        domain = self.domains.get(name)
        if domain is None:
            raise RefusalError("InvalidInput", f"Domain {name} not found in 111122223333 account.")
        self._check_no_duplicate(name)
        year = moment(domain.shown_expiry(self.now())).year
        if given["CurrentExpiryYear"] != year:
            raise invalid(f"CurrentExpiryYear does not match the current expiry year [{year}]")
        days = names.RENEWED_FROM_DAYS_BEFORE.get(names.tld_of(name))
        if days is not None and self.now() < domain.expires_at - days * 86_400:
            raise invalid(f"{name} can't be renewed earlier than {days} days before it expires")
        if names.begins(name, "norenewal-"):
            raise invalid(f"{name} can't be renewed")
        check_consent(given, price_of(name))
        lasting = self._lasting(self.delay, name)
        steps = [
            Step("SUBMITTED", _part(lasting, 0.1)),
            Step("IN_PROGRESS", _part(lasting, 0.9), None, "Renewing the name at the registry."),
        ]
        failure = "The registry refused the renewal." if names.begins(name, "badrenewal-") else None
        return self._submitted(RENEWAL, name, given, steps, failure)

    def _list_operations(self, given: Mapping[str, Any]) -> dict[str, Any]:
        since = float(given.get("SubmittedSince", 0.0))
        found = [
            operation
            for operation in self.operations
            if operation.submitted_at >= since
            and operation.type in given.get("Type", [operation.type])
            and operation.document()["Status"] in given.get("Status", [operation.document()["Status"]])
        ]
        newest_first = given.get("SortOrder", "DESC") == "DESC"
        found.sort(key=lambda operation: operation.submitted_at, reverse=newest_first)
        page, following = _page(found, given, 20)
        return {"Operations": [operation.document() for operation in page], **following}

    def _operation_detail(self, given: Mapping[str, Any]) -> dict[str, Any]:
        for operation in self.operations:
            if operation.id == given["OperationId"] and (operation.is_running or not self.hides_completed):
                return operation.document()
        raise invalid(f"operation {given['OperationId']} was not found")

    def _domain_detail(self, given: Mapping[str, Any]) -> dict[str, Any]:
        name = checked_name(given["DomainName"])
        domain = self.domains.get(name)
        if domain is None:
            raise RefusalError("InvalidInput", f"Domain {name} not found in 111122223333 account.")
        order = domain.given
        return {
            "DomainName": name,
            "Nameservers": [{"Name": server, "GlueIps": []} for server in domain.nameservers],
            "AutoRenew": order.get("AutoRenew", True),
            **{contact: order[contact] for contact in CONTACTS if contact in order},
            "RegistrantPrivacy": order.get("PrivacyProtectRegistrantContact", True),
            "AdminPrivacy": order.get("PrivacyProtectAdminContact", True),
            "TechPrivacy": order.get("PrivacyProtectTechContact", True),
            "BillingPrivacy": order.get("PrivacyProtectBillingContact", True),
            "RegistrarName": "Registrar stand-in",
            "CreationDate": moment(domain.created_at),
            "UpdatedDate": moment(domain.created_at),
            "ExpirationDate": moment(domain.shown_expiry(self.now())),
            "StatusList": ["clientTransferProhibited", *(["clientHold"] if domain.held(self.now()) else [])],
        }

    def _owned(self, given: Mapping[str, Any]) -> Domain:
        domain = self.domains.get(checked_name(given["domainName"]))
        if domain is None:
            raise RefusalError("InvalidInput", "The domain was not found in 111122223333 account.")
        return domain

    def _reachability(self, given: Mapping[str, Any]) -> dict[str, Any]:
        domain = self._owned(given)
        word = "DONE" if domain.verify_until is None else "PENDING"
        return {"domainName": domain.name, "status": "EXPIRED" if domain.held(self.now()) else word}

    def _resend_mail(self, given: Mapping[str, Any]) -> dict[str, Any]:
        domain = self._owned(given)
        done = domain.verify_until is None
        if not done:
            self.mails[domain.name] += 1
        return {
            "domainName": domain.name,
            "emailAddress": domain.given["RegistrantContact"]["Email"],
            "isAlreadyVerified": done,
        }

    def _list_domains(self, given: Mapping[str, Any]) -> dict[str, Any]:
        found = sorted(self.domains.values(), key=lambda domain: domain.name)
        order = given.get("SortCondition", {"Name": "DomainName", "SortOrder": "ASC"})
        if order["Name"] == "Expiry":
            found.sort(key=lambda domain: domain.shown_expiry(self.now()))
        if order["SortOrder"] == "DESC":
            found.reverse()
        for condition in given.get("FilterConditions", ()):
            if (condition["Name"], condition["Operator"]) != ("DomainName", "BEGINS_WITH"):
                raise invalid("the stand-in filters by the beginning of DomainName only")
            found = [domain for domain in found if domain.name.startswith(condition["Values"][0].lower())]
        page, following = _page(found, given, 20)
        entries = [
            {
                "DomainName": domain.name,
                "AutoRenew": domain.given.get("AutoRenew", True),
                "TransferLock": True,
                "Expiry": moment(domain.shown_expiry(self.now())),
            }
            for domain in page
        ]
        return {"Domains": entries, **following}

    def _list_prices(self, given: Mapping[str, Any]) -> dict[str, Any]:
        wanted = given.get("Tld")
        if wanted is not None and wanted not in names.PRICES:
            raise unsupported(wanted)
        found = [wanted] if wanted is not None else sorted(names.PRICES)
        page, following = _page(found, given, 100)
        prices = []
        for tld in page:
            price = {"Price": float(names.PRICES[tld]), "Currency": names.CURRENCY}
            prices.append(
                {"Name": tld, "RegistrationPrice": price, "TransferPrice": price, "RenewalPrice": price}
            )
        return {"Prices": prices, **following}

    # -- orders --------------------------------------------------------------------------------------------------

    def _checked_order(self, given: Mapping[str, Any]) -> str:
        name = checked_name(given["DomainName"])
        self._check_no_duplicate(name)
        if name in self.domains:
            raise invalid(f"Domain {name} is already registered in this account")
        tld = names.tld_of(name)
        problems: list[str] = []
        for contact in CONTACTS:
            if contact in given:
                problems += contact_problems(contact, given[contact])
        problems += missing_extra(tld, given["RegistrantContact"])
        private = [given.get(f"PrivacyProtect{contact}", True) for contact in CONTACTS]
        if len(set(private)) > 1:
            problems.append("privacy protection must be the same for all contacts")
        elif private[0] and (tld in names.WITHOUT_PRIVACY or names.begins(name, "public-")):
            problems.append(f"Privacy protection is not supported for TLD [{tld}]")
        if problems:
            raise invalid(*problems)
        check_every_contact(tld, given)
        check_consent(given, price_of(name))
        return name

    def _check_no_duplicate(self, name: str) -> None:
        for operation in self.operations:
            if operation.is_running and operation.name == name:
                told = "The request is already in progress for the domain."
                raise RefusalError("DuplicateRequest", told, requestId=operation.id)

    def _submitted(
        self, kind: str, name: str, given: Mapping[str, Any], steps: list[Step], failure: str | None
    ) -> dict[str, Any]:
        now = self.now()
        operation = Operation(
            id=str(uuid.uuid4()),
            name=name,
            type=kind,
            submitted_at=now,
            given=given,
            steps=steps,
            since=now,
            failure=failure,
            updated_at=now,
        )
        self.operations.append(operation)
        if kind != RENEWAL:
            self.submitted[name] += 1
        return {"OperationId": operation.id}

    def _lasting(self, delay: float | None, name: str) -> float | None:
        return delay * SLOW if delay is not None and names.begins(name, "slow-") else delay

    def _is_slow(self, check: str, name: str) -> bool:
        if not names.begins(name, "slow-check-") or (check, name) in self.slow_checks:
            return False
        self.slow_checks.add((check, name))
        return True

    # -- time and controls ---------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Complete due steps in time order."""
        with self.lock:
            now = self.now()
            while True:
                due = [
                    (operation.since + operation.steps[0].seconds, operation)
                    for operation in self.operations
                    if operation.steps
                    and operation.steps[0].seconds is not None
                    and operation.since + operation.steps[0].seconds <= now
                ]
                if not due:
                    return
                at, operation = min(due, key=lambda entry: entry[0])
                self._next_step(operation, at)

    def running(self, name: str) -> Operation:
        """The running operation of this domain. Raises KeyError if there is none."""
        self.settle()
        for operation in reversed(self.operations):
            if operation.name == name and operation.is_running:
                return operation
        raise KeyError(name)

    def advance(self, name: str) -> None:
        with self.lock:
            self._next_step(self.running(name), self.now())

    def approve(self, name: str) -> None:
        """End the current step as if a person had approved it. Raises ValueError if the step needs no person."""
        with self.lock:
            operation = self.running(name)
            if operation.steps[0].flag is None:
                raise ValueError(f"{name} does not wait for anyone now")
            self._next_step(operation, self.now())

    def finish(self, name: str) -> None:
        with self.lock:
            operation = self.running(name)
            del operation.steps[1:]
            self._next_step(operation, self.now())

    def fail(self, name: str, message: str, status: str = "FAILED") -> None:
        with self.lock:
            operation = self.running(name)
            operation.steps.clear()
            operation.status, operation.message, operation.updated_at = status, message, self.now()

    def _next_step(self, operation: Operation, at: float) -> None:
        if len(operation.steps) == 1:
            if operation.failure is None:
                # Deliver before the status changes: if creating the zone fails, the operation must still be running.
                self._deliver(operation, at)
            operation.status = "SUCCESSFUL" if operation.failure is None else "FAILED"
            operation.message = operation.failure
        operation.steps.pop(0)
        operation.since = operation.updated_at = at

    def _deliver(self, operation: Operation, at: float) -> None:
        order = operation.given
        years = order.get("DurationInYears", 1)
        if operation.type == RENEWAL:
            domain = self.domains[operation.name]
            domain.expires_at = _years_later(domain.expires_at, years)
            self.renewed[operation.name] += 1
            return
        if operation.is_transfer:
            created_at = at - YEAR_SECONDS * 3
            expires_at = self._after_transfer(operation.name, at)
            servers = [server["Name"] for server in order.get("Nameservers", ())]
            before = ("ns1.former-registrar.example", "ns2.former-registrar.example")
            nameservers = tuple(servers) or self.former_nameservers.get(operation.name, before)
        else:
            created_at, expires_at = at, _years_later(at, years)
            told = self.create_zone(operation.name) if self.create_zone else None
            nameservers = tuple(told) if told else made_up_nameservers(operation.name)
        self.domains[operation.name] = Domain(
            operation.name,
            nameservers,
            created_at,
            expires_at,
            order,
            at + VERIFY_SECONDS if names.begins(operation.name, "unverified-") else None,
        )
        if operation.is_transfer and self.expiry_lags:
            former = self._before_transfer(operation.name, at), at + self.expiry_lags
            self.domains[operation.name].stale_expiry = former
        self.registered[operation.name] += 1

    def _after_transfer(self, name: str, at: float) -> float:
        """The expiry date after a transfer that ends at `at`. It depends on the TLD, not on the ordered years."""
        before, tld = self._before_transfer(name, at), names.tld_of(name)
        if tld in names.TRANSFER_KEEPS_THE_DATE:
            return before
        return _years_later(at if tld in names.TRANSFER_GIVES_A_YEAR_FROM_NOW else before, 1)

    def _before_transfer(self, name: str, at: float) -> float:
        return self.former_expiry.get(name, at + LEFT_BEFORE_A_TRANSFER)


def _failure(name: str, given: Mapping[str, Any]) -> str | None:
    if names.begins(name, "fail-"):
        return "The registry refused the request."
    if names.begins(name, "badcontact-"):
        registrant = given["RegistrantContact"]
        # The messages of real registries repeat the refused contact. Our code must not show such a message.
        return (
            f"The registry refused the registrant contact: {registrant['Email']} {registrant['PhoneNumber']}"
        )
    return None


def _years_later(seconds: float, years: int) -> float:
    at = moment(seconds)
    try:
        return at.replace(year=at.year + years).timestamp()
    except ValueError:  # the 29th of February
        return at.replace(year=at.year + years, day=28).timestamp()


def _part(lasting: float | None, share: float) -> float | None:
    return None if lasting is None else lasting * share


def _page(found: Sequence[Any], given: Mapping[str, Any], usual: int) -> tuple[Sequence[Any], dict[str, str]]:
    marker = given.get("Marker", "0")
    if not marker.isdigit():
        raise invalid("Marker is not one that a response has returned")
    start = int(marker)
    end = start + given.get("MaxItems", usual)
    return found[start:end], {"NextPageMarker": str(end)} if end < len(found) else {}
