from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests
import stripe

from tests.conformance.stripe_adapter.shop import API_KEY, NEW_SECRET, Shop, Wire
from tests.support.stripe_place import a_place, body_of, patient


@pytest.fixture
def shop(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    send = patient(requests.Session.request, lambda response: int(response.status_code))
    with a_place(request, API_KEY, webhook_secret=NEW_SECRET) as place:
        if place.server is not None:
            place.server.controls.set(attach_decline_cards=True, sepa_settles=False)

        def watched(session: requests.Session, method: str, url: str, **how: Any) -> requests.Response:
            response: requests.Response = send(session, method, url, **how)
            place.saw(method, url, body_of(response))
            return response

        wire = Wire(watched)

        def through_the_wire(session: requests.Session, *args: Any, **how: Any) -> requests.Response:
            return wire.request(session, *args, **how)

        monkeypatch.setattr(requests.Session, "request", through_the_wire)
        client = stripe.StripeClient(place.key, base_addresses={"api": place.url}, max_network_retries=0)
        yield Shop(place, client, wire)
        wire.spoil(None)
        if place.server is None:
            place.remove_what_was_made(client)
