"""Availability checks, registrations and transfers at the registrar.

A fault is a `ProviderUnavailableError`.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from hosting_orders.domain.errors import ProviderUnavailableError, ProvisioningFailedError
from hosting_orders.domain.money import Money
from hosting_orders.domain.registration import (
    Availability,
    Contacts,
    DomainAction,
    RegistrarStatus,
)
from tests.conformance.registrar_contract.books import (
    ANN,
    DAY,
    START,
    World,
)


def test_an_available_domain_has_its_price_in_minor_units(world: World) -> None:
    offer = world.registrar.availability("bakery.com")

    assert offer.availability is Availability.AVAILABLE
    assert offer.cost == Money(1500, "USD")
    assert offer.reason == ""


@pytest.mark.parametrize("name", ["taken-bakery.com", "reserved-bakery.com", "xn--taken-bcher-zhb.com"])
def test_an_unavailable_domain_has_a_reason(world: World, name: str) -> None:
    offer = world.registrar.availability(name)

    assert offer.availability is Availability.UNAVAILABLE
    assert offer.reason


def test_a_premium_domain_has_its_price(world: World) -> None:
    offer = world.registrar.availability("premium-bakery.com")

    assert offer.availability is Availability.PREMIUM
    assert offer.cost == Money(250_000, "USD")


def test_a_slow_registry_is_queried_again_in_the_same_call(world: World) -> None:
    assert world.registrar.availability("slow-check-bakery.com").availability is Availability.AVAILABLE
    assert world.registrar.transferability("slow-check-baker.com", "k").availability is Availability.AVAILABLE
    assert world.standin.asked("CheckDomainAvailability", "slow-check-bakery.com") == 2


def test_a_check_without_a_result_is_a_fault(world: World) -> None:
    with pytest.raises(ProviderUnavailableError):
        world.registrar.availability("unsure-bakery.com")
    with pytest.raises(ProviderUnavailableError):
        world.registrar.transferability("unsure-bakery.com", "k3y")


def test_a_domain_under_an_unsold_tld_is_unavailable(world: World) -> None:
    offer = world.registrar.availability("bakery.zz")

    assert offer.availability is Availability.UNAVAILABLE
    assert "zz" in offer.reason


def test_a_transferable_domain_has_its_price(world: World) -> None:
    offer = world.registrar.transferability("bakery.com", "k3y")

    assert (offer.availability, offer.cost) == (Availability.AVAILABLE, Money(1500, "USD"))


@pytest.mark.parametrize(
    ("name", "auth_code", "reason"),
    [
        ("locked-bakery.com", "k3y", "locked"),
        ("young-bakery.com", "k3y", "60 days"),
        ("elsewhere-bakery.com", "k3y", "another account"),
        ("bakery.com", "wrong", "authorization code"),
    ],
)
def test_an_untransferable_domain_has_a_reason(world: World, name: str, auth_code: str, reason: str) -> None:
    offer = world.registrar.transferability(name, auth_code)

    assert offer.availability is Availability.UNAVAILABLE
    assert reason in offer.reason


def test_a_premium_domain_is_recognised_before_a_transfer(world: World) -> None:
    assert world.registrar.transferability("premium-bakery.com", "k").availability is Availability.PREMIUM


def test_our_own_domain_cannot_be_registered_or_transferred(world: World) -> None:
    world.register("bakery.com")
    world.pass_time(300)

    assert world.registrar.availability("bakery.com").availability is Availability.UNAVAILABLE
    assert "with us" in world.registrar.transferability("bakery.com", "k3y").reason


def test_a_registration_takes_time_and_then_the_domain_is_ours(world: World) -> None:
    operation_id = world.register("bakery.com")

    running = world.show(operation_id)
    assert (running.name, running.action) == ("bakery.com", DomainAction.REGISTER)
    assert running.status is RegistrarStatus.RUNNING
    assert running.submitted_at == START * 1000
    assert world.registrar.domain("bakery.com") is None

    world.pass_time(300)

    assert world.show(operation_id).status is RegistrarStatus.SUCCEEDED
    domain = world.registrar.domain("bakery.com")
    assert domain is not None
    assert len(domain.nameservers) == 4
    assert domain.created_at == (START + 300) * 1000
    assert domain.expires_at == (START + 300 + 365 * DAY) * 1000
    assert domain.states
    assert world.standin.registrations("bakery.com") == 1


def test_auto_renew_is_off_and_privacy_protection_is_on(world: World) -> None:
    world.register("bakery.com")
    world.standin.finish("bakery.com")

    order = world.standin.domains["bakery.com"].given
    assert order["AutoRenew"] is False
    assert [order[f"PrivacyProtect{role}Contact"] for role in ("Registrant", "Admin", "Tech", "Billing")] == [
        True,
        True,
        True,
        True,
    ]


def test_all_four_contacts_are_sent(world: World) -> None:
    world.register(
        "bakery.com",
        contacts=Contacts(
            owner=ANN,
            admin=replace(ANN, first_name="Adam"),
            billing=replace(ANN, first_name="Bea"),
            tech=replace(ANN, first_name="Tom"),
        ),
    )

    (operation,) = world.standin.operations
    roles = ("RegistrantContact", "AdminContact", "BillingContact", "TechContact")
    assert [operation.given[role]["FirstName"] for role in roles] == ["Ann", "Adam", "Bea", "Tom"]
    assert operation.given["RegistrantContact"] == {
        "FirstName": "Ann",
        "LastName": "de Vries",
        "ContactType": "PERSON",
        "AddressLine1": "Prinsengracht 1",
        "City": "Amsterdam",
        "CountryCode": "NL",
        "ZipCode": "1015 DV",
        "PhoneNumber": "+31.201234567",
        "Email": "ann@post.example",
    }


def test_privacy_is_not_requested_where_it_is_not_offered(world: World) -> None:
    world.register("bakery.de")

    assert world.standin.asked("RegisterDomain") == 1


@pytest.mark.parametrize("name", ["bakery.de", "public-bakery.com"])
def test_a_domain_without_privacy_is_registered_once(world: World, name: str) -> None:
    world.register(name)
    world.standin.finish(name)

    assert world.standin.domains[name].given["PrivacyProtectRegistrantContact"] is False
    assert world.standin.submissions(name) == 1


def test_registry_fields_are_sent_under_the_registrars_names(world: World) -> None:
    italian = replace(ANN, extra={"nationality": "IT", "pin": "VRSNNA80A41H501X"})

    world.register("panificio.it", contacts=Contacts(italian, ANN, ANN, ANN))

    (operation,) = world.standin.operations
    extra = {entry["Name"]: entry["Value"] for entry in operation.given["RegistrantContact"]["ExtraParams"]}
    assert extra == {"IT_NATIONALITY": "IT", "IT_PIN": "VRSNNA80A41H501X"}


def test_fields_of_another_registry_are_omitted(world: World) -> None:
    italian = replace(ANN, extra={"pin": "VRSNNA80A41H501X"})

    world.register("bakery.com", contacts=Contacts(italian, ANN, ANN, ANN))

    (operation,) = world.standin.operations
    assert "ExtraParams" not in operation.given["RegistrantContact"]


def test_a_registration_above_the_maximum_price_is_refused(world: World) -> None:
    with pytest.raises(ProvisioningFailedError, match="MaxPrice"):
        world.register("bakery.com", max_cost=Money(1499, "USD"))
    assert world.standin.submissions("bakery.com") == 0

    world.register("bakery.com", max_cost=Money(1500, "USD"))
    assert world.standin.submissions("bakery.com") == 1


def test_a_premium_domain_needs_consent_to_its_price(world: World) -> None:
    with pytest.raises(ProvisioningFailedError, match="premium"):
        world.register("premium-bakery.com")

    world.register("premium-bakery.com", max_cost=Money(250_000, "USD"))
    assert world.standin.submissions("premium-bakery.com") == 1


def test_a_domain_that_is_gone_at_submission_is_refused(world: World) -> None:
    assert world.registrar.availability("gone-bakery.com").availability is Availability.AVAILABLE

    with pytest.raises(ProvisioningFailedError, match="not available"):
        world.register("gone-bakery.com")
    assert world.registrar.find("gone-bakery.com", DomainAction.REGISTER, 0) == []


def test_a_domain_taken_after_the_check_is_refused(world: World) -> None:
    world.registrar.availability("bakery.com")
    world.standin.take("bakery.com")

    with pytest.raises(ProvisioningFailedError):
        world.register("bakery.com")


@pytest.mark.parametrize("name", ["fail-bakery.com", "lost-bakery.com", "badcontact-bakery.com"])
def test_a_failed_registration_has_a_message_and_no_domain(world: World, name: str) -> None:
    operation_id = world.register(name)
    world.pass_time(300)

    failed = world.show(operation_id)
    assert failed.status is RegistrarStatus.FAILED
    assert failed.message
    assert world.registrar.domain(name) is None
    assert world.standin.registrations(name) == 0


def test_a_slow_registration_succeeds_later(world: World) -> None:
    operation_id = world.register("slow-bakery.com")
    world.pass_time(300)
    assert world.show(operation_id).status is RegistrarStatus.RUNNING

    world.pass_time(2700)
    assert world.show(operation_id).status is RegistrarStatus.SUCCEEDED


def test_a_waiting_operation_continues_after_approval(world: World) -> None:
    operation_id = world.register("action-bakery.com")
    world.pass_time(30 * DAY)

    waiting = world.show(operation_id)
    assert (waiting.status, waiting.flag) == (RegistrarStatus.RUNNING, "PENDING_CUSTOMER_ACTION")
    assert waiting.message

    world.standin.approve("action-bakery.com")
    assert world.show(operation_id).flag is None
    world.pass_time(300)
    assert world.show(operation_id).status is RegistrarStatus.SUCCEEDED


def test_a_transfer_takes_days_and_shows_each_step(world: World) -> None:
    operation_id = world.transfer("bakery.com")

    steps = [world.show(operation_id)]
    while steps[-1].status is RegistrarStatus.RUNNING:
        world.pass_time(DAY / 4)
        operation = world.show(operation_id)
        if (operation.status, operation.flag, operation.message) != (
            steps[-1].status,
            steps[-1].flag,
            steps[-1].message,
        ):
            steps.append(operation)

    assert [(step.status, step.flag) for step in steps] == [
        (RegistrarStatus.RUNNING, None),
        (RegistrarStatus.RUNNING, None),
        (RegistrarStatus.RUNNING, "PENDING_AUTHORIZATION"),
        (RegistrarStatus.RUNNING, None),
        (RegistrarStatus.SUCCEEDED, None),
    ]
    assert world.now == START + 10 * DAY
    assert all(step.action is DomainAction.TRANSFER for step in steps)
    domain = world.registrar.domain("bakery.com")
    assert domain is not None
    assert domain.nameservers  # the nameservers that the domain had before the transfer
    assert domain.created_at is not None
    assert domain.created_at < START * 1000


def test_a_transfer_without_an_auth_code_is_refused_permanently(world: World) -> None:
    with pytest.raises(ProvisioningFailedError, match="AuthCode"):
        world.transfer("bakery.com", auth_code=None)


def test_a_transfer_with_the_wrong_auth_code_fails(world: World) -> None:
    operation_id = world.transfer("bakery.com", auth_code="wrong")
    world.pass_time(10 * DAY)

    failed = world.show(operation_id)
    assert failed.status is RegistrarStatus.FAILED
    assert failed.message is not None
    assert "authorization code" in failed.message


def test_a_transfer_can_be_rejected(world: World) -> None:
    operation_id = world.transfer("action-bakery.com")
    world.pass_time(3 * DAY)
    assert world.show(operation_id).flag == "PENDING_CUSTOMER_ACTION"

    world.standin.reject("action-bakery.com", "The registrant said no.")

    assert (world.show(operation_id).status, world.show(operation_id).message) == (
        RegistrarStatus.FAILED,
        "The registrant said no.",
    )
