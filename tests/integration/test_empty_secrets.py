"""A new stack's secrets are empty until an operator connects Stripe and the platform."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from typing import Any

import pytest

from hosting_orders import bootstrap, settings
from hosting_orders.domain.errors import NotConnectedError
from tests.support.stripe_news import made
from tests.support.world import World, a_world, boto3_client

COMPLETE = json.dumps({"api_key": "sk_test_x", "webhook_secrets": "whsec_x"})


@pytest.fixture
def world() -> Iterator[World]:
    """A world in which the secrets for Stripe and for the platform exist but have no value yet."""
    with a_world() as world:
        manager = boto3_client("secretsmanager")
        for name in ("Stripe", "Platform"):
            arn = manager.create_secret(Name=f"{name}Secret-abc")["ARN"]
            os.environ[f"{name.upper()}_SECRET_ARN"] = arn
        os.environ["PLATFORM_URL"] = "https://platform.example"
        real = bootstrap.AwsServices(settings.load())

        class Unconnected:
            def __getattr__(self, name: str) -> Any:
                connected = name not in ("payments", "payment_news", "refunds", "renewals", "platform")
                return getattr(world.services if connected else real, name)

        bootstrap.use(Unconnected())  # type: ignore[arg-type]
        yield world


def write(secret: str, text: str) -> None:
    boto3_client("secretsmanager").put_secret_value(
        SecretId=os.environ[f"{secret}_SECRET_ARN"], SecretString=text
    )


def test_an_order_gets_a_503_and_the_log_says_how_to_connect(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        reply = world.place()
    assert (reply.status, reply.body["code"]) == (503, "temporarily_unavailable")
    assert "secret" not in json.dumps(reply.body)
    reasons = [getattr(record, "reason", "") for record in caplog.records]
    assert any("StripeSecret-abc" in reason and "make connect-stripe" in reason for reason in reasons)
    assert "Traceback" not in caplog.text


def test_webhooks_get_a_503_so_that_they_are_sent_again(world: World) -> None:
    event = made("invoice.paid", {"id": "in_1", "object": "invoice"})
    assert world.request("POST", "/webhooks/stripe", event, account=None).status == 503
    assert world.request("POST", "/webhooks/platform", {}, account=None).status == 503


def test_an_order_is_charged_once_after_stripe_is_connected(world: World) -> None:
    refused = world.place(key="one")
    assert refused.status == 503
    bootstrap.use(world.services)
    placed = world.place(key="one")
    assert placed.status == 202
    world.run()
    assert len(world.stripe.charges()) == 1


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{}", "has no api_key and webhook_secrets"),
        ('{"api_key": "sk_test_x", "webhook_secrets": ""}', "has no webhook_secrets"),
        ("not JSON", "has no api_key and webhook_secrets"),
        ('["api_key"]', "has no api_key and webhook_secrets"),
    ],
)
def test_an_incomplete_secret_raises_not_connected(world: World, text: str, reason: str) -> None:
    write("STRIPE", text)
    with pytest.raises(NotConnectedError, match=f"StripeSecret-abc.* {reason}: run `make connect-stripe`"):
        bootstrap.AwsServices(settings.load()).payments  # noqa: B018


def test_an_empty_secret_is_read_again_at_the_next_call(world: World) -> None:
    services = bootstrap.AwsServices(settings.load())
    with pytest.raises(NotConnectedError, match="make connect-platform"):
        services._http_platform  # noqa: B018
    write("PLATFORM", json.dumps({"api_key": "key-of-the-platform", "webhook_secrets": "whsec_bG9jYWw="}))
    assert services._http_platform
    with pytest.raises(NotConnectedError):
        services.payments  # noqa: B018
    write("STRIPE", COMPLETE)
    assert services.payments
