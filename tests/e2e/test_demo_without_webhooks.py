"""With an API key of the real Stripe, `make demo` works without webhooks.

In this test, a stand-in that sends no webhooks takes the place of Stripe.
"""

from __future__ import annotations

import contextlib
import io
import time
import uuid
from pathlib import Path

from local.client import call
from local.demo import DemoAccounts, show_sample_order, write_demo_file
from local.stack import Stack, running_stack
from local.stripe_standin import StripeStandIn
from local.terminal import Terminal

PATIENCE_SECONDS = 40.0


def test_the_demo_and_a_debit_complete_without_webhooks(tmp_path: Path) -> None:
    with (
        StripeStandIn(sepa_settles_after=2.0) as stripe,
        running_stack(
            tmp_path,
            stripe_api_key="sk_test_of_a_sandbox",
            stripe_address=stripe.url,
            wait_scale=0.1,
            platform_delay=0.3,
            registrar_delay=0.3,
            schedule_seconds=1.0,
        ) as stack,
    ):
        accounts = write_demo_file(stack)
        with contextlib.redirect_stdout(io.StringIO()) as output:
            show_sample_order(stack, accounts, Terminal())
        assert "order completed; the page says: Uw website is klaar" in output.getvalue()
        assert debit_completes(stack, accounts)
        assert stripe.objects("webhook_endpoint") == []
        assert stripe.deliveries == []


def debit_completes(stack: Stack, accounts: DemoAccounts) -> bool:
    account = accounts["sepa"]
    headers = {"Authorization": f"Bearer {account['user_key']}", "X-Auth-Account": account["id"]}
    site = {"name": "debit", "variant": "vanilla", "location": "ams", "plan": "basic", "term": "monthly"}
    key = {"Idempotency-Key": str(uuid.uuid4())}
    placed = call("POST", f"{stack.api}/api/orders", {"site": site}, headers={**headers, **key})
    assert placed.status == 202, placed.body
    assert placed.json()["payment"]["status"] == "processing"
    address = f"{stack.api}/api/orders/{placed.json()['orders'][0]['id']}"
    deadline = time.monotonic() + PATIENCE_SECONDS
    while call("GET", address, headers=headers).json()["order"]["status"] != "completed":
        if time.monotonic() > deadline:
            return False
        time.sleep(0.25)
    return True
