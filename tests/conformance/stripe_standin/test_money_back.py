"""Credit notes, refunds and disputes."""

from __future__ import annotations

from typing import Any

import pytest
import requests
import stripe

from .conftest import Shop


def line_credit(invoice: stripe.Invoice, *lines: int) -> list[Any]:
    return [
        {"type": "invoice_line_item", "invoice_line_item": invoice.lines.data[line].id, "quantity": 1}
        for line in lines
    ]


def test_a_credit_note_for_all_lines_refunds_the_card(shop: Shop) -> None:
    customer = shop.customer()
    invoice = shop.paid(customer, 1200, 900)
    note = shop.client.v1.credit_notes.create(
        {"invoice": invoice.id, "lines": line_credit(invoice, 0, 1), "refund_amount": 2100}
    )

    assert (note.status, note.type, note.total, note.refunds[0].amount_refunded) == (
        "issued",
        "post_payment",
        2100,
        2100,
    )
    assert shop.net_paid(customer) == 0
    assert shop.refunds() == [2100]
    assert shop.read(invoice).post_payment_credit_notes_amount == 2100
    shop.expect_events("credit_note.created", "refund.created", "charge.refunded")


def test_a_credit_note_for_one_line_refunds_only_that_line(shop: Shop) -> None:
    customer = shop.customer()
    invoice = shop.paid(customer, 1200, 900)
    note = shop.client.v1.credit_notes.create(
        {"invoice": invoice.id, "lines": line_credit(invoice, 1), "refund_amount": 900}
    )

    assert note.lines.data[0].invoice_line_item == invoice.lines.data[1].id
    assert shop.net_paid(customer) == 1200
    listed = shop.client.v1.credit_notes.list({"invoice": invoice.id})
    assert [one.id for one in listed.data] == [note.id]


def test_one_credit_note_returns_card_money_and_used_credit(shop: Shop) -> None:
    customer = shop.customer(balance=-500)
    invoice = shop.paid(customer, 1200)
    assert invoice.amount_paid == 700

    note = shop.client.v1.credit_notes.create(
        {
            "invoice": invoice.id,
            "lines": line_credit(invoice, 0),
            "refund_amount": 700,
            "credit_amount": 500,
        }
    )

    assert note.total == 1200
    assert shop.net_paid(customer) == 0
    assert shop.client.v1.customers.retrieve(customer.id).balance == -500


@pytest.mark.standin_only("tax needs settings of the Stripe account")
def test_a_credit_note_for_one_line_also_returns_its_tax(shop: Shop) -> None:
    customer = shop.customer()
    invoice = shop.paid(customer, 1005, 2000, automatic_tax={"enabled": True})
    assert invoice.amount_paid == 1005 + 191 + 2000 + 380

    note = shop.client.v1.credit_notes.create(
        {"invoice": invoice.id, "lines": line_credit(invoice, 0), "refund_amount": 1196}
    )

    assert (note.subtotal, note.total) == (1005, 1196)
    assert shop.net_paid(customer) == 2380


@pytest.mark.parametrize(
    "amounts",
    [
        {"refund_amount": 1100},
        {"refund_amount": 1200, "credit_amount": 1},
        {"refund_amount": 600},
        {},
    ],
)
def test_the_amounts_of_a_credit_note_must_add_up(shop: Shop, amounts: dict[str, int]) -> None:
    invoice = shop.paid(shop.customer(), 1200)

    with pytest.raises(stripe.InvalidRequestError):
        shop.client.v1.credit_notes.create({"invoice": invoice.id, "amount": 1200, **amounts})  # type: ignore[typeddict-item]
    assert shop.refunds() == []
    assert shop.notes() == []


@pytest.mark.parametrize("way", ["refund_amount", "credit_amount", "out_of_band_amount"])
def test_credit_notes_cannot_exceed_the_invoice(shop: Shop, way: str) -> None:
    customer = shop.customer()
    invoice = shop.paid(customer, 1200)
    whole: Any = {"invoice": invoice.id, "amount": 1200, way: 1200}
    shop.client.v1.credit_notes.create(whole)
    after = (shop.net_paid(customer), shop.client.v1.customers.retrieve(customer.id).balance)

    with pytest.raises(stripe.InvalidRequestError):
        shop.client.v1.credit_notes.create(whole)
    assert len(shop.notes()) == 1
    assert after == (
        shop.net_paid(customer),
        shop.client.v1.customers.retrieve(customer.id).balance,
    )


def test_requests_with_the_same_key_create_one_credit_note(shop: Shop) -> None:
    invoice = shop.paid(shop.customer(), 1200)
    notes = [
        shop.client.v1.credit_notes.create(
            {"invoice": invoice.id, "amount": 1200, "refund_amount": 1200},
            {"idempotency_key": shop.once("back")},
        )
        for _ in range(2)
    ]

    assert notes[0].id == notes[1].id
    assert len(shop.refunds()) == 1


