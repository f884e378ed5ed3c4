"""Rate limits of the account and of each endpoint.

They are off by default. The stand-in checks them before it looks at a request's idempotency key.
"""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import stripe

from .conftest import Shop

pytestmark = pytest.mark.standin_only("sets the stand-in's rate limits")


@pytest.fixture(autouse=True)
def _stopped_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("local.stripe_standin.clock.time", SimpleNamespace(time=lambda: 1_800_000_000.5))


def refused(shop: Shop) -> list[str]:
    return [
        answer.headers["Stripe-Rate-Limited-Reason"] for answer in shop.http.recorded if answer.status == 429
    ]


def test_there_is_no_limit_by_default(shop: Shop) -> None:
    for _ in range(120):
        shop.client.v1.events.list()
    assert refused(shop) == []


def test_all_requests_of_the_account_count_towards_one_limit(shop: Shop) -> None:
    customer = shop.customer(None)
    shop.standin.clock.advance(1)
    shop.standin.controls.set(requests_per_second=2)

    shop.client.v1.customers.retrieve(customer.id)
    shop.client.v1.events.list()
    with pytest.raises(stripe.RateLimitError):
        shop.client.v1.invoices.list()
    shop.standin.clock.advance(1)
    shop.client.v1.invoices.list()
    assert refused(shop) == ["global-rate"]


def test_requests_for_different_ids_share_an_endpoint_limit(shop: Shop) -> None:
    customers = [shop.customer(None) for _ in range(3)]
    shop.standin.clock.advance(1)
    shop.standin.controls.set(endpoint_requests_per_second=2)

    for customer in customers[:2]:
        shop.client.v1.customers.retrieve(customer.id)
    with pytest.raises(stripe.RateLimitError):
        shop.client.v1.customers.retrieve(customers[2].id)
    shop.client.v1.customers.update(customers[2].id, {"name": "B"})
    assert refused(shop) == ["endpoint-rate"]


def test_a_refused_request_does_not_use_its_idempotency_key(shop: Shop) -> None:
    shop.standin.controls.set(requests_per_second=1)
    shop.client.v1.events.list()
    with pytest.raises(stripe.RateLimitError):
        shop.client.v1.customers.create({"name": "A"}, {"idempotency_key": "one"})
    shop.standin.clock.advance(1)

    shop.client.v1.customers.create({"name": "A"}, {"idempotency_key": "one"})
    assert not shop.standin.requests[-1].replayed
    assert len(shop.standin.objects("customer")) == 1


def test_the_response_for_a_locked_object_asks_for_a_retry(shop: Shop) -> None:
    shop.standin.controls.add_fault("locked", "/v1/customers")
    with pytest.raises(stripe.RateLimitError) as refusal:
        shop.client.v1.customers.create({"name": "A"})
    assert refusal.value.error is not None
    assert refusal.value.error.code == "lock_timeout"
    assert shop.http.recorded[-1].headers["Stripe-Should-Retry"] == "true"
