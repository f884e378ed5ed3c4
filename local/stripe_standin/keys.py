"""API keys: https://docs.stripe.com/keys/restricted-api-keys. A restricted key has only the rights it was given."""

from __future__ import annotations

from collections.abc import Mapping

from .errors import StripeError, not_authorized, not_permitted

Rights = Mapping[str, str]
"""The access to each resource: `read` or `write`. `write` includes `read`.

The resource is usually the first part of the path after /v1, such as `customers`. `_UNDER` has the exceptions.
"""

_UNDER = {"checkout": "checkout/sessions", "invoice_payments": "invoices", "tax": "tax/settings"}


def refusal(rights: Mapping[str, Rights], key: str, method: str, path: str) -> StripeError | None:
    """The refusal of a request that the key does not permit, or None."""
    if key.startswith("sk_test_"):
        return None
    if not key.startswith("rk_test_"):
        return not_authorized(f"Invalid API Key provided: {key[:8]}****")
    part = path.removeprefix("/v1/").partition("/")[0]
    resource = _UNDER.get(part, part)
    wanted = "read" if method == "GET" else "write"
    given = rights.get(key, {}).get(resource)
    return None if given in (wanted, "write") else not_permitted(resource, wanted)
