"""Submitting a domain to Route 53: requests, refusals, unclear errors, and error texts without personal data.

An unclear error does not say whether the registrar accepted the order. It is a fault: `submit` raises
ProviderUnavailableError.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from botocore.stub import ANY

from hosting_orders.adapters.route53.registrar import Route53Registrar
from hosting_orders.domain.errors import ProviderUnavailableError, ProvisioningFailedError
from hosting_orders.domain.money import Money
from hosting_orders.domain.registration import (
    Contacts,
    DomainAction,
)
from tests.integration.route53.stubs import ANN, REQUEST, TRANSFER, Stubbed, client

REFUSED = ["InvalidInput", "TLDRulesViolation", "UnsupportedTLD", "ValidationException"]
UNCLEAR = [
    ("DuplicateRequest", 400),
    ("OperationLimitExceeded", 400),
    ("DomainLimitExceeded", 400),
    ("TLDInMaintenance", 400),
    ("ThrottlingException", 400),
    ("TooManyRequestsException", 429),
    ("AccessDeniedException", 400),
    ("ExpiredTokenException", 400),
    ("UnrecognizedClientException", 400),
    ("InternalFailure", 500),
    ("ServiceUnavailable", 503),
    ("InvalidInput", 500),  # a server error is never a refusal, whatever its code
    ("SomethingNew", 400),
]


@pytest.mark.parametrize("action", list(DomainAction))
@pytest.mark.parametrize("code", REFUSED)
def test_a_refusal_is_final_and_has_the_registrars_reason(
    stubbed: Stubbed, code: str, action: DomainAction
) -> None:
    method = "register_domain" if action is DomainAction.REGISTER else "transfer_domain"
    stubbed.submitting.add_client_error(method, code, "The registry wants no such name.", 400)

    with pytest.raises(ProvisioningFailedError, match=r"The registry wants no such name\."):
        stubbed.registrar.submit(replace(TRANSFER, action=action))


@pytest.mark.parametrize(("code", "status"), UNCLEAR)
def test_an_unclear_error_is_a_fault(stubbed: Stubbed, code: str, status: int) -> None:
    stubbed.submitting.add_client_error("register_domain", code, "Hm.", status)

    with pytest.raises(ProviderUnavailableError, match=code):
        stubbed.registrar.submit(REQUEST)


def test_a_response_without_an_operation_is_a_fault(stubbed: Stubbed) -> None:
    stubbed.submitting.add_response("register_domain", {})

    with pytest.raises(ProviderUnavailableError):
        stubbed.registrar.submit(REQUEST)


def test_if_privacy_is_refused_the_request_is_sent_without_it(
    stubbed: Stubbed,
) -> None:
    said = "Invalid request. Problems: Privacy protection is not supported for TLD [com]"
    stubbed.submitting.add_client_error("register_domain", "InvalidInput", said)
    sent: list[dict[str, Any]] = []
    stubbed.registrar._submitting.meta.events.register(
        "provide-client-params.route-53-domains.RegisterDomain", lambda params, **_: sent.append(params)
    )
    stubbed.submitting.add_response("register_domain", {"OperationId": "op-1"})

    assert stubbed.registrar.submit(REQUEST) == "op-1"
    assert [params["PrivacyProtectRegistrantContact"] for params in sent] == [True, False]


def test_a_request_that_boto3_refuses_raises_a_final_error(stubbed: Stubbed) -> None:
    invalid = replace(ANN, first_name=b"Ann")  # type: ignore[arg-type]
    registrar = Route53Registrar(stubbed.registrar._asking, client())

    with pytest.raises(ProvisioningFailedError) as refusal:
        registrar.submit(replace(REQUEST, contacts=Contacts(invalid, ANN, ANN, ANN)))
    assert "Ann" not in str(refusal.value)


CONSENTS = {
    Money(1500, "USD"): {"MaxPrice": 15.0, "Currency": "USD"},
    Money(1999, "usd"): {"MaxPrice": 19.99, "Currency": "USD"},
    Money(2500, "JPY"): {"MaxPrice": 2500.0, "Currency": "JPY"},
}


@pytest.mark.parametrize(("cost", "consent"), CONSENTS.items(), ids=str)
def test_our_maximum_price_is_sent_in_major_units(
    stubbed: Stubbed, cost: Money, consent: dict[str, Any]
) -> None:
    expected = {
        "DomainName": "bakery.com",
        "DurationInYears": 2,
        "AutoRenew": False,
        "Consent": consent,
        **{f"{role}Contact": ANY for role in ("Registrant", "Admin", "Tech", "Billing")},
        **{f"PrivacyProtect{role}Contact": True for role in ("Registrant", "Admin", "Tech", "Billing")},
    }
    stubbed.submitting.add_response("register_domain", {"OperationId": "op-1"}, expected)

    assert stubbed.registrar.submit(replace(REQUEST, years=2, max_cost=cost)) == "op-1"


def test_only_a_transfer_has_an_auth_code(stubbed: Stubbed) -> None:
    sent: list[dict[str, Any]] = []
    stubbed.registrar._submitting.meta.events.register(
        "provide-client-params.route-53-domains.*", lambda params, **_: sent.append(params)
    )
    stubbed.submitting.add_response("register_domain", {"OperationId": "op-1"})
    stubbed.submitting.add_response("transfer_domain", {"OperationId": "op-2"})

    stubbed.registrar.submit(replace(TRANSFER, action=DomainAction.REGISTER))
    stubbed.registrar.submit(TRANSFER)

    assert [params.get("AuthCode") for params in sent] == [None, "s3cret-code"]


TEXTS = {
    "Email ann@post.example is blocked": "Email … is blocked",
    "Contact ANN de vries of Prinsengracht 1, 1015 DV Amsterdam is on a list": "Contact … … of …, … … is on a list",
    "Bad phone +31.201234567, also 0031 20 123 45 67": "Bad phone …, also …",
    "AuthCode s3cret-code is wrong": "AuthCode … is wrong",
    "Domain bakery.com is not available": "Domain bakery.com is not available",
    "Annual limit for Vriesland": "Annual limit for Vriesland",
    "Account 111122223333 may not": "Account … may not",
}


@pytest.mark.parametrize(("said", "told"), TEXTS.items())
def test_only_personal_data_is_removed_from_error_texts(stubbed: Stubbed, said: str, told: str) -> None:
    stubbed.submitting.add_client_error("transfer_domain", "InvalidInput", said)

    with pytest.raises(ProvisioningFailedError) as refusal:
        stubbed.registrar.submit(TRANSFER)
    assert str(refusal.value) == f"the registrar refused the domain: {told}"


def test_a_long_error_text_is_shortened(stubbed: Stubbed) -> None:
    stubbed.submitting.add_client_error("register_domain", "InvalidInput", "no " * 1000)

    with pytest.raises(ProvisioningFailedError) as refusal:
        stubbed.registrar.submit(REQUEST)
    assert len(str(refusal.value)) < 400
