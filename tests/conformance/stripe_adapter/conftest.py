from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests
import stripe

from local.stripe_standin import StripeStandIn
from tests.conformance.stripe_adapter.shop import (
    API_KEY,
    NEW_SECRET,
    Shop,
    Wire,
    adapter,
)


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    wire = Wire(requests.Session.request)
    with StripeStandIn(webhook_url=None, webhook_secret=NEW_SECRET) as standin:
        standin.controls.set(attach_decline_cards=True, sepa_settles=False)
        client = stripe.StripeClient(API_KEY, base_addresses={"api": standin.url}, max_network_retries=0)
        api = adapter(standin)

        def through_the_wire(session: requests.Session, *args: Any, **how: Any) -> requests.Response:
            return wire.request(session, *args, **how)

        monkeypatch.setattr(requests.Session, "request", through_the_wire)
        yield Shop(standin, client, api, wire)
