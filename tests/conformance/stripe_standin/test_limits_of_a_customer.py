"""A customer's number of subscriptions is limited. Products can be archived."""

from __future__ import annotations

import pytest
import stripe

from local.stripe_standin import subscriptions

from .conftest import Shop
from .test_subscriptions import renewal


def test_a_subscription_over_the_limit_is_refused(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subscriptions, "MOST_OF_A_CUSTOMER", 1)
    customer = shop.customer()
    renewal(shop, customer)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        renewal(shop, customer)
    assert refused.value.code == "customer_max_subscriptions"


def test_a_product_can_be_archived(shop: Shop) -> None:
    products = shop.client.v1.products
    assert products.create({"id": "order_1", "name": "Site one"}).active
    products.update("order_1", {"active": False})
    kept = products.retrieve("order_1")
    assert (kept.active, kept.name) == (False, "Site one")
