"""Restricted keys, and webhook endpoints that are created through the API."""

from __future__ import annotations

import json
from typing import Any

import pytest
import stripe

from local.stripe_standin import StripeStandIn

from .conftest import API_KEY, Shop, Webhooks

pytestmark = pytest.mark.standin_only("the stand-in's webhooks, and keys that Stripe does not know")

URL = "https://shop.example/webhooks/stripe"
RESTRICTED = "rk_test_conformance"


def client_of(standin: StripeStandIn, key: str = API_KEY) -> stripe.StripeClient:
    return stripe.StripeClient(key, base_addresses={"api": standin.url}, max_network_retries=0)


def made(shop: Shop, **given: Any) -> stripe.WebhookEndpoint:
    return shop.client.v1.webhook_endpoints.create(
        {"url": URL, "enabled_events": ["customer.created"], "api_version": "2026-10-28.endive", **given}
    )


def test_the_secret_is_shown_only_at_creation(shop: Shop) -> None:
    endpoint = made(shop, metadata={"stack": "shop"})
    assert str(endpoint.secret).startswith("whsec_")
    for read in (
        shop.client.v1.webhook_endpoints.retrieve(endpoint.id),
        shop.client.v1.webhook_endpoints.list().data[0],
        shop.client.v1.webhook_endpoints.update(endpoint.id, {"enabled_events": ["invoice.paid"]}),
    ):
        found = read.to_dict()
        assert "secret" not in found
        assert (found["url"], found["status"], found["metadata"]) == (URL, "enabled", {"stack": "shop"})


def test_each_endpoint_has_its_own_events_and_secret() -> None:
    received = Webhooks()
    with StripeStandIn(webhook_url=None, deliver=None, manual_delivery=True) as standin:
        client = client_of(standin)
        secrets = [
            client.v1.webhook_endpoints.create({"url": URL, "enabled_events": [kind]}).secret
            for kind in ("customer.created", "customer.updated")
        ]
        standin.webhooks._receiver = None
        customer = client.v1.customers.create({})
        standin.webhooks._receiver = received
        assert standin.events[0]["pending_webhooks"] == 1
        assert standin.deliver_webhooks() == 1
        assert standin.events[0]["pending_webhooks"] == 0
        ((body, signature),) = received.received
        assert stripe.Webhook.construct_event(body, signature, str(secrets[0])).type == "customer.created"
        with pytest.raises(stripe.SignatureVerificationError):
            stripe.Webhook.construct_event(body, signature, str(secrets[1]))
        assert customer.id == json.loads(body)["data"]["object"]["id"]


def test_a_refused_delivery_stays_pending() -> None:
    refused = Webhooks(answers=[401])
    with StripeStandIn(webhook_url=None, deliver=None, manual_delivery=True) as standin:
        client = client_of(standin)
        client.v1.webhook_endpoints.create({"url": URL, "enabled_events": ["customer.created"]})
        client.v1.customers.create({})
        standin.webhooks._receiver = refused
        standin.deliver_webhooks()
        assert standin.events[0]["pending_webhooks"] == 1
        standin.deliver_webhooks()
        assert standin.events[0]["pending_webhooks"] == 0


def test_a_disabled_or_deleted_endpoint_receives_nothing() -> None:
    with StripeStandIn(webhook_url=None, deliver=None, manual_delivery=True) as standin:
        client = client_of(standin)
        for act in ("disable", "delete"):
            endpoint = client.v1.webhook_endpoints.create({"url": URL, "enabled_events": ["*"]})
            if act == "disable":
                client.v1.webhook_endpoints.update(endpoint.id, {"disabled": True})
            else:
                client.v1.webhook_endpoints.delete(endpoint.id)
        client.v1.customers.create({})
        assert standin.events[0]["pending_webhooks"] == 0


@pytest.mark.parametrize(
    ("wrong", "param"),
    [
        ({"enabled_events": ["invoice.*"]}, "enabled_events[0]"),
        ({"enabled_events": ["invoice.paid", "invoice.payed"]}, "enabled_events[1]"),
        ({"url": "http://shop.example/hook"}, "url"),
        ({"url": "shop.example"}, "url"),
        ({"api_version": "2026-10-28"}, "api_version"),
    ],
)
def test_an_endpoint_with_an_invalid_parameter_is_refused(shop: Shop, wrong: Any, param: str) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        made(shop, **wrong)
    assert str(refusal.value.param).startswith(param.partition("[")[0])
    assert shop.client.v1.webhook_endpoints.list().data == []


def test_an_account_has_at_most_sixteen_endpoints(shop: Shop) -> None:
    for _ in range(16):
        made(shop)
    with pytest.raises(stripe.InvalidRequestError, match="maximum"):
        made(shop)


def test_the_api_version_of_an_endpoint_cannot_be_changed(shop: Shop) -> None:
    endpoint = made(shop)
    change: Any = {"api_version": "2026-10-28.endive"}
    with pytest.raises(stripe.StripeError):
        shop.client.v1.webhook_endpoints.update(endpoint.id, change)


# -- restricted keys ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rights", "reads", "writes"),
    [({}, False, False), ({"customers": "read"}, True, False), ({"customers": "write"}, True, True)],
)
def test_a_restricted_key_allows_requests_within_its_rights(
    rights: dict[str, str], reads: bool, writes: bool
) -> None:
    with StripeStandIn() as standin:
        standin.controls.set_rights(RESTRICTED, rights)
        client = client_of(standin, RESTRICTED)
        assert allowed(client.v1.customers.list) is reads
        assert allowed(lambda: client.v1.customers.update("cus_none", {})) is writes
        assert not allowed(client.v1.invoices.list)


def allowed(act: Any) -> bool:
    try:
        act()
    except stripe.PermissionError as refusal:
        assert refusal.http_status == 403
        return False
    except stripe.InvalidRequestError as missing:
        assert missing.http_status == 404
    return True
