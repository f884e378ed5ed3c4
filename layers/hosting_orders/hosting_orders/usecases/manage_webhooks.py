"""Create, change, test and delete an account's webhook endpoints, and send deliveries again."""

from __future__ import annotations

import base64
import math
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from hosting_orders.domain.api_key import request_token
from hosting_orders.domain.callback_url import url_problem
from hosting_orders.domain.codes import Code
from hosting_orders.domain.errors import (
    AccessDeniedError,
    ConcurrentUpdateError,
    IdempotencyKeyReusedError,
    InvalidRequestError,
    NotFoundError,
    RateLimitedError,
    WebhookDisabledError,
    WebhookExistsError,
)
from hosting_orders.domain.webhook import (
    CREATION_KEPT,
    KEPT,
    MAX_SECRETS,
    SealedSecret,
    WebhookCreation,
    WebhookDelivery,
    WebhookEndpoint,
    delivery_of,
    first_message_id,
    new_endpoint_id,
)
from hosting_orders.domain.webhook_events import EventType, WebhookEvent, event_type, is_pattern

from .authenticate import Caller
from .limit_rate import Bucket, RateLimit, count_request, refuse_excess
from .ports import Services
from .read_webhooks import find_delivery, find_webhook
from .send_webhooks import EventBody, attempt, secret_context, secrets_of

TESTS = RateLimit(requests=10, seconds=60)
"""The limit for one account. A test keeps a function busy until the receiver answers."""

REPLAYED = 500
"""Maximum deliveries of one replay. `Replay.next_since` says where to continue."""

_SECRET_BYTES = 32
_TRIES = 6


@dataclass(frozen=True, slots=True)
class WebhookRequest:
    """A field with None is not changed."""

    url: str | None = None
    events: tuple[str, ...] | None = None
    description: str | None = None
    enabled: bool | None = None
    idempotency_key: str | None = None  # only when an endpoint is created
    fingerprint: str = ""


@dataclass(frozen=True, slots=True)
class WebhookSecret:
    endpoint: WebhookEndpoint
    secret: str | None = field(repr=False)  # shown once; a replay has None
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class Replay:
    replayed: int
    next_since: int | None  # epoch ms; None if nothing is left


def create_webhook(
    services: Services, caller: Caller, request: WebhookRequest, *, allow_loopback: bool = False
) -> WebhookSecret:
    """Raises InvalidRequestError, TooManyWebhooksError or IdempotencyKeyReusedError."""
    _check(request, allow_loopback=allow_loopback)
    now, account_id, endpoint_id = services.clock.now(), caller.scope.id, new_endpoint_id()
    creation = None
    if request.idempotency_key is not None:
        token = request_token("webhook", account_id, request.idempotency_key)
        creation = WebhookCreation(
            account_id, token, request.fingerprint, endpoint_id, (now + CREATION_KEPT) // 1000
        )
        earlier = services.webhooks.creation(account_id, token)
        if earlier is not None:
            return _replayed(services, earlier, request)
    secret = _new_secret()
    endpoint = _new(services, caller, request, endpoint_id, secret)
    try:
        return WebhookSecret(services.webhooks.add_endpoint(endpoint, creation), secret)
    except WebhookExistsError:
        assert creation is not None
        earlier = services.webhooks.creation(account_id, creation.token)
        return _replayed(services, earlier or creation, request)


def _new(
    services: Services, caller: Caller, request: WebhookRequest, endpoint_id: str, secret: str
) -> WebhookEndpoint:
    assert request.url is not None
    account_id, now = caller.scope.id, services.clock.now()
    sealed = services.cipher.seal(secret, secret_context(account_id, endpoint_id))
    endpoint = WebhookEndpoint(
        account_id=account_id,
        id=endpoint_id,
        url=request.url,
        patterns=(),
        created_at=now,
        updated_at=now,
        secrets=(SealedSecret(sealed, now),),
        test=caller.credential.test,
    )
    return _changed(endpoint, request, now)


