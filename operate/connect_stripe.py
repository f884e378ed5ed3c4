"""`make connect-stripe`: create the webhook endpoint at Stripe, and store the stack's key and signing secret.

Each step can be repeated, and a crash between two steps loses no event. First a new endpoint is created. Then its
secret is stored beside the old secret. The old endpoint is deleted last.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from hosting_orders.adapters.stripe.webhooks import EVENTS
from hosting_orders.bootstrap import secret_values
from operate.errors import OperateError
from operate.secrets import API_KEY, WEBHOOK_ENDPOINT, WEBHOOK_SECRETS, read_secret, write_secret
from operate.stacks import Cloud, Stack
from operate.stripe_keys import (
    is_live,
    missing_rights,
    mode_of,
    refuse_live_key_of_stand_ins,
    stored_mode,
    stripe_client,
)

if TYPE_CHECKING:
    import stripe

Document = dict[str, Any]
Confirm = Callable[[str], bool]
Report = Callable[[str], None]


def connect_stripe(cloud: Cloud, stack: Stack, key: str, confirm: Confirm, report: Report) -> None:
    """Store the key, and keep or create the webhook endpoint. After an interruption, another call continues.

    Raises OperateError when the key is not suitable, when the operator declines a change, or when Stripe refuses.
    """
    refuse_live_key_of_stand_ins(stack, key)
    live = is_live(key)
    manager, arn = cloud.client("secretsmanager"), stack.resources["StripeSecret"]
    stored = read_secret(manager, arn)
    before = stored_mode(stored)
    changed = before is not None and before != live
    if changed:
        _ask(confirm, f"The stack {stack.name} changes from {mode_of(not live)} to {mode_of(live)} mode.")
    client = stripe_client(key, stack)
    _check_rights(client)

    import stripe

    url = stack.output("StripeWebhookUrl")
    try:
        found = _of_stack(client, url, stored)
        known = stored.get(WEBHOOK_ENDPOINT) in [each["id"] for each in found]
        if WEBHOOK_ENDPOINT in stored and key != stored[API_KEY] and not changed and not known:
            _ask(
                confirm,
                "The stored webhook endpoint is not in this key's account, so this is another Stripe account.",
            )
        kept = _kept(found, stored, stripe.api_version)
        if kept is not None:
            change: Any = {"url": url, "enabled_events": list(EVENTS), "disabled": False}
            client.v1.webhook_endpoints.update(kept["id"], change)
            write_secret(manager, arn, {**stored, API_KEY: key})
            report(f"The webhook endpoint {kept['id']} is kept, with {len(EVENTS)} types of events.")
        else:
            kept = _created(client, stack, url)
            secrets = [
                kept["secret"],
                *(secret_values(stored.get(WEBHOOK_SECRETS, "")) if found and not changed else ()),
            ]
            new = {API_KEY: key, WEBHOOK_SECRETS: ",".join(secrets), WEBHOOK_ENDPOINT: kept["id"]}
            write_secret(manager, arn, new)
            report(f"The webhook endpoint {kept['id']} is created, with {len(EVENTS)} types of events.")
        for old in found:
            if old["id"] != kept["id"]:
                client.v1.webhook_endpoints.delete(old["id"])
                report(f"The old webhook endpoint {old['id']} is deleted.")
    except stripe.StripeError as error:
        raise OperateError(f"Stripe refused: {error.user_message or type(error).__name__}") from None
    if changed:
        _delete_of_other_mode(stack, stored, url, report)
    report(
        f"The {mode_of(live)} key and the signing secret are stored. Functions use them within ten minutes."
    )


def _ask(confirm: Confirm, change: str) -> None:
    question = f"{change} Existing orders can then no longer be charged, refunded or renewed."
    if not confirm(question):
        raise OperateError("Nothing was changed.")


def _check_rights(client: stripe.StripeClient) -> None:
    import stripe

    try:
        missing = missing_rights(client)
    except stripe.StripeError as error:
        raise OperateError(f"Stripe cannot be reached: {type(error).__name__}.") from None
    if missing:
        rights = "\n".join(f"  {right.name}: {right.access} ({right.why})" for right in missing)
        raise OperateError(
            f"The key lacks these rights, so nothing was stored:\n{rights}\nSee docs/go-live.md."
        )


def _of_stack(client: stripe.StripeClient, url: str, stored: Document) -> list[Document]:
    """The endpoints with the stack's address, and the stored endpoint even if it has another address."""
    pages = client.v1.webhook_endpoints.list({"limit": 100}).auto_paging_iter()
    endpoints = [each.to_dict() for each in pages]
    return [each for each in endpoints if each["url"] == url or each["id"] == stored.get(WEBHOOK_ENDPOINT)]


def _created(client: stripe.StripeClient, stack: Stack, url: str) -> Document:
    """Create the endpoint. Only this response contains the endpoint's secret."""
    import stripe

    wanted: Any = {
        "url": url,
        "enabled_events": list(EVENTS),
        "api_version": stripe.api_version,
        "description": f"Hosting Orders, stack {stack.name}",
        "metadata": {"stack": stack.name},
    }
    return client.v1.webhook_endpoints.create(wanted).to_dict()


def _kept(found: list[Document], stored: Document, api_version: str) -> Document | None:
    """The endpoint whose secret is stored.

    None if there is no such endpoint, or if it has an old API version, which Stripe cannot change.
    """
    for endpoint in found:
        if endpoint["id"] == stored.get(WEBHOOK_ENDPOINT) and stored.get(WEBHOOK_SECRETS):
            return endpoint if endpoint["api_version"] == api_version else None
    return None


def _delete_of_other_mode(stack: Stack, stored: Document, url: str, report: Report) -> None:
    """Delete the endpoints of the other mode, because the new key cannot read the events that they send."""
    import stripe

    client = stripe_client(stored[API_KEY], stack)
    try:
        for endpoint in _of_stack(client, url, stored):
            client.v1.webhook_endpoints.delete(endpoint["id"])
            report(f"The endpoint {endpoint['id']} of the other mode is deleted.")
    except stripe.StripeError:
        report(f"The old key cannot delete the other mode's endpoint {url}. Delete it in Stripe's dashboard.")
