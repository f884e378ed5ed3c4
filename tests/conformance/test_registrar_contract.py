"""What the port Registrar promises, held by the Route 53 adapter against the stand-in: in process and over loopback.

Both speak the real wire protocol through the real boto3 client; time is virtual.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import boto3
import pytest
from botocore.config import Config

from hosting_orders.adapters.route53.registrar import Route53Registrar
from hosting_orders.domain.errors import ProviderUnavailableError, ProvisioningFailedError
from hosting_orders.domain.money import Money
from hosting_orders.domain.registration import (
    Availability,
    Contact,
    Contacts,
    DomainAction,
    RegistrarOperation,
    RegistrarStatus,
    RegistrationRequest,
    Upkeep,
)
from hosting_orders.usecases.ports import Registrar
from local.registrar_standin import RegistrarStandIn
from local.registrar_standin.server import RegistrarServer

START = 1_767_225_600.0  # seconds; a whole one, as ListOperations counts
DAY = 86_400.0

ANN = Contact(
    first_name="Ann",
    last_name="de Vries",
    street_address="Prinsengracht 1",
    post_code="1015 DV",
    city="Amsterdam",
    country="NL",
    email="ann@post.example",
    phone="+31.201234567",
)
BOB = replace(ANN, first_name="Bob", email="bob@post.example", organization="Post BV")
CONTACTS = Contacts(owner=ANN, admin=BOB, billing=BOB, tech=BOB)


@dataclass
class World:
    """A registrar seen through the port, a hand on its own side, and a clock (seconds)."""

    registrar: Registrar
    standin: RegistrarStandIn
    now: float = START

    def pass_time(self, seconds: float) -> None:
        self.now += seconds

    def register(self, name: str, **changes: object) -> str:
        return self.registrar.submit(replace(register(name), **changes))  # type: ignore[arg-type]

    def transfer(self, name: str, auth_code: str | None = "k3y") -> str:
        return self.registrar.submit(
            RegistrationRequest(name, DomainAction.TRANSFER, 1, CONTACTS, auth_code=auth_code)
        )

    def show(self, operation_id: str) -> RegistrarOperation:
        operation = self.registrar.operation(operation_id)
        assert operation is not None
        return operation


def register(name: str, contacts: Contacts = CONTACTS) -> RegistrationRequest:
    return RegistrationRequest(name, DomainAction.REGISTER, 1, contacts)


def loopback_client(url: str) -> object:
    return boto3.client(
        "route53domains",
        region_name="us-east-1",
        endpoint_url=url,
        aws_access_key_id="local",
        aws_secret_access_key="local",
        config=Config(retries={"mode": "standard", "total_max_attempts": 1}, proxies={}),
    )


@pytest.fixture(params=["in process", "loopback"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    world: World
    standin = RegistrarStandIn(now=lambda: world.now, delay=300, transfer_delay=10 * DAY)
    if request.param == "in process":
        world = World(Route53Registrar(*standin.clients(), pause=lambda seconds: None), standin)
        yield world
        return
    with RegistrarServer(standin) as server:
        client = loopback_client(server.url)
        world = World(Route53Registrar(client, client, pause=lambda seconds: None), standin)
        yield world


# -- before an order -------------------------------------------------------------------------------------------


def test_a_free_name_is_available_at_its_price_in_minor_units(world: World) -> None:
    offer = world.registrar.availability("bakery.com")

    assert offer.availability is Availability.AVAILABLE
    assert offer.cost == Money(1500, "USD")
    assert offer.reason == ""


@pytest.mark.parametrize("name", ["taken-bakery.com", "reserved-bakery.com", "xn--taken-bcher-zhb.com"])
def test_a_name_that_can_not_be_had_says_why(world: World, name: str) -> None:
    offer = world.registrar.availability(name)

    assert offer.availability is Availability.UNAVAILABLE
    assert offer.reason


def test_a_premium_name_tells_its_price(world: World) -> None:
    offer = world.registrar.availability("premium-bakery.com")

    assert offer.availability is Availability.PREMIUM
    assert offer.cost == Money(250_000, "USD")


def test_a_slow_registry_is_asked_again_at_once(world: World) -> None:
    assert world.registrar.availability("slow-check-bakery.com").availability is Availability.AVAILABLE
    assert world.registrar.transferability("slow-check-baker.com", "k").availability is Availability.AVAILABLE
    assert world.standin.asked("CheckDomainAvailability", "slow-check-bakery.com") == 2


def test_a_registry_that_does_not_know_is_a_fault(world: World) -> None:
    with pytest.raises(ProviderUnavailableError):
        world.registrar.availability("unsure-bakery.com")
    with pytest.raises(ProviderUnavailableError):
        world.registrar.transferability("unsure-bakery.com", "k3y")


def test_a_tld_that_the_registrar_does_not_sell_is_unavailable(world: World) -> None:
    offer = world.registrar.availability("bakery.zz")

    assert offer.availability is Availability.UNAVAILABLE
    assert "zz" in offer.reason


def test_a_name_elsewhere_can_be_transferred_at_its_price(world: World) -> None:
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
def test_a_name_that_can_not_be_transferred_says_what_to_do(
    world: World, name: str, auth_code: str, reason: str
) -> None:
    offer = world.registrar.transferability(name, auth_code)

    assert offer.availability is Availability.UNAVAILABLE
    assert reason in offer.reason


def test_a_premium_name_is_told_apart_when_it_is_to_be_transferred(world: World) -> None:
    assert world.registrar.transferability("premium-bakery.com", "k").availability is Availability.PREMIUM


def test_our_own_name_can_be_neither_registered_nor_transferred(world: World) -> None:
    world.register("bakery.com")
    world.pass_time(300)

    assert world.registrar.availability("bakery.com").availability is Availability.UNAVAILABLE
    assert "with us" in world.registrar.transferability("bakery.com", "k3y").reason


# -- registering -----------------------------------------------------------------------------------------------


def test_a_registration_takes_its_time_and_then_the_name_is_ours(world: World) -> None:
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


def test_it_does_not_renew_itself_and_hides_everybody(world: World) -> None:
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


def test_the_four_contacts_are_who_they_are(world: World) -> None:
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


def test_a_registry_that_is_known_to_hide_nobody_is_not_asked_to(world: World) -> None:
    world.register("bakery.de")

    assert world.standin.asked("RegisterDomain") == 1


@pytest.mark.parametrize("name", ["bakery.de", "public-bakery.com"])
def test_a_registry_that_hides_nobody_still_gives_the_name_once(world: World, name: str) -> None:
    world.register(name)
    world.standin.finish(name)

    assert world.standin.domains[name].given["PrivacyProtectRegistrantContact"] is False
    assert world.standin.submissions(name) == 1


def test_the_registrys_own_fields_go_under_the_registrars_names(world: World) -> None:
    italian = replace(ANN, extra={"nationality": "IT", "pin": "VRSNNA80A41H501X"})

    world.register("panificio.it", contacts=Contacts(italian, ANN, ANN, ANN))

    (operation,) = world.standin.operations
    extra = {entry["Name"]: entry["Value"] for entry in operation.given["RegistrantContact"]["ExtraParams"]}
    assert extra == {"IT_NATIONALITY": "IT", "IT_PIN": "VRSNNA80A41H501X"}


def test_fields_of_another_registry_are_left_out(world: World) -> None:
    italian = replace(ANN, extra={"pin": "VRSNNA80A41H501X"})

    world.register("bakery.com", contacts=Contacts(italian, ANN, ANN, ANN))

    (operation,) = world.standin.operations
    assert "ExtraParams" not in operation.given["RegistrantContact"]


def test_a_price_that_rose_since_the_offer_is_refused(world: World) -> None:
    with pytest.raises(ProvisioningFailedError, match="MaxPrice"):
        world.register("bakery.com", max_cost=Money(1499, "USD"))
    assert world.standin.submissions("bakery.com") == 0

    world.register("bakery.com", max_cost=Money(1500, "USD"))
    assert world.standin.submissions("bakery.com") == 1


def test_a_premium_name_needs_consent_to_its_price(world: World) -> None:
    with pytest.raises(ProvisioningFailedError, match="premium"):
        world.register("premium-bakery.com")

    world.register("premium-bakery.com", max_cost=Money(250_000, "USD"))
    assert world.standin.submissions("premium-bakery.com") == 1


def test_a_name_lost_before_the_order_is_refused_for_good(world: World) -> None:
    assert world.registrar.availability("gone-bakery.com").availability is Availability.AVAILABLE

    with pytest.raises(ProvisioningFailedError, match="not available"):
        world.register("gone-bakery.com")
    assert world.registrar.find("gone-bakery.com", DomainAction.REGISTER, 0) == []


def test_a_name_somebody_else_takes_after_the_check_is_refused_for_good(world: World) -> None:
    world.registrar.availability("bakery.com")
    world.standin.take("bakery.com")

    with pytest.raises(ProvisioningFailedError):
        world.register("bakery.com")


@pytest.mark.parametrize("name", ["fail-bakery.com", "lost-bakery.com", "badcontact-bakery.com"])
def test_a_registration_that_fails_says_why_and_leaves_nothing(world: World, name: str) -> None:
    operation_id = world.register(name)
    world.pass_time(300)

    failed = world.show(operation_id)
    assert failed.status is RegistrarStatus.FAILED
    assert failed.message
    assert world.registrar.domain(name) is None
    assert world.standin.registrations(name) == 0


def test_a_slow_registration_only_takes_longer(world: World) -> None:
    operation_id = world.register("slow-bakery.com")
    world.pass_time(300)
    assert world.show(operation_id).status is RegistrarStatus.RUNNING

    world.pass_time(2700)
    assert world.show(operation_id).status is RegistrarStatus.SUCCEEDED


def test_an_operation_that_waits_for_the_customer_shows_it_and_goes_on_when_approved(world: World) -> None:
    operation_id = world.register("action-bakery.com")
    world.pass_time(30 * DAY)

    waiting = world.show(operation_id)
    assert (waiting.status, waiting.flag) == (RegistrarStatus.RUNNING, "PENDING_CUSTOMER_ACTION")
    assert waiting.message

    world.standin.approve("action-bakery.com")
    assert world.show(operation_id).flag is None
    world.pass_time(300)
    assert world.show(operation_id).status is RegistrarStatus.SUCCEEDED


# -- transfers -------------------------------------------------------------------------------------------------


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
    assert domain.nameservers  # the ones it had before
    assert domain.created_at is not None
    assert domain.created_at < START * 1000


def test_a_transfer_without_the_auth_code_is_refused_for_good(world: World) -> None:
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


# -- once ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", list(DomainAction))
def test_a_lost_answer_is_a_fault_and_the_order_is_found_by_looking(
    world: World, action: DomainAction
) -> None:
    world.standin.lose_next_answer("RegisterDomain" if action is DomainAction.REGISTER else "TransferDomain")

    with pytest.raises(ProviderUnavailableError):
        world.registrar.submit(RegistrationRequest("bakery.com", action, 1, CONTACTS, auth_code="k3y"))

    (found,) = world.registrar.find("bakery.com", action, int(START * 1000))
    assert (found.name, found.status) == ("bakery.com", RegistrarStatus.RUNNING)
    assert world.show(found.id) == found
    assert world.standin.submissions("bakery.com") == 1


def test_an_order_is_sent_once_even_when_the_registrar_is_busy(world: World) -> None:
    world.standin.fail_next("RegisterDomain")

    with pytest.raises(ProviderUnavailableError):
        world.register("bakery.com")

    assert world.standin.asked("RegisterDomain") == 1


def test_ordering_again_while_it_runs_is_a_fault_and_no_second_order(world: World) -> None:
    world.register("bakery.com")

    with pytest.raises(ProviderUnavailableError):
        world.register("bakery.com")
    world.pass_time(300)

    assert world.standin.submissions("bakery.com") == 1
    assert world.standin.registrations("bakery.com") == 1


def test_ordering_again_when_it_is_ours_is_refused_and_the_name_is_there_to_see(world: World) -> None:
    world.standin.lose_next_answer("RegisterDomain")
    with pytest.raises(ProviderUnavailableError):
        world.register("bakery.com")
    world.pass_time(300)

    with pytest.raises(ProvisioningFailedError, match="already registered"):
        world.register("bakery.com")
    assert world.registrar.domain("bakery.com") is not None
    assert world.standin.registrations("bakery.com") == 1


def test_many_orders_at_once_are_one(world: World) -> None:
    def order(_: int) -> bool:
        try:
            world.register("bakery.com")
        except ProviderUnavailableError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(order, range(8)))

    assert taken.count(True) == 1
    assert world.standin.submissions("bakery.com") == 1


# -- looking ---------------------------------------------------------------------------------------------------


def test_operations_are_found_by_name_kind_and_time_newest_first(world: World) -> None:
    world.register("fail-bakery.com")
    world.pass_time(3600)
    second = world.register("fail-bakery.com")
    world.pass_time(3600)
    third = world.register("fail-bakery.com")
    world.register("other.com")
    world.pass_time(3600)
    transfer = world.transfer("fail-bakery.com")

    def found(action: DomainAction, since: float) -> list[str]:
        found = world.registrar.find("fail-bakery.com", action, int(since * 1000))
        return [operation.id for operation in found]

    assert found(DomainAction.REGISTER, START + 3600) == [third, second]
    assert found(DomainAction.REGISTER, START + 3601) == [third]
    assert found(DomainAction.TRANSFER, START) == [transfer]
    assert len(found(DomainAction.REGISTER, START)) == 3


def test_an_operation_is_found_in_the_second_it_was_submitted_in(world: World) -> None:
    operation_id = world.register("bakery.com")

    found = world.registrar.find("bakery.com", DomainAction.REGISTER, int(START * 1000) + 900)

    assert [operation.id for operation in found] == [operation_id]


def test_an_operation_is_found_among_hundreds(world: World) -> None:
    wanted = world.register("bakery.com")
    for number in range(230):
        world.register(f"name-{number}.com")

    assert [operation.id for operation in world.registrar.find("bakery.com", DomainAction.REGISTER, 0)] == [
        wanted
    ]


def test_a_name_nobody_ordered_has_no_operations_and_is_not_ours(world: World) -> None:
    assert world.registrar.find("bakery.com", DomainAction.REGISTER, 0) == []
    assert world.registrar.domain("bakery.com") is None


def test_an_unknown_operation_is_none(world: World) -> None:
    assert world.registrar.operation("00000000-0000-0000-0000-000000000000") is None


@pytest.mark.parametrize(
    ("operation", "look"),
    [
        ("GetOperationDetail", lambda registrar: registrar.operation("some-id")),
        ("ListOperations", lambda registrar: registrar.find("bakery.com", DomainAction.REGISTER, 0)),
        ("GetDomainDetail", lambda registrar: registrar.domain("bakery.com")),
        ("ListDomains", lambda registrar: registrar.domain("bakery.com")),
        ("CheckDomainAvailability", lambda registrar: registrar.availability("bakery.com")),
        ("CheckDomainTransferability", lambda registrar: registrar.transferability("bakery.com", "k")),
    ],
)
def test_a_look_without_an_answer_is_a_fault_and_never_an_absence(world: World, operation, look) -> None:
    world.standin.lose_next_answer(operation, times=2)
    with pytest.raises(ProviderUnavailableError):
        look(world.registrar)

    world.standin.clear_faults()
    world.standin.fail_next(operation, times=2)
    with pytest.raises(ProviderUnavailableError):
        look(world.registrar)


def test_an_error_after_the_name_has_come_is_a_success(world: World) -> None:
    operation_id = world.register("bakery.com")
    world.standin.fail("bakery.com", "Something went wrong.", "ERROR")
    assert world.show(operation_id).status is RegistrarStatus.FAILED

    world.register("bakery.com")
    world.standin.finish(
        "bakery.com"
    )  # the name is in the account now, whatever became of the first operation
    assert world.show(operation_id).status is RegistrarStatus.SUCCEEDED


# -- renewing --------------------------------------------------------------------------------------------------


def owned(world: World, name: str = "bakery.com") -> int:
    """Register the name; the year it runs out in."""
    world.register(name)
    world.pass_time(300)
    return year_of(world, name)


def year_of(world: World, name: str = "bakery.com") -> int:
    domain = world.registrar.domain(name)
    assert domain is not None and domain.expires_at is not None
    return datetime.fromtimestamp(domain.expires_at / 1000, UTC).year


def test_a_renewal_adds_a_year_when_it_has_ended(world: World) -> None:
    year = owned(world)

    operation_id = world.registrar.renew("bakery.com", year)

    shown = world.show(operation_id)
    assert (shown.action, shown.status, shown.name) == (Upkeep.RENEW, RegistrarStatus.RUNNING, "bakery.com")
    assert year_of(world) == year
    world.pass_time(300)
    assert world.show(operation_id).status is RegistrarStatus.SUCCEEDED
    assert year_of(world) == year + 1
    assert world.standin.renewals("bakery.com") == world.standin.registrations("bakery.com") == 1


def test_the_same_year_is_never_renewed_twice(world: World) -> None:
    year = owned(world)
    world.registrar.renew("bakery.com", year)

    with pytest.raises(ProviderUnavailableError):  # it is at it
        world.registrar.renew("bakery.com", year)
    world.pass_time(300)
    with pytest.raises(ProvisioningFailedError, match="CurrentExpiryYear"):
        world.registrar.renew("bakery.com", year)
    with pytest.raises(ProvisioningFailedError):
        world.registrar.renew("bakery.com", year + 2)
    assert world.standin.renewals("bakery.com") == 1
    assert year_of(world) == year + 1


def test_a_renewal_is_found_by_its_kind(world: World) -> None:
    year = owned(world)
    asked_at = int(world.now * 1000)
    operation_id = world.registrar.renew("bakery.com", year)

    assert [one.id for one in world.registrar.find("bakery.com", Upkeep.RENEW, asked_at)] == [operation_id]
    assert len(world.registrar.find("bakery.com", DomainAction.REGISTER, 0)) == 1


def test_a_renewal_whose_answer_is_lost_was_taken_and_not_sent_again(world: World) -> None:
    year = owned(world)
    world.standin.lose_next_answer("RenewDomain")

    with pytest.raises(ProviderUnavailableError):
        world.registrar.renew("bakery.com", year)

    assert world.standin.asked("RenewDomain") == 1
    world.pass_time(300)
    assert year_of(world) == year + 1


@pytest.mark.parametrize(
    "code", ["ThrottlingException", "InternalFailure", "OperationLimitExceeded", "DuplicateRequest"]
)
def test_a_renewal_that_may_work_later_is_no_refusal(world: World, code: str) -> None:
    year = owned(world)
    world.standin.fail_next("RenewDomain", code)

    with pytest.raises(ProviderUnavailableError):
        world.registrar.renew("bakery.com", year)
    assert world.standin.asked("RenewDomain") == 1


def test_a_name_that_can_not_be_renewed_says_why(world: World) -> None:
    year = owned(world, "norenewal-bakery.com")

    with pytest.raises(ProvisioningFailedError, match=r"can't be renewed"):
        world.registrar.renew("norenewal-bakery.com", year)
    with pytest.raises(ProvisioningFailedError, match="not found"):
        world.registrar.renew("somebody-elses.com", year)


def test_a_renewal_that_fails_at_the_registry_leaves_the_day_as_it_was(world: World) -> None:
    year = owned(world, "badrenewal-bakery.com")
    operation_id = world.registrar.renew("badrenewal-bakery.com", year)
    world.pass_time(300)

    assert world.show(operation_id).status is RegistrarStatus.FAILED
    assert year_of(world, "badrenewal-bakery.com") == year


def test_an_error_of_a_renewal_is_no_success_because_the_name_is_there(world: World) -> None:
    year = owned(world)
    operation_id = world.registrar.renew("bakery.com", year)
    world.standin.fail("bakery.com", "Something went wrong.", "ERROR")

    assert world.show(operation_id).status is RegistrarStatus.FAILED


def test_consent_is_given_only_where_it_is_asked_for(world: World) -> None:
    agreed = Money(250_000, "USD")
    world.registrar.submit(replace(register("premium-bakery.com"), max_cost=agreed))
    world.pass_time(300)
    year = year_of(world, "premium-bakery.com")

    with pytest.raises(ProvisioningFailedError, match=r"[Cc]onsent"):
        world.registrar.renew("premium-bakery.com", year)
    with pytest.raises(ProvisioningFailedError, match=r"more than"):
        world.registrar.renew("premium-bakery.com", year, Money(100, "USD"))
    world.registrar.renew("premium-bakery.com", year, agreed)
    # A standard price may have risen since: what was agreed to for the first year is no limit.
    world.registrar.renew("bakery.com", owned(world), Money(1, "USD"))
    world.pass_time(300)
    assert world.standin.renewals("premium-bakery.com") == world.standin.renewals("bakery.com") == 1


# -- personal data ---------------------------------------------------------------------------------------------


def test_a_refusal_repeats_nothing_personal(world: World) -> None:
    unreachable = replace(ANN, phone="Ann 0201234 ann@post.example")

    with pytest.raises(ProvisioningFailedError, match="Invalid phone number") as refusal:
        world.register("ann.com", contacts=Contacts(unreachable, BOB, BOB, BOB))

    told = str(refusal.value)
    for value in ("0201234", "ann@post.example", "Ann ", "post.example"):
        assert value not in told


def test_a_refusal_may_name_the_domain_that_is_called_like_its_owner(world: World) -> None:
    gone = replace(ANN, last_name="gone-ann", first_name="com")

    with pytest.raises(ProvisioningFailedError, match=r"gone-ann\.com is not available"):
        world.register("gone-ann.com", contacts=Contacts(gone, BOB, BOB, BOB))


def test_a_failed_operation_repeats_nothing_personal(world: World) -> None:
    operation_id = world.register("badcontact-bakery.com")
    world.pass_time(300)

    assert world.show(operation_id).message == "The registry refused the registrant contact: … …"


def test_faults_and_their_causes_hold_nothing_personal(world: World) -> None:
    world.standin.lose_next_answer("TransferDomain")

    with pytest.raises(ProviderUnavailableError) as fault:
        world.transfer("bakery.com", auth_code="s3cret-code")

    assert fault.value.__cause__ is None
    assert fault.value.__suppress_context__
    for value in ("s3cret-code", "ann@post.example", "de Vries"):
        assert value not in str(fault.value)
