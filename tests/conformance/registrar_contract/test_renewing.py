"""Renewals at the registrar."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from hosting_orders.domain.errors import ProviderUnavailableError, ProvisioningFailedError
from hosting_orders.domain.money import Money
from hosting_orders.domain.registration import (
    DomainAction,
    RegistrarStatus,
    Upkeep,
)
from tests.conformance.registrar_contract.books import (
    DAY,
    World,
    register,
)


def owned(world: World, name: str = "bakery.com") -> int:
    """Register the domain and return the year in which it expires."""
    world.register(name)
    world.pass_time(300)
    return year_of(world, name)


def year_of(world: World, name: str = "bakery.com") -> int:
    domain = world.registrar.domain(name)
    assert domain is not None and domain.expires_at is not None
    return datetime.fromtimestamp(domain.expires_at / 1000, UTC).year


def test_a_completed_renewal_adds_a_year(world: World) -> None:
    year = owned(world)

    operation_id = world.registrar.renew("bakery.com", year, live=True)

    shown = world.show(operation_id)
    assert (shown.action, shown.status, shown.name) == (Upkeep.RENEW, RegistrarStatus.RUNNING, "bakery.com")
    assert year_of(world) == year
    world.pass_time(300)
    assert world.show(operation_id).status is RegistrarStatus.SUCCEEDED
    assert year_of(world) == year + 1
    assert world.standin.renewals("bakery.com") == world.standin.registrations("bakery.com") == 1


def test_the_same_year_is_never_renewed_twice(world: World) -> None:
    year = owned(world)
    world.registrar.renew("bakery.com", year, live=True)

    with pytest.raises(ProviderUnavailableError):  # the renewal is still running
        world.registrar.renew("bakery.com", year, live=True)
    world.pass_time(300)
    with pytest.raises(ProvisioningFailedError, match="CurrentExpiryYear"):
        world.registrar.renew("bakery.com", year, live=True)
    with pytest.raises(ProvisioningFailedError):
        world.registrar.renew("bakery.com", year + 2, live=True)
    assert world.standin.renewals("bakery.com") == 1
    assert year_of(world) == year + 1


def test_a_search_for_renewals_does_not_find_registrations(world: World) -> None:
    year = owned(world)
    asked_at = int(world.now * 1000)
    operation_id = world.registrar.renew("bakery.com", year, live=True)

    assert [one.id for one in world.registrar.find("bakery.com", Upkeep.RENEW, asked_at)] == [operation_id]
    assert len(world.registrar.find("bakery.com", DomainAction.REGISTER, 0)) == 1


def test_a_renewal_is_not_sent_again_after_a_lost_response(world: World) -> None:
    year = owned(world)
    world.standin.lose_next_answer("RenewDomain")

    with pytest.raises(ProviderUnavailableError):
        world.registrar.renew("bakery.com", year, live=True)

    assert world.standin.asked("RenewDomain") == 1
    world.pass_time(300)
    assert year_of(world) == year + 1


@pytest.mark.parametrize(
    "code", ["ThrottlingException", "InternalFailure", "OperationLimitExceeded", "DuplicateRequest"]
)
def test_a_renewal_is_not_sent_again_after_a_fault(world: World, code: str) -> None:
    year = owned(world)
    world.standin.fail_next("RenewDomain", code)

    with pytest.raises(ProviderUnavailableError):
        world.registrar.renew("bakery.com", year, live=True)
    assert world.standin.asked("RenewDomain") == 1


def test_a_refused_renewal_raises_an_error_with_the_reason(world: World) -> None:
    year = owned(world, "norenewal-bakery.com")

    with pytest.raises(ProvisioningFailedError, match=r"can't be renewed"):
        world.registrar.renew("norenewal-bakery.com", year, live=True)
    with pytest.raises(ProvisioningFailedError, match="not found"):
        world.registrar.renew("foreign-bakery.com", year, live=True)


def test_a_failed_renewal_keeps_the_expiry_date(world: World) -> None:
    year = owned(world, "badrenewal-bakery.com")
    operation_id = world.registrar.renew("badrenewal-bakery.com", year, live=True)
    world.pass_time(300)

    assert world.show(operation_id).status is RegistrarStatus.FAILED
    assert year_of(world, "badrenewal-bakery.com") == year


def test_a_renewal_with_the_status_error_has_failed(world: World) -> None:
    """A registration with the status ERROR is different: if our account has the domain, the registration succeeded."""
    year = owned(world)
    operation_id = world.registrar.renew("bakery.com", year, live=True)
    world.standin.fail("bakery.com", "Something went wrong.", "ERROR")

    assert world.show(operation_id).status is RegistrarStatus.FAILED


def test_only_a_premium_renewal_sends_the_maximum_price(world: World) -> None:
    agreed = Money(250_000, "USD")
    world.registrar.submit(replace(register("premium-bakery.com"), max_cost=agreed))
    world.pass_time(300)
    year = year_of(world, "premium-bakery.com")

    with pytest.raises(ProvisioningFailedError, match=r"[Cc]onsent"):
        world.registrar.renew("premium-bakery.com", year, live=True)
    with pytest.raises(ProvisioningFailedError, match=r"more than"):
        world.registrar.renew("premium-bakery.com", year, Money(100, "USD"), live=True)
    world.registrar.renew("premium-bakery.com", year, agreed, live=True)
    # For a standard price, the registrar requires no consent and we send none. So the price may exceed our maximum.
    world.registrar.renew("bakery.com", owned(world), Money(1, "USD"), live=True)
    world.pass_time(300)
    assert world.standin.renewals("premium-bakery.com") == world.standin.renewals("bakery.com") == 1


def test_domains_expiring_before_a_given_time_are_listed(world: World) -> None:
    for number in range(120):  # more than one page
        world.register(f"bakery-{number}.com")
        world.pass_time(300)
    dates = {name: domain.expires_at for name, domain in world.standin.domains.items()}
    third = sorted(dates.values())[2]

    soon = world.registrar.expiring(int(third * 1000))
    every = world.registrar.expiring(int(world.now * 1000) + int(400 * DAY * 1000))

    assert [expiry.name for expiry in soon] == ["bakery-0.com", "bakery-1.com"]
    assert {expiry.name: expiry.expires_at / 1000 for expiry in every} == dates
