"""Requests and responses on the wire: form fields, list pages, `expand`.

https://docs.stripe.com/api/pagination
https://docs.stripe.com/api/expanding_objects
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qsl

from . import payments
from .errors import bad_parameter
from .sdk_types import Json, copied
from .state import State, as_answered

MAX_DEPTH = 4
DEFAULT_LIMIT = 10


def form_tree(encoded: str) -> Json:
    """Parse form fields into nested dictionaries: `a[b][0][c]=x` becomes {"a": {"b": {"0": {"c": "x"}}}}.

    In `a[]=x`, the empty brackets stand for the next free number.
    """
    tree: Json = {}
    for name, value in parse_qsl(encoded, keep_blank_values=True):
        keys = re.findall(r"\[([^\[\]]*)\]|([^\[\]]+)", name)
        path = [bracketed if bracketed or not plain else plain for bracketed, plain in keys]
        at = tree
        for key in path[:-1]:
            at = at.setdefault(key or str(len(at)), {})
            if not isinstance(at, dict):
                raise bad_parameter("Invalid object", None, path[0])
        at[path[-1] or str(len(at))] = value
    return tree


def page(entries: list[Json], params: Json, url: str) -> Json:
    """Return a page of the entries, newest first. `entries` must be sorted with the oldest first."""
    limit = params.get("limit", DEFAULT_LIMIT)
    if not 1 <= limit <= 100:
        raise bad_parameter("Limit must be between 1 and 100.", "parameter_invalid_integer", "limit")
    found = [entry for entry in reversed(entries) if _created_within(entry, params.get("created"))]
    ids = [entry["id"] for entry in found]
    more = False
    if after := params.get("starting_after"):
        found = found[_position(ids, after, "starting_after") + 1 :]
    if before := params.get("ending_before"):
        found = found[: _position(ids, before, "ending_before")]
        more = len(found) > limit
        found = found[-limit:]
    else:
        more = len(found) > limit
        found = found[:limit]
    return {"object": "list", "data": found, "has_more": more, "url": url}


def _position(ids: list[str], wanted: str, param: str) -> int:
    if wanted not in ids:
        raise bad_parameter(f"No such object: '{wanted}'", "resource_missing", param)
    return ids.index(wanted)


def _created_within(entry: Json, created: Any) -> bool:
    if created is None:
        return True
    at = entry["created"]
    if isinstance(created, int):
        return bool(at == created)
    compare: dict[str, Callable[[int], bool]] = {
        "gt": lambda bound: at > bound,
        "gte": lambda bound: at >= bound,
        "lt": lambda bound: at < bound,
        "lte": lambda bound: at <= bound,
    }
    return all(compare[name](bound) for name, bound in created.items())


def search_page(entries: list[Json], params: Json, url: str) -> Json:
    """Return a page of the results, newest first. The parameter `page` is the number of results on earlier pages."""
    limit = params.get("limit", DEFAULT_LIMIT)
    start = int(params["page"]) if str(params.get("page", "0")).isdigit() and params.get("page") else 0
    found = entries[::-1]
    end = start + limit
    return {
        "object": "search_result",
        "data": found[start:end],
        "has_more": end < len(found),
        "next_page": str(end) if end < len(found) else None,
        "url": url,
    }


# -- expand --------------------------------------------------------------------------------------------------


def expanded(state: State, answer: Json, paths: Iterable[str]) -> Json:
    """Return a copy of the response in which the ids at `paths` are replaced by their objects.

    The copy also has the fields that Stripe includes only on request (`_INCLUDED`), if `paths` names them.
    """
    if answer["object"] in ("list", "search_result"):
        answer = {**answer, "data": [as_answered(entry) for entry in answer["data"]]}
    else:
        answer = as_answered(answer)
    for path in paths:
        _expand(state, answer, path.split("."), path)
    return answer


def check_depth(path: str) -> None:
    if len(path.split(".")) > MAX_DEPTH:
        message = f"You cannot expand more than {MAX_DEPTH} levels of a property. Property: {path}"
        raise bad_parameter(message, None, "expand")


def _expand(state: State, at: Any, names: list[str], path: str) -> None:
    if isinstance(at, list):
        for entry in at:
            _expand(state, entry, names, path)
        return
    if at is None or not names:
        return
    name, rest = names[0], names[1:]
    include = _INCLUDED.get((at.get("object", ""), name))
    if include is not None and name not in at:
        at[name] = include(state, at)
    if name not in at:
        raise _not_expandable(path)
    value = at[name]
    if isinstance(value, str):
        referenced = state.find(value)
        if referenced is None:
            raise _not_expandable(path)
        value = at[name] = as_answered(referenced)
    elif not isinstance(value, (dict, list, type(None))):
        raise _not_expandable(path)
    _expand(state, value, rest, path)


def _not_expandable(path: str) -> Exception:
    return bad_parameter(f"This property cannot be expanded ({path}).", None, "expand")


def _invoice_payments(state: State, invoice: Json) -> Json:
    return {
        "object": "list",
        "data": copied(payments.payments_of(state, invoice)),
        "has_more": False,
        "url": f"/v1/invoices/{invoice['id']}/payments",
    }


def _confirmation_secret(state: State, invoice: Json) -> Json | None:
    intent = payments.intent_of(state, invoice)
    return intent and {"client_secret": intent["client_secret"], "type": "payment_intent"}


def _refunds_of_charge(state: State, charge: Json) -> Json:
    return {
        "object": "list",
        "data": copied(state.all("refund", charge=charge["id"])[::-1]),
        "has_more": False,
        "url": f"/v1/charges/{charge['id']}/refunds",
    }


def _line_items(state: State, session: Json) -> Json:
    items = [line.item for line in state.checkouts[session["id"]].lines]
    return {
        "object": "list",
        "data": copied(items[:DEFAULT_LIMIT]),
        "has_more": len(items) > DEFAULT_LIMIT,
        "url": f"/v1/checkout/sessions/{session['id']}/line_items",
    }


_INCLUDED: dict[tuple[str, str], Callable[[State, Json], Json | None]] = {
    ("invoice", "payments"): _invoice_payments,
    ("invoice", "confirmation_secret"): _confirmation_secret,
    ("charge", "refunds"): _refunds_of_charge,
    ("checkout.session", "line_items"): _line_items,
}
