"""Events, for clients that missed a webhook: https://docs.stripe.com/api/events."""

from __future__ import annotations

from .errors import bad_parameter
from .sdk_types import Json
from .state import State

KEPT_SECONDS = 30 * 86_400
MAX_TYPES = 20


def retrieve(state: State, params: Json, event_id: str) -> Json:
    return state.get("event", event_id)


def list_all(state: State, params: Json) -> list[Json]:
    """The events of the last 30 days. A type in the request may end in `*`, which stands for any ending."""
    if "type" in params and "types" in params:
        raise bad_parameter("You may pass either type or types, not both.", "parameters_exclusive", "types")
    wanted = params.get("types") or ([params["type"]] if "type" in params else None)
    if wanted and len(wanted) > MAX_TYPES:
        raise bad_parameter(f"You may pass at most {MAX_TYPES} types.", None, "types")
    oldest = state.clock.now() - KEPT_SECONDS
    return [
        event
        for event in state.all("event")
        if event["created"] >= oldest and (wanted is None or any(_fits(event["type"], one) for one in wanted))
    ]


def _fits(event_type: str, wanted: str) -> bool:
    return event_type.startswith(wanted[:-1]) if wanted.endswith("*") else event_type == wanted
