"""The bodies of the requests about account webhooks."""

from __future__ import annotations

import datetime as dt
import re
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from hosting_orders.contracts.operation import Body, RequestFacts
from hosting_orders.contracts.vendor.requests import Strict, checked, one_line
from hosting_orders.domain.callback_url import MAX_URL_LENGTH
from hosting_orders.domain.webhook import MAX_PATTERNS
from hosting_orders.usecases.manage_webhooks import WebhookRequest

from . import operations

_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)")


def _moment(text: str) -> str:
    try:
        if not _DATE_TIME.fullmatch(text):
            raise ValueError
        dt.datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError):
        raise PydanticCustomError(
            "no_date_time", "must be a date and time, such as 2026-11-27T09:00:00Z"
        ) from None
    return text


Url = Annotated[str, StringConstraints(min_length=1, max_length=MAX_URL_LENGTH)]
Events = Annotated[
    list[Annotated[str, StringConstraints(max_length=100)]], Field(min_length=1, max_length=MAX_PATTERNS)
]
Description = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=200), AfterValidator(one_line)
]


class CreateWebhook(Strict):
    url: Url
    events: Events
    description: Description = ""
    enabled: bool = True


class ChangeWebhook(Strict):
    """A missing field keeps its value. Null is refused."""

    url: Url = ""
    events: Events = Field(default_factory=list)
    description: Description = ""
    enabled: bool = True


class TestWebhook(Strict):
    type: Annotated[str, StringConstraints(max_length=100)] | None = None


class ReplayWebhooks(Strict):
    since: Annotated[str, AfterValidator(_moment)]


def _create(body: object, facts: RequestFacts) -> WebhookRequest:
    given = checked(CreateWebhook, body)
    return WebhookRequest(
        given.url,
        tuple(given.events),
        given.description,
        given.enabled,
        idempotency_key=facts.key,
        fingerprint=facts.fingerprint,
    )


def _change(body: object, _: RequestFacts) -> WebhookRequest:
    given = checked(ChangeWebhook, body)
    sent = {name: getattr(given, name) for name in given.model_fields_set}
    if "events" in sent:
        sent["events"] = tuple(sent["events"])
    return WebhookRequest(**sent)


def _type(body: object, _: RequestFacts) -> str | None:
    return checked(TestWebhook, body).type


def _since(body: object, _: RequestFacts) -> int:
    moment = dt.datetime.fromisoformat(checked(ReplayWebhooks, body).since)
    return int(moment.timestamp() * 1000)


CREATE_WEBHOOK = operations.CREATE_WEBHOOK.taking(Body(CreateWebhook, _create))
CHANGE_WEBHOOK = operations.CHANGE_WEBHOOK.taking(Body(ChangeWebhook, _change))
TEST_WEBHOOK = operations.TEST_WEBHOOK.taking(Body(TestWebhook, _type))
REPLAY_WEBHOOKS = operations.REPLAY_WEBHOOKS.taking(Body(ReplayWebhooks, _since))
