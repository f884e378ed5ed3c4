"""The part of Stripe's search query language that invoices need: https://docs.stripe.com/search.

metadata['cart']:'c1' AND status:'paid'      all conditions
total>1000 OR currency:'eur'                 any condition; AND and OR cannot be combined
-status:'draft'                              not
description~'hosting'                        contains
metadata['cart']:null                        is missing
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from .errors import bad_parameter
from .sdk_types import Json

FIELDS = frozenset(("created", "currency", "customer", "metadata", "number", "receipt_number", "status",
                    "subscription", "total"))  # fmt: skip

_CLAUSE = re.compile(
    r"""\s*(?P<negated>-)?(?P<field>\w+)(\[(?P<k>["'])(?P<key>[^"']+)(?P=k)\])?
        \s*(?P<operator>:|~|>=|<=|>|<)\s*
        ((?P<v>["'])(?P<text>(?:\\.|[^"'\\])*)(?P=v)|(?P<number>-?\d+)|(?P<null>null))\s*""",
    re.VERBOSE | re.IGNORECASE,
)
_JOIN = re.compile(r"(AND|OR)\b", re.IGNORECASE)

Predicate = Callable[[Json], bool]


def parse(query: str) -> Predicate:
    """Return the query as a predicate on invoices. Raises Stripe's error for an invalid query."""
    predicates: list[Predicate] = []
    joins: set[str] = set()
    at = 0
    while at < len(query) or not predicates:
        clause = _CLAUSE.match(query, at)
        if clause is None:
            raise _unreadable(query)
        predicates.append(_predicate(clause))
        at = clause.end()
        if at < len(query):
            join = _JOIN.match(query, at)
            if join is None and predicates:
                joins.add("AND")  # two clauses without a word between them
                continue
            assert join is not None
            joins.add(join.group(1).upper())
            at = join.end()
            if not query[at:].strip():
                raise _unreadable(query)
    if len(joins) > 1:
        raise bad_parameter("You cannot combine AND and OR in one query.", None, "query")
    combine = any if joins == {"OR"} else all
    return lambda invoice: combine(predicate(invoice) for predicate in predicates)


def _unreadable(query: str) -> Exception:
    return bad_parameter(f"We were unable to parse your search query: {query}", None, "query")


def _predicate(clause: re.Match[str]) -> Predicate:
    name, key, operator = clause["field"].lower(), clause["key"], clause["operator"]
    if name not in FIELDS or (name == "metadata") != (key is not None):
        raise bad_parameter(
            f"Field `{name}` is an unsupported search field for resource `invoices`.", None, "query"
        )
    wanted: Any = None
    if clause["number"] is not None:
        wanted = int(clause["number"])
    elif clause["null"] is None:
        wanted = re.sub(r"\\(.)", r"\1", clause["text"])

    def fits(invoice: Json) -> bool:
        found = invoice["metadata"].get(key) if key is not None else _value(invoice, name)
        return _compare(found, operator, wanted)

    return (lambda invoice: not fits(invoice)) if clause["negated"] else fits


def _value(invoice: Json, name: str) -> Any:
    if name == "subscription":
        details = (invoice["parent"] or {}).get("subscription_details")
        return details["subscription"] if details else None
    return invoice[name]


def _compare(found: Any, operator: str, wanted: Any) -> bool:
    if wanted is None or found is None:
        return found is wanted
    if operator == "~":
        return str(wanted).lower() in str(found).lower()
    if operator == ":":
        return str(found).lower() == str(wanted).lower()
    try:
        difference = int(found) - int(wanted)
    except ValueError:
        return False
    return {">": difference > 0, ">=": difference >= 0, "<": difference < 0, "<=": difference <= 0}[operator]
