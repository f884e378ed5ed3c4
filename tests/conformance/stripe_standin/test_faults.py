"""The effect of faults on the stand-in's objects, on the SDK and on concurrent requests."""

from __future__ import annotations

import sys
import threading
import time

import pytest
import requests
import stripe

from .conftest import Shop

pytestmark = pytest.mark.standin_only("plants faults")

PAY = r"/v1/invoices/[^/]+/pay"


def test_a_500_after_a_payment_is_replayed_for_the_same_key(shop: Shop) -> None:
    customer = shop.customer()
    invoice = shop.open(customer)
    shop.standin.controls.add_fault("error_after", PAY)
    for _ in range(2):
        with pytest.raises(stripe.APIError) as refusal:
            shop.client.v1.invoices.pay(invoice.id, options={"idempotency_key": "pay-1"})
        assert refusal.value.http_status == 500

    assert shop.read(invoice).status == "paid"
    assert shop.net_paid(customer) == 1200


def test_a_payment_retried_after_a_lost_response_charges_once(shop: Shop) -> None:
    customer = shop.customer()
    invoice = shop.open(customer)
    shop.standin.controls.add_fault("lost", PAY)
    with pytest.raises(stripe.APIConnectionError):
        shop.client.v1.invoices.pay(invoice.id, options={"idempotency_key": "pay-1"})

    paid = shop.client.v1.invoices.pay(invoice.id, options={"idempotency_key": "pay-1"})
    assert paid.status == "paid"
    assert shop.standin.requests[-1].replayed
    assert len(shop.charges(customer)) == 1


def test_a_dropped_request_has_no_effect(shop: Shop) -> None:
    invoice = shop.open(shop.customer())
    shop.standin.controls.add_fault("dropped", PAY)
    with pytest.raises(stripe.APIConnectionError):
        shop.client.v1.invoices.pay(invoice.id)
    assert shop.standin.requests[-1].status is None
    assert shop.all_charges() == []


def test_a_fault_can_let_some_requests_pass_first(shop: Shop) -> None:
    shop.standin.controls.add_fault("error", "/v1/customers", after=2, times=2)
    seen = []
    for _ in range(5):
        try:
            shop.client.v1.customers.create({})
            seen.append(200)
        except stripe.APIError as refusal:
            seen.append(int(refusal.http_status or 0))
    assert seen == [200, 200, 500, 500, 200]


def test_a_fault_can_be_limited_to_one_method(shop: Shop) -> None:
    customer = shop.customer()
    shop.standin.controls.add_fault("too_many", r"/v1/customers/.*", method="GET")
    shop.client.v1.customers.update(customer.id, {"name": "B"})
    with pytest.raises(stripe.RateLimitError):
        shop.client.v1.customers.retrieve(customer.id)


def test_faults_can_be_cleared(shop: Shop) -> None:
    shop.standin.controls.add_fault("error", times=100)
    shop.standin.controls.clear_faults()
    shop.client.v1.customers.create({})


def test_a_delayed_request_does_not_block_other_requests(shop: Shop) -> None:
    """No lock is held during the delay, so the delayed request finishes last."""
    shop.standin.controls.add_fault("delay", "/v1/customers", milliseconds=300)
    finished: list[str] = []

    def slow() -> None:
        shop.client.v1.customers.create({"name": "slow"})
        finished.append("slow")

    thread = threading.Thread(target=slow)
    thread.start()
    deadline = time.monotonic() + 5
    while shop.standin.faults.waiting and time.monotonic() < deadline:
        time.sleep(0.002)  # until the slow request has taken its fault
    shop.client.v1.products.create({"name": "quick"})
    finished.append("quick")
    thread.join()

    assert finished == ["quick", "slow"]


def test_concurrent_payments_charge_each_invoice_once(shop: Shop) -> None:
    """Threads switch as often as possible, to expose a race between check and write."""
    customer = shop.customer()
    invoices = [shop.open(customer) for _ in range(8)]
    outcomes: list[str] = []

    def pay(invoice: str, key: int) -> None:
        answer = requests.post(
            f"{shop.standin.url}/v1/invoices/{invoice}/pay",
            headers={"Authorization": "Bearer sk_test_1", "Idempotency-Key": f"{invoice} {key}"},
            timeout=10,
        ).json()
        outcomes.append(answer.get("status") or answer["error"]["message"])

    switching = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for invoice in invoices:
            threads = [threading.Thread(target=pay, args=(invoice.id, key)) for key in range(6)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
    finally:
        sys.setswitchinterval(switching)

    assert sorted(outcomes) == 40 * ["Invoice is already paid"] + 8 * ["paid"]
    assert len(shop.charges(customer)) == 8


def test_a_refused_finalization_is_replayed_for_its_key(shop: Shop) -> None:
    draft = shop.client.v1.invoices.create({"customer": shop.customer().id, "currency": "eur"})
    with pytest.raises(stripe.InvalidRequestError):
        shop.client.v1.invoices.finalize_invoice(draft.id, options={"idempotency_key": "finalize-1"})
    shop.client.v1.invoices.add_lines(draft.id, {"lines": [{"amount": 1200, "description": "now"}]})
    with pytest.raises(stripe.InvalidRequestError) as again:
        shop.client.v1.invoices.finalize_invoice(draft.id, options={"idempotency_key": "finalize-1"})
    assert again.value.headers is not None
    assert again.value.headers["Idempotent-Replayed"] == "true"

    assert shop.client.v1.invoices.finalize_invoice(draft.id).status == "open"


def test_a_request_for_automatic_collection_gets_a_501(shop: Shop) -> None:
    with pytest.raises(stripe.APIError, match="auto_advance") as refusal:
        shop.draft(shop.customer(), auto_advance=True)
    assert refusal.value.http_status == 501