def _replayed(services: Services, earlier: WebhookCreation, request: WebhookRequest) -> WebhookSecret:
    if earlier.fingerprint != request.fingerprint:
        raise IdempotencyKeyReusedError(
            "This Idempotency-Key was used before with another request; use a new one."
        )
    endpoint = services.webhooks.endpoint(earlier.account_id, earlier.endpoint_id)
    if endpoint is None:
        raise IdempotencyKeyReusedError(
            "The endpoint of this Idempotency-Key was deleted; use a new Idempotency-Key."
        )
    return WebhookSecret(endpoint, None, replayed=True)


def change_webhook(
    services: Services,
    caller: Caller,
    endpoint_id: str,
    request: WebhookRequest,
    *,
    allow_loopback: bool = False,
) -> WebhookEndpoint:
    """Raises NotFoundError, AccessDeniedError or InvalidRequestError."""
    _changeable(services, caller, endpoint_id)  # an unknown endpoint is a 404, even if the body is invalid
    _check(request, allow_loopback=allow_loopback)
    now = services.clock.now()
    return _change(services, caller, endpoint_id, lambda current: _changed(current, request, now))


def remove_webhook(services: Services, caller: Caller, endpoint_id: str) -> WebhookEndpoint:
    """Raises NotFoundError or AccessDeniedError."""
    endpoint = _changeable(services, caller, endpoint_id)
    if not services.webhooks.remove_endpoint(caller.scope.id, endpoint_id):
        raise NotFoundError("There is no such webhook endpoint.")
    return endpoint


def rotate_secret(services: Services, caller: Caller, endpoint_id: str) -> WebhookSecret:
    """Add a secret. The former secrets still sign for a day.

    Raises NotFoundError, AccessDeniedError or RateLimitedError.
    """
    secret = _new_secret()
    sealed = services.cipher.seal(secret, secret_context(caller.scope.id, endpoint_id))
    now = services.clock.now()

    def rotated(current: WebhookEndpoint) -> WebhookEndpoint:
        valid = current.secrets_at(now)
        if len(valid) >= MAX_SECRETS:
            # Dropping an old secret early would break a receiver that still uses it.
            ends = min(each.expires_at for each in valid if each.expires_at is not None)
            raise RateLimitedError(
                f"At most {MAX_SECRETS} secrets are valid at the same time; wait until the oldest has ended.",
                math.ceil((ends - now) / 1000),
            )
        return current.rotated(sealed, now)

    _changeable(services, caller, endpoint_id)
    return WebhookSecret(_change(services, caller, endpoint_id, rotated), secret)


def try_webhook(
    services: Services, caller: Caller, endpoint_id: str, kind: str | None, body: EventBody
) -> WebhookDelivery:
    """Send an example event now, without retries.

    Raises NotFoundError, InvalidRequestError, AccessDeniedError or RateLimitedError.
    """
    endpoint = find_webhook(services, caller, endpoint_id)
    wanted = EventType.TEST if kind is None else _type_of(kind)
    if wanted is not EventType.TEST and not caller.credential.test:
        raise AccessDeniedError(
            Code.TEST_KEY_REQUIRED, f"Only a test key may send an example of `{wanted}`; send `webhook.test`."
        )
    standing = count_request(services, Bucket.WEBHOOK_TEST, f"account#{caller.scope.id}", TESTS)
    refuse_excess(standing, "tests")
    now = services.clock.now()
    event = WebhookEvent(
        wanted,
        caller.scope.id,
        now,
        f"example:{secrets.token_hex(16)}",
        endpoint_id=endpoint_id,
        example=True,
    )
    delivery = delivery_of(event, endpoint_id, now)
    answer = attempt(services, endpoint, delivery, secrets_of(services, endpoint), body)
    tried = delivery.tried(answer, services.clock.now())
    services.webhooks.add_delivery(tried)
    return tried


