"""Shared parts of the tables and forms on the stand-in's page at `/`."""

from __future__ import annotations

from local import html
from local.html import Markup, text

from .sdk_types import Json
from .state import State

SHOWN = 50

YES = {"true": "yes", "false": "no"}


def word(value: bool) -> str:
    return "true" if value else "false"


def newest(state: State, object_name: str) -> list[Json]:
    return state.all(object_name)[: -SHOWN - 1 : -1]


def who(state: State, customer: str | None) -> Markup:
    found = state.find(customer) if customer else None
    return html.markup(
        text((found or {}).get("name") or customer or ""), html.quiet(customer if found else "")
    )


def metadata(found: Json) -> Markup:
    lines = "<br>".join(
        text(f"{name} {value}") for name, value in found["metadata"].items() if name != "schema"
    )
    return html.markup("<small>", lines, "</small>")
