"""The events of an order are derived from its timeline and its renewals."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hosting_orders.domain import causes
from hosting_orders.domain.domain_record import TRANSFER_YEAR, DomainRecord, DomainRenewal
from hosting_orders.domain.invoiced_renewal import InvoicedRenewal
from hosting_orders.domain.money import Money
from hosting_orders.domain.order import Actor, Order, OrderStatus, TimelineEntry
from hosting_orders.domain.products import DomainItem
from hosting_orders.domain.registration import DomainAction, RegistrarWaits, Verification
from hosting_orders.domain.webhook import message_id
from hosting_orders.domain.webhook_events import EventType, is_pattern, matches, order_events

NOW = 1_795_000_000_000
ITEM = DomainItem("example.com", "example.com", "com", DomainAction.REGISTER, renewal_amount=1400)
PLACED = Order(
    "acc_1",
    7,
    "cart",
    OrderStatus.PENDING,
    ITEM,
    Money(1200, "EUR"),
    NOW,
    NOW,
    domain=DomainRecord("example.com"),
    timeline=(TimelineEntry(NOW, OrderStatus.PENDING, Actor.CUSTOMER, "order placed"),),
)
PAID = PLACED.paid(NOW + 1, NOW + 2)


def types(order: Order) -> list[EventType]:
    return [event.type for event in order_events(order)]


@pytest.mark.parametrize(
    ("cause", "kind"),
    [
        (causes.waiting_for(RegistrarWaits.REGISTRANT), EventType.DOMAIN_ACTION_REQUIRED),
        (causes.waiting_for(RegistrarWaits.AUTHORIZATION), EventType.DOMAIN_ACTION_REQUIRED),
        (causes.waiting_for(RegistrarWaits.SUPPORT), None),
        (causes.VERIFICATION[Verification.PENDING], EventType.DOMAIN_ACTION_REQUIRED),
        (causes.VERIFICATION[Verification.EXPIRED], EventType.DOMAIN_ACTION_REQUIRED),
        (causes.VERIFICATION[Verification.DONE], None),
        (causes.STRIPE_GAVE_UP, EventType.RENEWAL_FAILED),
        (causes.not_renewed("refused"), EventType.RENEWAL_FAILED),
        (causes.DOMAIN_LEFT, EventType.DOMAIN_LEFT),
        (causes.LATE_MONEY_BACK, EventType.ORDER_REFUNDED),
        ("DNS zone created", None),
    ],
)
def test_only_some_causes_on_the_timeline_give_an_event(cause: str, kind: EventType | None) -> None:
    told = PAID.told(cause, NOW + 5, Actor.REGISTRAR)
    assert types(told)[2:] == ([kind] if kind else [])


def test_every_end_of_an_order_gives_one_event() -> None:
    assert types(PAID) == [EventType.ORDER_CREATED, EventType.ORDER_PAID]
    assert types(PLACED.expired(NOW + 9))[-1] is EventType.ORDER_CANCELLED
    cancelled = PLACED.cancel_requested(NOW + 9).refunded(None, NOW + 10)
    assert types(cancelled) == [EventType.ORDER_CREATED, EventType.ORDER_CANCELLED]


def test_only_a_renewed_year_gives_a_domain_renewed_event() -> None:
    record = DomainRecord(
        renewals=(
            DomainRenewal("in_1", NOW, NOW, 0, done_at=NOW + 50),
            DomainRenewal("in_2", NOW, NOW, 0),
            DomainRenewal(TRANSFER_YEAR, NOW, NOW, 0, done_at=NOW + 60),
        )
    )
    found = [event for event in order_events(PAID.with_domain(record)) if event.type.group == "domain"]
    assert [(event.type, event.at) for event in found] == [(EventType.DOMAIN_RENEWED, NOW + 50)]


def test_a_term_whose_charge_is_refused_twice_gives_one_event() -> None:
    first = InvoicedRenewal(NOW, 12).refused(NOW + 1, NOW + 2)
    again = first.refused(NOW + 3, NOW + 4)
    failed = [
        [
            event
            for event in order_events(replace(PAID, invoiced=renewal))
            if event.type is EventType.RENEWAL_FAILED
        ]
        for renewal in (first, again)
    ]
    assert failed[0] == failed[1]
    assert len(failed[0]) == 1


def test_later_changes_keep_the_ids_of_earlier_events() -> None:
    def ids(order: Order) -> list[str]:
        return [message_id("we_1", event.source, event.type, event.at) for event in order_events(order)]

    later = PAID.told(causes.DOMAIN_LEFT, NOW + 5, Actor.REGISTRAR).told("a note", NOW + 6, Actor.SYSTEM)
    assert ids(later)[:2] == ids(PAID)
    assert len(set(ids(later))) == len(ids(later)) == 3
    assert message_id("we_2", "order:7:0", "order.created", NOW) != ids(PAID)[0]


def test_a_pattern_is_a_type_or_a_group_or_everything() -> None:
    assert all(is_pattern(text) for text in ("*", "order.*", "domain.renewed"))
    assert not any(is_pattern(text) for text in ("", "order", "order.", "order.*.x", "*.*", "orders.*"))
    assert matches("order.*", EventType.ORDER_PAID)
    assert not matches("order.*", EventType.PAYMENT_FAILED)
