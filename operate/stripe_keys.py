"""Stripe's API keys: their mode, and the rights that a restricted key needs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from operate.errors import OperateError
from operate.stacks import Stack

if TYPE_CHECKING:
    import stripe

_KEY = re.compile(r"(sk|rk)_(live|test)_[A-Za-z0-9_]{8,}")


@dataclass(frozen=True, slots=True)
class Right:
    """A right of a restricted key. `name` is its name in Stripe's dashboard.

    The right gives access to the resource `path` of Stripe's API. `example` is the id of an object that does not exist,
    so a test of the right changes nothing.
    """

    name: str
    access: str
    path: str
    example: str = "none"
    why: str = ""


# https://docs.stripe.com/keys/restricted-api-keys. The access `write` includes `read`.
RIGHTS = (
    Right("Customers", "write", "customers", "cus_none", "new customers, and their default payment methods"),
    Right("Payment Methods", "read", "payment_methods", why="which card or account an order charges"),
    Right("Invoices", "write", "invoices", "in_none", "each charge is an invoice"),
    Right("Credit notes", "write", "credit_notes", "cn_none", "refunds of invoices"),
    Right("PaymentIntents", "read", "payment_intents", why="the state of a payment"),
    Right("Charges and Refunds", "write", "refunds", "re_none", "refunds of payments on Stripe's page"),
    Right("Checkout Sessions", "write", "checkout/sessions", "cs_test_none", "payments on Stripe's page"),
    Right("Products", "write", "products", "prod_none", "the product of a renewal"),
    Right("Prices", "write", "prices", "price_none", "inline prices of renewals and sessions"),
    Right("Subscriptions", "write", "subscriptions", "sub_none", "renewals"),
    Right(
        "Webhook Endpoints",
        "write",
        "webhook_endpoints",
        "we_none",
        "`make connect-stripe` registers our webhook endpoint",
    ),
)


def is_live(key: str) -> bool:
    """Whether the key is live.

    Raises OperateError if `key` is not a secret or restricted key. The error's text never contains the key.
    """
    if key.startswith("pk_"):
        raise OperateError("This is a publishable key (pk_…). The stack needs a secret or a restricted key.")
    if key.startswith("whsec_"):
        raise OperateError("This is the signing secret of a webhook (whsec_…), not an API key.")
    found = _KEY.fullmatch(key)
    if not found:
        raise OperateError("This is not a secret or restricted key of Stripe (sk_… or rk_…).")
    return found[2] == "live"


def refuse_live_key_of_stand_ins(stack: Stack, key: str) -> None:
    """Raises OperateError when a live key would pay for what a stand-in delivers."""
    if is_live(key) and stack.stand_ins:
        raise OperateError(
            f"The stack {stack.name} uses stand-ins ({', '.join(stack.stand_ins)}), so it must not have a live key."
        )


def stripe_client(key: str, stack: Stack) -> stripe.StripeClient:
    import stripe

    base = stack.parameters.get("StripeApiBase")
    return stripe.StripeClient(key, base_addresses={"api": base} if base else None, max_network_retries=2)


def missing_rights(client: stripe.StripeClient) -> list[Right]:
    """The rights that the key lacks. Nothing changes at Stripe, because all writes are to objects that do not exist.

    Raises OperateError when Stripe does not accept the key.
    """
    return [right for right in RIGHTS if not _has(client, right)]


def _has(client: stripe.StripeClient, right: Right) -> bool:
    import stripe

    path, parameters = f"/v1/{right.path}", {"limit": "1"}
    method = "get"
    if right.access == "write":
        method, path, parameters = "post", f"{path}/{right.example}", {}
    try:
        answer = client.raw_request(method, path, **parameters)
    except stripe.PermissionError:
        return False
    except stripe.AuthenticationError:
        raise OperateError("Stripe does not accept this key.") from None
    except stripe.InvalidRequestError:
        # The object does not exist, or a parameter is missing. Stripe checks the right first, so the key has the right.
        return True
    return bool(answer.code < 400)


def mode_of(live: bool) -> str:
    return "live" if live else "test"


def stored_mode(document: Mapping[str, str]) -> bool | None:
    """Whether the API key in a secret's `document` is live. None if the document has no key."""
    key = document.get("api_key")
    return is_live(key) if key else None