def test_a_processing_sepa_payment_cannot_be_refunded(shop: Shop) -> None:
    invoice = shop.open(shop.sepa_customer())
    shop.client.v1.invoices.pay(invoice.id)

    intent = shop.intent(invoice)

    with pytest.raises(stripe.InvalidRequestError) as refusal:
        shop.client.v1.refunds.create({"payment_intent": intent.id})
    assert refusal.value.code == "payment_intent_unexpected_state"
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        shop.client.v1.refunds.create({"charge": intent.latest_charge})
    assert refusal.value.code == "charge_not_refundable"
    assert shop.refunds() == []


@pytest.mark.standin_only("uses the stand-in's controls")
def test_a_refused_refund_leaves_no_credit_note(shop: Shop) -> None:
    requests.post(
        f"{shop.standin.url}/_standin/settings", json={"refunds": "refuse"}, timeout=10
    ).raise_for_status()
    customer = shop.customer()
    invoice = shop.paid(customer, 1200)

    with pytest.raises(stripe.InvalidRequestError):
        shop.client.v1.credit_notes.create({"invoice": invoice.id, "amount": 1200, "refund_amount": 1200})
    assert shop.notes() == []
    assert shop.net_paid(customer) == 1200


def test_a_payment_can_be_refunded_in_two_parts(shop: Shop) -> None:
    customer = shop.customer()
    invoice = shop.paid(customer, 1200)
    intent = shop.intent(invoice).id
    part = shop.client.v1.refunds.create({"payment_intent": intent, "amount": 200})
    rest = shop.client.v1.refunds.create({"payment_intent": intent})

    assert (part.amount, rest.amount, rest.status) == (200, 1000, "succeeded")
    assert shop.client.v1.refunds.retrieve(part.id).amount == 200
    assert [refund.id for refund in shop.client.v1.refunds.list({"payment_intent": intent}).data] == [
        rest.id,
        part.id,
    ]
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        shop.client.v1.refunds.create({"payment_intent": intent})
    assert refusal.value.code == "charge_already_refunded"
    assert shop.net_paid(customer) == 0


@pytest.mark.standin_only("uses the stand-in's controls")
def test_a_dispute_can_be_opened_by_hand(shop: Shop) -> None:
    invoice = shop.paid(shop.customer(), 1200)

    requests.post(
        f"{shop.standin.url}/_standin/dispute", json={"invoice": invoice.id}, timeout=10
    ).raise_for_status()

    assert shop.event_types()[-1] == "charge.dispute.created"
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        shop.client.v1.refunds.create({"payment_intent": shop.intent(invoice).id})
    assert refusal.value.code == "charge_disputed"


def test_a_refund_can_be_linked_to_only_one_credit_note(shop: Shop) -> None:
    customer = shop.customer()
    invoice, other = shop.paid(customer, 1200, 900), shop.paid(customer, 1200, 900)
    refund = shop.client.v1.refunds.create({"payment_intent": shop.intent(invoice).id, "amount": 1200})
    link: Any = {"type": "refund", "refund": refund.id}

    def linked(of: stripe.Invoice, *amounts: int) -> Any:
        return {
            "invoice": of.id,
            "amount": sum(amounts),
            "refunds": [{**link, "amount_refunded": amount} for amount in amounts],
        }

    for refused in (linked(other, 1200), linked(invoice, 1201), linked(invoice, 1200, 900)):
        with pytest.raises(
            stripe.InvalidRequestError, match=r"does not belong to a payment of|is not linked yet"
        ):
            shop.client.v1.credit_notes.create(refused)
    by_line: Any = {"invoice": invoice.id, "lines": line_credit(invoice, 0), "refunds": [link]}
    made = shop.client.v1.credit_notes.create(by_line)
    assert [(one.refund, one.amount_refunded) for one in made.refunds] == [(refund.id, 1200)]
    with pytest.raises(stripe.InvalidRequestError, match="is not linked yet"):
        shop.client.v1.credit_notes.create(linked(invoice, 900))
    assert shop.refunds() == [1200]  # linking moves no money


@pytest.mark.standin_only("uses the stand-in's controls")
def test_a_failed_refund_cannot_be_linked_to_a_credit_note(shop: Shop) -> None:
    invoice = shop.paid(shop.customer(), 1200)
    shop.standin.controls.set(refunds="fail")
    refund = shop.client.v1.refunds.create({"payment_intent": shop.intent(invoice).id})
    with pytest.raises(stripe.InvalidRequestError, match="is not linked yet"):
        shop.client.v1.credit_notes.create(
            {"invoice": invoice.id, "amount": 1200, "refunds": [{"type": "refund", "refund": refund.id}]}
        )
