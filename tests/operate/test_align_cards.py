"""`make align-cards` makes the customer's default card pay the renewals.

Earlier releases gave each subscription a card of its own, and Stripe charges that card instead of the default card.
"""

from __future__ import annotations

from typing import Any

import pytest

from operate.align_cards import align_cards
from operate.errors import OperateError
from operate.stripe_keys import stripe_client
from tests.support.deployed import TEST_KEY, Deployed, a_deployed_stack


def customer(client: Any, *, default: bool) -> tuple[str, str]:
    """Create a customer with two cards. With `default`, the second card is the customer's default.

    Return the ids of the customer and of the first card.
    """
    made = client.v1.customers.create({"name": "Ada"}).id
    pinned, other = (
        client.v1.payment_methods.attach(card, {"customer": made}).id
        for card in ("pm_card_visa", "pm_card_mastercard")
    )
    if default:
        client.v1.customers.update(made, {"invoice_settings": {"default_payment_method": other}})
    return made, pinned


def subscription(client: Any, owner: str, method: str | None, **metadata: str) -> str:
    product = client.v1.products.create({"name": "Renewal"}).id
    data = {"currency": "eur", "product": product, "recurring": {"interval": "year"}, "unit_amount": 1000}
    given = {"customer": owner, "items": [{"price_data": data}], "metadata": metadata}
    if method is not None:
        given["default_payment_method"] = method
    return str(client.v1.subscriptions.create(given).id)


def pinned_of(client: Any, subscription_id: str) -> str | None:
    found = client.v1.subscriptions.retrieve(subscription_id).to_dict()["default_payment_method"]
    return None if found is None else str(found)


def default_of(client: Any, owner: str) -> str:
    return str(client.v1.customers.retrieve(owner).to_dict()["invoice_settings"]["default_payment_method"])


def connected(deployed: Deployed) -> Any:
    deployed.store({"api_key": TEST_KEY, "webhook_secrets": "whsec_x"})
    return stripe_client(TEST_KEY, deployed.stack)


def test_the_default_card_pays_the_next_terms() -> None:
    with a_deployed_stack() as deployed:
        client = connected(deployed)
        owner, pinned = customer(client, default=True)
        default = default_of(client, owner)
        renewal = subscription(client, owner, pinned, order_id="1")

        assert align_cards(deployed.account, deployed.stack, deployed.said.append) == 1

        assert pinned_of(client, renewal) == default_of(client, owner) == default != pinned
        assert align_cards(deployed.account, deployed.stack, deployed.said.append) == 0


def test_a_customer_without_a_default_card_gets_one() -> None:
    with a_deployed_stack() as deployed:
        client = connected(deployed)
        owner, pinned = customer(client, default=False)
        renewals = [subscription(client, owner, pinned, order_id=str(number)) for number in range(3)]

        assert align_cards(deployed.account, deployed.stack, deployed.said.append) == 0

        assert default_of(client, owner) == pinned
        assert [pinned_of(client, renewal) for renewal in renewals] == [pinned] * 3


def test_a_subscription_of_another_shop_keeps_its_card() -> None:
    with a_deployed_stack() as deployed:
        client = connected(deployed)
        owner, pinned = customer(client, default=True)
        foreign = subscription(client, owner, pinned, shop="another")
        unpinned = subscription(client, owner, None, order_id="1")

        assert align_cards(deployed.account, deployed.stack, deployed.said.append) == 0
        assert (pinned_of(client, foreign), pinned_of(client, unpinned)) == (pinned, None)


def test_an_unconnected_stack_is_refused() -> None:
    with a_deployed_stack() as deployed, pytest.raises(OperateError, match="make connect-stripe"):
        align_cards(deployed.account, deployed.stack, deployed.said.append)
