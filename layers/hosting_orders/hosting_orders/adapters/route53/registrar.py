"""The Registrar port, implemented with Route 53 Domains.

The API has no idempotency key, so boto3 must not repeat a submission or a renewal. This adapter repeats such a request
only after the registrar has refused it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from hosting_orders.adapters.loopback import is_loopback
from hosting_orders.adapters.route53 import offers, tlds
from hosting_orders.adapters.route53.client import Questions, RefusedError, call
from hosting_orders.adapters.route53.operations import TYPES, read_domain, read_expiry, read_operation
from hosting_orders.adapters.route53.orders import WITHOUT_PRIVACY, consent, order_of
from hosting_orders.adapters.route53.texts import personal_data, refusal_in, without
from hosting_orders.domain.errors import ProviderUnavailableError, ProvisioningFailedError
from hosting_orders.domain.money import Money
from hosting_orders.domain.registration import (
    Availability,
    DomainAction,
    DomainOffer,
    Expiry,
    Refusal,
    RegisteredDomain,
    RegistrarOperation,
    RegistrarStatus,
    RegistrationRefusedError,
    RegistrationRequest,
    Upkeep,
    Verification,
)

_VERIFICATIONS = {
    "PENDING": Verification.PENDING,
    "DONE": Verification.DONE,
    "EXPIRED": Verification.EXPIRED,
}


class Route53Registrar:
    """`submitting` sends submissions and renewals. `asking` sends the rest. Both are `route53domains` clients in
    us-east-1.

    Raises ValueError unless `submitting` was built with `retries={"total_max_attempts": 1}`.
    """

    def __init__(self, asking: Any, submitting: Any, *, pause: Callable[[float], None] = time.sleep) -> None:
        if (submitting.meta.config.retries or {}).get("total_max_attempts") != 1:
            raise ValueError(
                "the client that submits domains must not repeat a request: total_max_attempts must be 1"
            )
        self._asking = Questions(asking, pause)
        self._submitting = submitting

    @property
    def costs_money(self) -> bool:
        return not is_loopback(self._submitting.meta.endpoint_url)

    # -- before an order -----------------------------------------------------------------------------------------

    def availability(self, name: str) -> DomainOffer:
        def ask() -> Mapping[str, Any]:
            return self._asking.ask("check_domain_availability", DomainName=name)

        try:
            answer = self._asking.settled(ask, lambda given: given.get("Availability"))
        except RefusedError as refusal:
            return DomainOffer(Availability.UNAVAILABLE, reason=refusal.text)
        return offers.available(answer)

    def transferability(self, name: str, auth_code: str | None) -> DomainOffer:
        code = {"AuthCode": auth_code} if auth_code else {}

        def ask() -> Mapping[str, Any]:
            return self._asking.ask("check_domain_transferability", DomainName=name, **code)

        try:
            answer = self._asking.settled(ask, offers.transferable_word)
        except RefusedError as refusal:
            return DomainOffer(Availability.UNAVAILABLE, reason=without(refusal.text, [auth_code or ""]))
        return offers.transferable(answer, auth_code)

    # -- submissions and renewals ----------------------------------------------------------------------------------

    def submit(self, request: RegistrationRequest) -> str:
        """Hide the contacts where the registry allows it."""
        tld = request.name.partition(".")[2]
        if self.costs_money and not request.live:
            raise RegistrationRefusedError("an order paid in test mode is not delivered", Refusal.TEST_ORDER)
        if tld not in tlds.known():
            raise RegistrationRefusedError(f"the registrar does not sell domains under .{tld}", Refusal.OTHER)
        hide = tld not in WITHOUT_PRIVACY
        try:
            return self._submit_once(order_of(request, tld, hide=hide), request.action)
        except RefusedError as refusal:
            # The registrar refused, so nothing was bought, and a second submission cannot buy twice. If the registrar
            # refused to hide the contacts, submit again without hiding them. We cannot know this in advance, because
            # registries change their rules, and some rules depend on the contact.
            if not (hide and "privacy" in refusal.text.lower()):
                raise _refusal(refusal.text, request) from None
        try:
            return self._submit_once(order_of(request, tld, hide=False), request.action)
        except RefusedError as refusal:
            raise _refusal(refusal.text, request) from None

    def _submit_once(self, order: Mapping[str, Any], action: DomainAction) -> str:
        method = "register_domain" if action is DomainAction.REGISTER else "transfer_domain"
        return self._operation_of(method, order)

    def _operation_of(self, method: str, order: Mapping[str, Any]) -> str:
        answer = call(self._submitting, method, order)
        if not answer.get("OperationId"):
            raise ProviderUnavailableError("registrar: it accepted the request but returned no operation id")
        return str(answer["OperationId"])

    def renewal_cost(self, tld: str) -> Money | None:
        try:
            answer = self._asking.ask("list_prices", Tld=tld)
        except RefusedError:
            return None
        for listed in answer.get("Prices") or []:
            if str(listed.get("Name", "")).lower() == tld:
                return offers.cost_in(listed.get("RenewalPrice"))
        return None

    def renew(self, name: str, current_expiry_year: int, max_cost: Money | None = None, *, live: bool) -> str:
        """After ProviderUnavailableError, a renewal may already be in progress."""
        if self.costs_money and not live:
            raise ProvisioningFailedError("a renewal that was paid in test mode is not bought for real")
        order = {"DomainName": name, "DurationInYears": 1, "CurrentExpiryYear": current_expiry_year}
        try:
            return self._operation_of("renew_domain", order)
        except RefusedError as refusal:
            # A consent is the maximum price that we accept. The first request has none: if the standard price rose
            # during the year, a maximum would block a renewal that the customer has paid for. For a premium domain, the
            # registrar refuses a request without consent. The refused request renewed nothing, so the second request,
            # which has a consent, cannot renew twice.
            if max_cost is None or "consent" not in refusal.text.lower():
                raise ProvisioningFailedError(_not_renewed(refusal)) from None
        try:
            return self._operation_of("renew_domain", {**order, "Consent": consent(max_cost)})
        except RefusedError as refusal:
            raise ProvisioningFailedError(_not_renewed(refusal)) from None

    # -- outcomes ------------------------------------------------------------------------------------------------

    def find(self, name: str, action: DomainAction | Upkeep, since: int) -> list[RegistrarOperation]:
        # The API takes whole seconds. Round `since` down, so that an operation of the same second is not missed.
        arguments = {
            "SubmittedSince": datetime.fromtimestamp(since // 1000, UTC),
            "Type": [TYPES[action]],
            "SortBy": "SubmittedDate",
            "SortOrder": "DESC",
        }
        try:
            listed = [
                self._named(entry)
                for entry in self._asking.listed("list_operations", "Operations", arguments)
            ]
        except RefusedError:
            raise ProviderUnavailableError("registrar: it did not list its operations") from None
        found = [
            self._operation(entry) for entry in listed if str(entry.get("DomainName")).lower() == name.lower()
        ]
        return sorted(found, key=lambda operation: operation.submitted_at, reverse=True)

    def _named(self, entry: Mapping[str, Any]) -> Mapping[str, Any]:
        # If an entry of the list lacks its domain, read the operation's details. An overlooked operation would lead to
        # a second submission of the domain.
        if entry.get("DomainName"):
            return entry
        return self._asking.ask("get_operation_detail", OperationId=entry.get("OperationId", ""))

    def operation(self, operation_id: str) -> RegistrarOperation | None:
        try:
            detail = self._asking.ask("get_operation_detail", OperationId=operation_id)
        except RefusedError:
            # The request contains only the id, so a refusal means that the id is unknown.
            return None
        if detail.get("OperationId") != operation_id:
            raise ProviderUnavailableError("registrar: it answered with another operation")
        return self._operation(detail)

    def _operation(self, detail: Mapping[str, Any]) -> RegistrarOperation:
        operation = read_operation(detail)
        ours_before = operation.action is Upkeep.RENEW
        if detail["Status"] == "ERROR" and not ours_before and self.domain(operation.name) is not None:
            # AWS does not document how ERROR differs from FAILED. This domain is in our account, so it was delivered. A
            # refund would give it away for free.
            return replace(operation, status=RegistrarStatus.SUCCEEDED)
        return operation

    def verification(self, name: str) -> Verification:
        """DONE if the e-mail address is verified or the registry verifies no addresses."""
        try:
            answer = self._asking.ask("get_contact_reachability_status", domainName=name)
        except RefusedError:
            return Verification.DONE
        return _VERIFICATIONS.get(str(answer.get("status")), Verification.DONE)

    def resend_verification(self, name: str) -> bool:
        try:
            answer = self._asking.ask("resend_contact_reachability_email", domainName=name)
        except RefusedError as refusal:
            raise ProvisioningFailedError(without(refusal.text, ())) from None
        return not answer.get("isAlreadyVerified", False)

    def domain(self, name: str) -> RegisteredDomain | None:
        try:
            detail = self._asking.ask("get_domain_detail", DomainName=name)
        except RefusedError:
            if self._is_listed(name):
                raise ProviderUnavailableError(
                    "registrar: it lists the domain but does not show it"
                ) from None
            return None
        if str(detail.get("DomainName", "")).lower() != name.lower():
            raise ProviderUnavailableError("registrar: it answered with another domain")
        return read_domain(name, detail)

    def expiring(self, before: int) -> list[Expiry]:
        # The list is sorted by expiry, so only its beginning is read.
        arguments = {"SortCondition": {"Name": "Expiry", "SortOrder": "ASC"}}
        found = []
        try:
            for entry in self._asking.listed("list_domains", "Domains", arguments):
                expiry = read_expiry(entry)
                if expiry.expires_at >= before:
                    break
                found.append(expiry)
        except RefusedError:
            raise ProviderUnavailableError("registrar: it did not list our domains") from None
        return found

    def _is_listed(self, name: str) -> bool:
        # GetDomainDetail returns the same error code for a domain of another account and for a domain that it cannot
        # show now. The list of our domains shows the difference.
        arguments = {
            "FilterConditions": [{"Name": "DomainName", "Operator": "BEGINS_WITH", "Values": [name]}]
        }
        try:
            entries = self._asking.listed("list_domains", "Domains", arguments)
            names = {str(entry.get("DomainName", "")).lower() for entry in entries}
        except RefusedError:
            raise ProviderUnavailableError("registrar: it did not list our domains") from None
        return name.lower() in names


def _refusal(said: str, request: RegistrationRequest) -> RegistrationRefusedError:
    text = without(said, personal_data(request), keep=request.name)
    return RegistrationRefusedError(f"the registrar refused the domain: {text}", refusal_in(text))


def _not_renewed(refusal: RefusedError) -> str:
    return f"the registrar refused to renew the domain: {without(refusal.text, ())}"
