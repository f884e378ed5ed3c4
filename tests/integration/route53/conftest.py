from __future__ import annotations

from collections.abc import Iterator

import pytest
from botocore.stub import Stubber

from hosting_orders.adapters.route53.registrar import Route53Registrar
from tests.integration.route53.stubs import Stubbed, client


@pytest.fixture
def stubbed() -> Iterator[Stubbed]:
    asking, submitting = client(), client()
    pauses: list[float] = []
    with Stubber(asking) as ask, Stubber(submitting) as submit:
        yield Stubbed(Route53Registrar(asking, submitting, pause=pauses.append), ask, submit, pauses)
        ask.assert_no_pending_responses()
        submit.assert_no_pending_responses()
