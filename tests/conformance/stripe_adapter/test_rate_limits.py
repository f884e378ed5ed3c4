"""Stripe's rate limits: the adapter waits a little and repeats the request under the same idempotency key."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from hosting_orders.adapters.stripe.collection import StripeCollection
from hosting_orders.adapters.stripe.patient import LONGEST, PERIOD, WAITS
from hosting_orders.domain.cart import PaymentStatus
from hosting_orders.domain.errors import ProviderUnavailableError
from tests.conformance.stripe_adapter.shop import Shop

pytestmark = pytest.mark.standin_only("sets the stand-in's rate limits")

PAY = r"/v1/invoices/[^/]+/pay"


@pytest.fixture(autouse=True)
def _stopped_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock of the stand-in and the adapter moves only while the adapter waits, or when a test moves it."""
    monkeypatch.setattr("local.stripe_standin.clock.time", SimpleNamespace(time=lambda: 1_800_000_000.5))


class Waiting:
    def __init__(self, shop: Shop) -> None:
        self.waits: list[float] = []
        self._clock = shop.standin.clock
        self.payments = StripeCollection(shop.adapter(sleep=self._sleep))

    def _sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self._clock.advance(seconds)


def limited(shop: Shop) -> int:
    return sum(request.status == 429 for request in shop.standin.requests)


def test_rate_limits_cause_no_second_charge(shop: Shop) -> None:
    whose = shop.customer(credit=300)
    waiting = Waiting(shop)
    shop.standin.controls.set(requests_per_second=3, endpoint_requests_per_second=2)

    state = waiting.payments.charge(shop.cart(whose))

    assert state.status is PaymentStatus.SUCCEEDED
    assert len(waiting.waits) == limited(shop) > 0
    shop.standin.controls.set(requests_per_second=0, endpoint_requests_per_second=0)
    assert shop.taken(whose[0]) == [1800]
    assert len(shop.standin.invoices(whose[0])) == 1


def test_a_rate_limited_payment_is_repeated_with_the_same_key(shop: Shop) -> None:
    waiting = Waiting(shop)
    shop.standin.controls.add_fault("too_many", PAY, times=2)

    waiting.payments.charge(shop.cart(shop.customer()))

    assert len({key for step, key in shop.wire.posted if step == "pay"}) == 1
    assert len([step for step, _ in shop.wire.posted if step == "pay"]) == 3
    assert len(shop.standin.charges()) == 1


def test_nothing_is_charged_if_stripe_limits_every_retry(shop: Shop) -> None:
    whose = shop.customer()
    waiting = Waiting(shop)
    cart = shop.cart(whose)
    shop.standin.controls.add_fault("too_many", PAY, times=3)

    with pytest.raises(ProviderUnavailableError):
        waiting.payments.charge(cart)
    assert shop.standin.charges(status=None) == []
    assert waiting.payments.charge(cart).status is PaymentStatus.SUCCEEDED
    assert len(shop.standin.charges()) == 1


def test_the_sum_of_all_waits_in_a_period_is_limited(shop: Shop) -> None:
    """If Stripe limits many requests, their waits together must not use up the function's time limit."""
    customer, _ = shop.customer()
    waiting = Waiting(shop)
    shop.standin.controls.add_fault("too_many", "/v1/customers/.*", times=1000)
    for _ in range(20):
        with pytest.raises(ProviderUnavailableError):
            waiting.payments.default_method(customer)
    assert 0 < sum(waiting.waits) <= LONGEST

    shop.standin.clock.advance(PERIOD)
    waited = len(waiting.waits)
    with pytest.raises(ProviderUnavailableError):
        waiting.payments.default_method(customer)
    assert len(waiting.waits) == waited + len(WAITS)


def test_the_adapter_does_not_wait_for_a_locked_object(shop: Shop) -> None:
    waiting = Waiting(shop)
    cart = shop.cart(shop.customer())
    shop.standin.controls.add_fault("locked", PAY)

    with pytest.raises(ProviderUnavailableError):
        waiting.payments.charge(cart)
    assert waiting.waits == []
    assert waiting.payments.charge(cart).status is PaymentStatus.SUCCEEDED
    assert len(shop.standin.charges()) == 1
