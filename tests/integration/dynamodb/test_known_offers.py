"""The registrar's answers about domains are stored for a short time."""

from __future__ import annotations

from typing import Any

import pytest

from hosting_orders.adapters.dynamodb.known_offers import DynamoKnownOffers
from hosting_orders.domain.money import Money
from hosting_orders.domain.registration import Availability, DomainOffer
from tests.integration.dynamodb.conftest import no_sleep
from tests.integration.dynamodb.examples import NOW
from tests.support.table import TABLE_NAME

OFFERS = {
    "free.com": DomainOffer(Availability.AVAILABLE, Money(1400, "USD")),
    "taken.com": DomainOffer(Availability.UNAVAILABLE, reason="the domain is already registered"),
    "xn--bcher-kva.de": DomainOffer(Availability.PREMIUM, Money(99900, "USD"), "premium"),
}


@pytest.fixture
def kept(client: Any) -> DynamoKnownOffers:
    kept = DynamoKnownOffers(client, TABLE_NAME, sleep=no_sleep)
    for name, offer in OFFERS.items():
        kept.keep(name, offer, NOW)
    return kept


def test_stored_offers_are_read_back(kept: DynamoKnownOffers) -> None:
    assert kept.recent([*OFFERS, "unknown.com"], NOW) == OFFERS
    assert kept.recent([], NOW) == {}


def test_an_offer_from_before_the_given_time_is_not_read(kept: DynamoKnownOffers) -> None:
    assert kept.recent(list(OFFERS), NOW + 1) == {}


def test_a_newer_offer_replaces_an_older_one(kept: DynamoKnownOffers) -> None:
    kept.keep("free.com", OFFERS["taken.com"], NOW + 5)
    assert kept.recent(["free.com"], NOW + 5) == {"free.com": OFFERS["taken.com"]}


def test_an_offer_has_an_expiry_time(kept: DynamoKnownOffers, client: Any) -> None:
    items = client.scan(TableName=TABLE_NAME)["Items"]
    assert {int(item["expires_at"]["N"]) > NOW // 1000 for item in items} == {True}
