"""The adapter never repeats a submission, even if the response is lost. The operation can be found afterwards.

Errors contain no personal data. A fault is a `ProviderUnavailableError`.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from hosting_orders.domain.errors import ProviderUnavailableError, ProvisioningFailedError
from hosting_orders.domain.registration import (
    Contacts,
    DomainAction,
    RegistrarStatus,
    RegistrationRequest,
)
from tests.conformance.registrar_contract.books import (
    ANN,
    BOB,
    CONTACTS,
    START,
    World,
)


@pytest.mark.parametrize("action", list(DomainAction))
def test_an_operation_is_found_after_a_lost_response(world: World, action: DomainAction) -> None:
    world.standin.lose_next_answer("RegisterDomain" if action is DomainAction.REGISTER else "TransferDomain")

    with pytest.raises(ProviderUnavailableError):
        world.registrar.submit(RegistrationRequest("bakery.com", action, 1, CONTACTS, auth_code="k3y"))

    (found,) = world.registrar.find("bakery.com", action, int(START * 1000))
    assert (found.name, found.status) == ("bakery.com", RegistrarStatus.RUNNING)
    assert world.show(found.id) == found
    assert world.standin.submissions("bakery.com") == 1


def test_a_registration_is_not_retried_at_a_busy_registrar(world: World) -> None:
    world.standin.fail_next("RegisterDomain")

    with pytest.raises(ProviderUnavailableError):
        world.register("bakery.com")

    assert world.standin.asked("RegisterDomain") == 1


def test_a_running_registration_is_not_submitted_again(world: World) -> None:
    world.register("bakery.com")

    with pytest.raises(ProviderUnavailableError):
        world.register("bakery.com")
    world.pass_time(300)

    assert world.standin.submissions("bakery.com") == 1
    assert world.standin.registrations("bakery.com") == 1


def test_our_own_domain_cannot_be_registered_again(world: World) -> None:
    world.standin.lose_next_answer("RegisterDomain")
    with pytest.raises(ProviderUnavailableError):
        world.register("bakery.com")
    world.pass_time(300)

    with pytest.raises(ProvisioningFailedError, match="already registered"):
        world.register("bakery.com")
    assert world.registrar.domain("bakery.com") is not None
    assert world.standin.registrations("bakery.com") == 1


def test_concurrent_registrations_are_submitted_once(world: World) -> None:
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


def test_operations_are_found_by_domain_action_and_time(world: World) -> None:
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


def test_the_start_of_a_search_is_rounded_down_to_a_second(world: World) -> None:
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


def test_an_unsubmitted_domain_has_no_operations(world: World) -> None:
    assert world.registrar.find("bakery.com", DomainAction.REGISTER, 0) == []
    assert world.registrar.domain("bakery.com") is None


def test_an_unknown_operation_id_returns_none(world: World) -> None:
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
def test_a_failed_read_is_a_fault_and_not_an_empty_result(world: World, operation, look) -> None:
    world.standin.lose_next_answer(operation, times=2)
    with pytest.raises(ProviderUnavailableError):
        look(world.registrar)

    world.standin.clear_faults()
    world.standin.fail_next(operation, times=2)
    with pytest.raises(ProviderUnavailableError):
        look(world.registrar)


def test_a_failed_operation_succeeds_if_the_domain_becomes_ours(world: World) -> None:
    """The adapter returns a failed operation as succeeded if the domain is in our account."""
    operation_id = world.register("bakery.com")
    world.standin.fail("bakery.com", "Something went wrong.", "ERROR")
    assert world.show(operation_id).status is RegistrarStatus.FAILED

    world.register("bakery.com")
    world.standin.finish("bakery.com")
    assert world.show(operation_id).status is RegistrarStatus.SUCCEEDED


def test_a_refusal_repeats_no_personal_data(world: World) -> None:
    unreachable = replace(ANN, phone="Ann 0201234 ann@post.example")

    with pytest.raises(ProvisioningFailedError, match="Invalid phone number") as refusal:
        world.register("ann.com", contacts=Contacts(unreachable, BOB, BOB, BOB))

    told = str(refusal.value)
    for value in ("0201234", "ann@post.example", "Ann ", "post.example"):
        assert value not in told


def test_a_refusal_shows_a_domain_that_is_also_the_owners_name(world: World) -> None:
    gone = replace(ANN, last_name="gone-ann", first_name="com")

    with pytest.raises(ProvisioningFailedError, match=r"gone-ann\.com is not available"):
        world.register("gone-ann.com", contacts=Contacts(gone, BOB, BOB, BOB))


def test_a_failed_operation_repeats_no_personal_data(world: World) -> None:
    operation_id = world.register("badcontact-bakery.com")
    world.pass_time(300)

    assert world.show(operation_id).message == "The registry refused the registrant contact: … …"


def test_a_fault_contains_no_personal_data_and_no_cause(world: World) -> None:
    world.standin.lose_next_answer("TransferDomain")

    with pytest.raises(ProviderUnavailableError) as fault:
        world.transfer("bakery.com", auth_code="s3cret-code")

    assert fault.value.__cause__ is None
    assert fault.value.__suppress_context__
    for value in ("s3cret-code", "ann@post.example", "de Vries"):
        assert value not in str(fault.value)
