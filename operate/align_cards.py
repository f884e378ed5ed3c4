"""`make align-cards`: charge the renewals of old orders to the customer's current default payment method.

An earlier release stored the order's card in each subscription. That card takes precedence over the customer's default.
Stripe's API can replace that card, but cannot remove it. So this command replaces it with the customer's default.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from operate.errors import OperateError
from operate.secrets import API_KEY, read_secret
from operate.stacks import Cloud, Stack
from operate.stripe_keys import stripe_client

Report = Callable[[str], None]


def align_cards(cloud: Cloud, stack: Stack, report: Report) -> int:
    """Return how many subscriptions were changed. A repeat changes nothing. Raises OperateError."""
    stored = read_secret(cloud.client("secretsmanager"), stack.resources["StripeSecret"])
    if API_KEY not in stored:
        raise OperateError("The stack is not connected: run `make connect-stripe` first.")
    import stripe

    client = stripe_client(stored[API_KEY], stack)
    changed = 0
    try:
        # If no `status` is given, Stripe lists all subscriptions that are not cancelled.
        for listed in client.v1.subscriptions.list({"limit": 100}).auto_paging_iter():
            found = listed.to_dict()
            pinned = found["default_payment_method"]
            if pinned is None or "order_id" not in (found["metadata"] or {}):
                continue
            default = _default_of(client, found["customer"]) or _made_default(
                client, found["customer"], pinned
            )
            if default == pinned:
                continue
            change: Any = {"default_payment_method": default}
            client.v1.subscriptions.update(found["id"], change)
            report(f"{found['id']}: charged to {default} from now on, not to {pinned}.")
            changed += 1
    except stripe.StripeError as error:
        raise OperateError(f"Stripe refused: {error.user_message or type(error).__name__}") from None
    report(f"{changed} subscriptions were changed.")
    return changed


def _default_of(client: Any, customer_id: str) -> str | None:
    settings = client.v1.customers.retrieve(customer_id).to_dict()["invoice_settings"]
    found: str | None = settings["default_payment_method"]
    return found


def _made_default(client: Any, customer_id: str, method_id: str) -> str:
    change: Any = {"invoice_settings": {"default_payment_method": method_id}}
    client.v1.customers.update(customer_id, change)
    return method_id
