"""Webhook endpoints: https://docs.stripe.com/api/webhook_endpoints.

Unlike at Stripe, an endpoint may be on this machine. It may then use plain HTTP.
"""

from __future__ import annotations

import secrets
from urllib.parse import urlsplit

from .customers import merge_metadata
from .errors import bad_parameter, refused
from .sdk_types import Json, copied
from .state import State

CREATE_SUPPORTED = frozenset(("url", "enabled_events", "api_version", "description", "metadata"))
UPDATE_SUPPORTED = frozenset(("url", "enabled_events", "disabled", "description", "metadata"))
MOST = 16

_LOOPBACK = ("127.0.0.1", "::1", "localhost")


def create(state: State, params: Json) -> Json:
    """Only this response contains the secret."""
    _check(params)
    if len(state.all("webhook_endpoint")) >= MOST:
        raise refused(f"You have reached the maximum of {MOST} test webhook endpoints.")
    endpoint = state.new(
        "webhook_endpoint",
        url=params["url"],
        enabled_events=params["enabled_events"],
        api_version=params.get("api_version"),
        description=params.get("description") or None,
        status="enabled",
        livemode=False,
    )
    merge_metadata(endpoint, params)
    secret = state.endpoint_secrets[endpoint["id"]] = f"whsec_{secrets.token_hex(16)}"
    return {**copied(endpoint), "secret": secret}


def retrieve(state: State, params: Json, endpoint_id: str) -> Json:
    return state.get("webhook_endpoint", endpoint_id)


def list_all(state: State, params: Json) -> list[Json]:
    return state.all("webhook_endpoint")


def update(state: State, params: Json, endpoint_id: str) -> Json:
    endpoint = state.get("webhook_endpoint", endpoint_id)
    _check(params)
    for name in ("url", "enabled_events"):
        if name in params:
            endpoint[name] = params[name]
    if "description" in params:
        endpoint["description"] = params["description"] or None
    if "disabled" in params:
        endpoint["status"] = "disabled" if params["disabled"] else "enabled"
    merge_metadata(endpoint, params)
    return endpoint


def delete(state: State, params: Json, endpoint_id: str) -> Json:
    state.forget(state.get("webhook_endpoint", endpoint_id))
    del state.endpoint_secrets[endpoint_id]
    return {"id": endpoint_id, "object": "webhook_endpoint", "deleted": True}


def wants(endpoint: Json, event_type: str) -> bool:
    enabled = endpoint["enabled_events"]
    return endpoint["status"] == "enabled" and ("*" in enabled or event_type in enabled)


def _check(params: Json) -> None:
    # The SDK lists the types of events, so `decode` has already refused unknown types.
    if "enabled_events" in params and not params["enabled_events"]:
        raise bad_parameter(
            "You must select at least one event.", "parameter_invalid_empty", "enabled_events"
        )
    if "url" in params:
        url = urlsplit(params["url"])
        local = url.hostname in _LOOPBACK
        if url.scheme not in ("https", "http") or not url.hostname or (url.scheme == "http" and not local):
            raise bad_parameter(
                "Invalid URL: An explicit scheme (such as https) must be provided.", "url_invalid", "url"
            )
