"""Trouble at the registrar: counts for alarms, retry times, and no personal data in messages."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from hosting_orders import bootstrap
from hosting_orders.domain.order import OrderStatus
from tests.support.world import REGISTRATION_SECONDS, World, a_world

MINUTE = 60.0


@pytest.fixture
def world() -> Iterator[World]:
    with a_world() as world:
        yield world


@pytest.mark.parametrize(
    ("action", "told"),
    [
        ("register", "The domain could not be registered. The registry did not accept a contact."),
        ("transfer", "The domain could not be transferred. The registry did not accept a contact."),
    ],
)
def test_personal_data_from_a_registry_is_never_repeated(
    action: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with a_world() as world:
        placed = world.order_domain("person.com", action=action, authcode="secret-code-1")
        world.run()
        world.live(MINUTE, every=MINUTE)
        world.registrar.fail("person.com", "Contact Ada Lovelace, Keizersgracht 1, 1015 CJ was not accepted")
        world.live(10 * MINUTE, every=MINUTE)

        order_id = placed.body["orders"][0]["id"]
        shown = world.request("GET", f"/api/orders/{order_id}").body
        events = world.request("GET", f"/api/orders/{order_id}/events").body
        assert shown["failure"]["message"] == told
        # The account's item may contain personal data: its billing address.
        rows = [item for item in world.items("") if item["SK"]["S"] != "ACCOUNT"]
        said = json.dumps([shown["domain"], shown["failure"], events, rows]) + capsys.readouterr().out
        assert order_id in said
        for secret in ("Lovelace", "Keizersgracht", "1015 CJ", "secret-code-1"):
            assert secret not in said


def test_an_ambiguous_refusal_does_not_refund_immediately(world: World) -> None:
    """The first request gets an error, but the registrar may have accepted it.

    The registrar may then refuse the repeated request because it accepted the first one.
    """
    world.registrar.fail_next("RegisterDomain", "ThrottlingException", "slow down")
    placed = world.order_domain("gone-doubt.com")
    order_id = placed.body["orders"][0]["id"]
    world.run()
    world.live(10 * MINUTE, every=MINUTE)
    assert world.order(order_id).status is OrderStatus.PROCESSING
    assert world.net_paid() == 1200

    world.live(10 * MINUTE, every=MINUTE)

    assert world.order(order_id).status is OrderStatus.PROVISION_FAILED
    assert world.net_paid() == 0
    assert world.runner.executions[order_id].status == "SUCCEEDED"


def test_an_order_is_refunded_in_the_minute_of_the_refusal(world: World) -> None:
    world.registrar.fail_next("RegisterDomain", "ThrottlingException", "slow down", times=20)
    placed = world.order_domain("gone-later.com")
    order_id = placed.body["orders"][0]["id"]
    world.run()
    world.live(30 * MINUTE, every=MINUTE)
    assert world.order(order_id).status is OrderStatus.PROCESSING
    world.registrar.clear_faults()

    for _ in range(30):
        world.live(MINUTE, every=MINUTE)
        if world.order(order_id).failure is not None:
            break

    assert world.order(order_id).status is OrderStatus.PROVISION_FAILED
    assert world.net_paid() == 0
    assert world.runner.executions[order_id].status == "SUCCEEDED"


def test_a_failed_search_for_an_operation_is_repeated(world: World) -> None:
    world.registrar.lose_next_answer("RegisterDomain")
    world.registrar.fail_next("ListOperations", "ThrottlingException", "slow down")
    placed = world.order_domain("look-up.com")
    order_id = placed.body["orders"][0]["id"]
    world.run()

    world.live(REGISTRATION_SECONDS + 8 * MINUTE, every=MINUTE)

    assert world.order(order_id).status is OrderStatus.COMPLETED
    assert world.registrar.submissions("look-up.com") == 1


@pytest.mark.parametrize("trouble", ["DomainLimitExceeded", "AccessDeniedException"])
def test_a_paid_domain_is_stuck_if_it_cannot_be_submitted(world: World, trouble: str) -> None:
    world.registrar.fail_next("RegisterDomain", trouble, "no", times=10_000)
    placed = world.order_domain("stuck.com")
    order_id = placed.body["orders"][0]["id"]
    world.run()
    world.live(10 * MINUTE, every=MINUTE)
    assert world.metrics.counts["RegistrationStuck"] == 0
    shown = world.request("GET", f"/api/orders/{order_id}").body
    assert "not accepted the order" in shown["domain"]["next_step"]

    world.live(30 * MINUTE, every=MINUTE)
    assert world.metrics.counts["RegistrationStuck"] > 0
    assert world.net_paid() == 1200

    world.registrar.clear_faults()
    world.live(30 * MINUTE, every=MINUTE)
    assert world.order(order_id).status is OrderStatus.COMPLETED


def test_a_domain_does_not_get_an_earlier_owners_zone(world: World) -> None:
    route53 = bootstrap.aws_client("route53")
    left = route53.create_hosted_zone(Name="second-hand.com", CallerReference="an earlier owner")[
        "HostedZone"
    ]
    placed = world.order_domain("second-hand.com", action="transfer", authcode="x")
    world.run()
    world.live(11 * 86_400, every=6 * 3600)
    shown = world.request("GET", placed.body["orders"][0]["poll_url"]).body
    assert shown["domain"]["status"] == "active"
    assert f"/hostedzone/{shown['domain']['dns_zone']['id']}" != left["Id"]