def redeliver_webhook(
    services: Services, caller: Caller, endpoint_id: str, message_id: str
) -> WebhookDelivery:
    """Make the delivery due now, with the same id. Raises the errors of `replay_webhooks`."""
    endpoint = _enabled(services, caller, endpoint_id)
    for _ in range(_TRIES):
        delivery = find_delivery(services, endpoint, message_id)
        try:
            return services.webhooks.save_delivery(delivery.again(services.clock.now()))
        except ConcurrentUpdateError:
            continue
    raise ConcurrentUpdateError("the delivery was changed by other processes in every try")


def replay_webhooks(services: Services, caller: Caller, endpoint_id: str, since: int) -> Replay:
    """Make undelivered events due now, beginning with those of `since` (epoch ms).

    Raises NotFoundError, AccessDeniedError or WebhookDisabledError.
    """
    endpoint = _enabled(services, caller, endpoint_id)
    now = services.clock.now()
    first = first_message_id(max(since, now - KEPT))
    found = services.webhooks.deliveries_since(endpoint.account_id, endpoint_id, REPLAYED + 1, first=first)
    replayed = 0
    for delivery in found[:REPLAYED]:
        if not delivery.can_be_replayed or delivery.event.example:
            continue
        try:
            services.webhooks.save_delivery(delivery.replayed(now))
            replayed += 1
        except ConcurrentUpdateError:
            continue  # another request has just made it due
    return Replay(replayed, found[REPLAYED].event.at if len(found) > REPLAYED else None)


def _changeable(services: Services, caller: Caller, endpoint_id: str) -> WebhookEndpoint:
    endpoint = find_webhook(services, caller, endpoint_id)
    if caller.credential.test and not endpoint.test:
        raise AccessDeniedError(Code.TEST_KEY, "A test key cannot change the endpoint of a live key.")
    return endpoint


def _enabled(services: Services, caller: Caller, endpoint_id: str) -> WebhookEndpoint:
    endpoint = _changeable(services, caller, endpoint_id)
    if not endpoint.enabled:
        raise WebhookDisabledError("The endpoint is switched off; enable it with PATCH first.")
    return endpoint


def _change(
    services: Services,
    caller: Caller,
    endpoint_id: str,
    to: Callable[[WebhookEndpoint], WebhookEndpoint],
) -> WebhookEndpoint:
    for _ in range(_TRIES):
        current = find_webhook(services, caller, endpoint_id)
        changed = to(current)
        if changed is current:
            return current
        try:
            return services.webhooks.save_endpoint(changed)
        except ConcurrentUpdateError:
            continue
    raise ConcurrentUpdateError("the webhook endpoint was changed by other processes in every try")


def _changed(endpoint: WebhookEndpoint, request: WebhookRequest, now: int) -> WebhookEndpoint:
    changed = endpoint
    if request.url is not None and request.url != changed.url:
        changed = replace(changed, url=request.url, failing_since=None)
    if request.events is not None:
        changed = changed.subscribed_to(request.events, now)
    if request.description is not None:
        changed = replace(changed, description=request.description)
    if request.enabled is not None:
        changed = changed.switched(request.enabled, now)
    return endpoint if changed == endpoint else replace(changed, updated_at=now)


def _check(request: WebhookRequest, *, allow_loopback: bool) -> None:
    if request.url is not None and (problem := url_problem(request.url, allow_loopback=allow_loopback)):
        raise InvalidRequestError(Code.INVALID_WEBHOOK_URL, f"`url` cannot be used: {problem}.", "/url")
    _check_patterns(request.events or ())


def _check_patterns(patterns: Sequence[str]) -> None:
    for place, pattern in enumerate(patterns):
        if not is_pattern(pattern):
            raise _unknown(pattern, f"/events/{place}", also=" and no pattern such as `order.*`")


def _type_of(text: str) -> EventType:
    kind = event_type(text)
    if kind is None:
        raise _unknown(text, "/type")
    return kind


def _unknown(text: str, pointer: str, also: str = "") -> InvalidRequestError:
    return InvalidRequestError(
        Code.UNKNOWN_EVENT_TYPE,
        f"{text[:60]!a} is no event type{also}; `GET /api/webhooks/event-types` lists the types.",
        pointer,
    )


def _new_secret() -> str:
    return "whsec_" + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()
