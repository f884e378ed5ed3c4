"""The registrar throttles requests, and refuses a second submission while the first is in progress."""

from __future__ import annotations

from collections.abc import Iterator

import botocore.endpoint
import pytest

from hosting_orders import bootstrap, settings
from hosting_orders.domain.errors import ProviderUnavailableError
from hosting_orders.domain.order import OrderStatus
from hosting_orders.domain.registration import Availability
from tests.support.domain_books import placed
from tests.support.world import World, a_world

MINUTE = 60.0
DAY = 86_400.0
NAME = "asked-twice.com"


@pytest.fixture
def world() -> Iterator[World]:
    with a_world() as world:
        yield world


def test_boto3_retries_a_throttled_availability_check(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    paused: list[float] = []
    monkeypatch.setattr(botocore.endpoint.time, "sleep", paused.append)
    registrar = bootstrap.AwsServices(settings.load()).registrar
    client = registrar._asking._client
    world.registrar.attach(client)
    try:
        world.registrar.fail_next("CheckDomainAvailability", "ThrottlingException", "Rate exceeded", times=3)
        assert registrar.availability(NAME).availability is Availability.AVAILABLE
        assert world.registrar.asked("CheckDomainAvailability", NAME) == 1
        config = client.meta.config
        longest = 4 * (config.connect_timeout + config.read_timeout)
        assert sum(paused) < 8 and longest <= 29

        world.registrar.configure(rate=2)
        registrar.availability(NAME)
        registrar.availability(NAME)
        with pytest.raises(ProviderUnavailableError, match="ThrottlingException"):
            registrar.availability(NAME)
    finally:
        world.registrar.detach(client)


def test_boto3_never_repeats_a_submission_to_the_registrar(world: World) -> None:
    registrar = bootstrap.AwsServices(settings.load()).registrar
    assert registrar._submitting.meta.config.retries["total_max_attempts"] == 1


def test_a_refused_second_submission_reveals_the_first(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The response to the first submission is lost, and the list of operations does not show its operation yet.

    The refusal of the second submission contains the id of the first operation.
    """
    monkeypatch.setattr(world.registrar._registry, "_list_operations", lambda given: {"Operations": []})
    world.registrar.configure(delay=3600)
    world.registrar.lose_next_answer("RegisterDomain")
    order = placed(world, NAME)
    world.run()
    world.live(5 * MINUTE, every=MINUTE)

    (operation,) = world.registrar.operations
    assert world.order(order.uuid).operation_id == operation.id
    world.live(2 * 3600, every=MINUTE)
    assert world.order(order.uuid).status is OrderStatus.COMPLETED
    assert world.registrar.submissions(NAME) == 1


def test_an_abandoned_orders_operation_is_not_taken_over(world: World) -> None:
    """If the later order took over this operation, it would get a domain with the contacts of the abandoned order."""
    world.registrar._registry.delay = None
    abandoned = placed(world, NAME)
    world.run()
    world.live(8 * DAY, every=DAY / 4)
    assert world.order(abandoned.uuid).status is OrderStatus.PROVISION_FAILED

    later = placed(world, NAME, "credit")
    world.run()
    world.live(10 * MINUTE, every=MINUTE)
    assert world.order(later.uuid, "credit").operation_id is None
    assert world.registrar.submissions(NAME) == 1
