"""How many requests to Stripe an order makes. Stripe limits the requests per second (docs/money.md)."""

from __future__ import annotations

import re
from collections import Counter

from hosting_orders.adapters.stripe.webhooks import EVENTS
from tests.support.world import World, a_world

# How many requests one order makes: in total, and to the endpoint that gets the most of them.
AN_ORDER = 16
TO_ONE_ENDPOINT = 5
# Stripe's limits in requests per second (https://docs.stripe.com/rate-limits), and how many orders per second stay
# below them.
LIVE, SANDBOX, ENDPOINT = 100, 25, 25
ORDERS_LIVE = min(LIVE // AN_ORDER, ENDPOINT // TO_ONE_ENDPOINT)
ORDERS_SANDBOX = min(SANDBOX // AN_ORDER, ENDPOINT // TO_ONE_ENDPOINT)


def requests_of(world: World) -> Counter[str]:
    """Count the requests by endpoint."""
    return Counter(
        f"{one.method} {re.sub(r'/[a-z]+_[0-9a-zA-Z]{8,}', '/:id', one.path)}"
        for one in world.stripe.requests
    )


def test_a_paid_and_delivered_order_makes_few_requests() -> None:
    with a_world() as world:
        before = requests_of(world)
        reply = world.place("ready")
        for event in world.fresh_stripe_events():
            if event["type"] in EVENTS:
                world.stripe_webhook(event)
        world.run()
        assert world.order(reply.body["orders"][0]["id"]).status == "completed"
        made = requests_of(world) - before
    assert made.total() == AN_ORDER, made
    assert max(made.values()) == TO_ONE_ENDPOINT, made
