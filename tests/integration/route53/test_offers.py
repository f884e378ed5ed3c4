"""Checking whether a domain can be registered or transferred. A fault raises ProviderUnavailableError."""

from __future__ import annotations

from typing import Any

import pytest

from hosting_orders.adapters.route53.client import PENDING_ATTEMPTS
from hosting_orders.domain.errors import ProviderUnavailableError
from hosting_orders.domain.money import Money
from hosting_orders.domain.registration import (
    Availability,
)
from tests.integration.route53.stubs import Stubbed, client, price

AVAILABILITIES = [
    ({"Availability": "AVAILABLE"}, Availability.AVAILABLE, None),
    ({"Availability": "AVAILABLE", **price(15.0)}, Availability.AVAILABLE, Money(1500, "USD")),
    ({"Availability": "AVAILABLE", **price(0.29)}, Availability.AVAILABLE, Money(29, "USD")),
    ({"Availability": "AVAILABLE", **price(1.005)}, Availability.AVAILABLE, Money(101, "USD")),
    ({"Availability": "AVAILABLE", **price(2500, "JPY")}, Availability.AVAILABLE, Money(2500, "JPY")),
    (
        {"Availability": "AVAILABLE", **price(2500.1, PriceType="REGISTRY_PREMIUM")},
        Availability.PREMIUM,
        Money(250_010, "USD"),
    ),
    (
        {"Availability": "AVAILABLE", **price(9.0, PriceType="STANDARD")},
        Availability.AVAILABLE,
        Money(900, "USD"),
    ),
    ({"Availability": "UNAVAILABLE_PREMIUM"}, Availability.PREMIUM, None),
    ({"Availability": "UNAVAILABLE"}, Availability.UNAVAILABLE, None),
    ({"Availability": "UNAVAILABLE_RESTRICTED"}, Availability.UNAVAILABLE, None),
    ({"Availability": "RESERVED"}, Availability.UNAVAILABLE, None),
    ({"Availability": "AVAILABLE_RESERVED"}, Availability.UNAVAILABLE, None),
    ({"Availability": "AVAILABLE_PREORDER"}, Availability.UNAVAILABLE, None),
    ({"Availability": "INVALID_NAME_FOR_TLD"}, Availability.UNAVAILABLE, None),
]


@pytest.mark.parametrize(("answer", "availability", "cost"), AVAILABILITIES)
def test_each_availability_is_translated_with_its_price(
    stubbed: Stubbed, answer: dict[str, Any], availability: Availability, cost: Money | None
) -> None:
    stubbed.asking.add_response("check_domain_availability", answer)

    offer = stubbed.registrar.availability("bakery.com")

    assert (offer.availability, offer.cost) == (availability, cost)
    assert bool(offer.reason) == (availability is not Availability.AVAILABLE)


def test_every_availability_in_botocores_model_is_tested() -> None:
    words = client().meta.service_model.shape_for("DomainAvailability").enum

    assert set(words) == {answer["Availability"] for answer, _, _ in AVAILABILITIES} | {
        "DONT_KNOW",
        "PENDING",
    }


@pytest.mark.parametrize("word", ["DONT_KNOW", "SOMETHING_NEW"])
def test_an_unknown_availability_is_a_fault(stubbed: Stubbed, word: str) -> None:
    stubbed.asking.add_response("check_domain_availability", {"Availability": word})

    with pytest.raises(ProviderUnavailableError):
        stubbed.registrar.availability("bakery.com")


def test_a_slow_registry_is_a_fault_after_a_few_requests(stubbed: Stubbed) -> None:
    for _ in range(PENDING_ATTEMPTS):
        stubbed.asking.add_response("check_domain_availability", {"Availability": "PENDING"})

    with pytest.raises(ProviderUnavailableError):
        stubbed.registrar.availability("bakery.com")
    assert len(stubbed.pauses) == PENDING_ATTEMPTS - 1
    assert sum(stubbed.pauses) <= 5  # a customer waits for the response


@pytest.mark.parametrize("code", ["TLDInMaintenance", "ThrottlingException"])
def test_maintenance_and_throttling_are_faults(stubbed: Stubbed, code: str) -> None:
    stubbed.asking.add_client_error("check_domain_availability", code, "later")
    stubbed.asking.add_client_error("check_domain_transferability", code, "later")

    with pytest.raises(ProviderUnavailableError):
        stubbed.registrar.availability("bakery.com")
    with pytest.raises(ProviderUnavailableError):
        stubbed.registrar.transferability("bakery.com", "k3y")


TRANSFERABILITIES = [
    ("TRANSFERABLE", "", Availability.AVAILABLE, ""),
    ("Transferable", "", Availability.AVAILABLE, ""),  # the documentation also has this spelling
    ("PREMIUM_DOMAIN", "", Availability.PREMIUM, "premium"),
    ("DOMAIN_IN_OWN_ACCOUNT", "", Availability.UNAVAILABLE, "with us"),
    ("DOMAIN_IN_ANOTHER_ACCOUNT", "", Availability.UNAVAILABLE, "another account"),
    ("UNTRANSFERABLE", "", Availability.UNAVAILABLE, "transferred now"),
    ("UNTRANSFERABLE", "clientTransferProhibited", Availability.UNAVAILABLE, "unlock"),
    ("UNTRANSFERABLE", "Domain registered within the last 60 days", Availability.UNAVAILABLE, "60 days"),
    ("UNTRANSFERABLE", "Invalid authorization code", Availability.UNAVAILABLE, "current registrar"),
    ("UNTRANSFERABLE", "The domain is not registered", Availability.UNAVAILABLE, "register it instead"),
    ("UNTRANSFERABLE", "Call +31.201234567 first", Availability.UNAVAILABLE, "Call … first"),
]


@pytest.mark.parametrize(("word", "said", "availability", "reason"), TRANSFERABILITIES)
def test_each_transferability_is_translated_with_a_reason(
    stubbed: Stubbed, word: str, said: str, availability: Availability, reason: str
) -> None:
    answer: dict[str, Any] = {
        "Transferability": {"Transferable": word},
        **({"Message": said} if said else {}),
    }
    given = {"DomainName": "bakery.com", "AuthCode": "k3y"}
    stubbed.asking.add_response("check_domain_transferability", answer, given)

    offer = stubbed.registrar.transferability("bakery.com", "k3y")

    assert offer.availability is availability
    assert reason in offer.reason


def test_every_transferability_in_botocores_model_is_tested() -> None:
    words = client().meta.service_model.shape_for("Transferable").enum

    assert set(words) == {word.upper() for word, *_ in TRANSFERABILITIES} | {"DONT_KNOW", "PENDING"}


def test_a_refusal_never_contains_the_auth_code(stubbed: Stubbed) -> None:
    said = "AuthCode s3cret-code has odd characters"
    stubbed.asking.add_client_error("check_domain_transferability", "InvalidInput", said)

    offer = stubbed.registrar.transferability("bakery.com", "s3cret-code")

    assert offer.availability is Availability.UNAVAILABLE
    assert offer.reason == "AuthCode … has odd characters"
