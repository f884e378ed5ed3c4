"""One model of what went wrong, rendered in each contract's shape (docs/contracts.md C26)."""

from __future__ import annotations

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any


@dataclass(frozen=True, slots=True)
class Detail:
    """One thing that is wrong. `pointer` is the JSON pointer (RFC 6901) of the field, None if it is no field."""

    code: str
    message: str
    pointer: str | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """An answer that is no success. `extra` are members of the body that a contract asks for besides."""

    status: int
    code: str
    details: tuple[Detail, ...]
    headers: dict[str, str] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)


def one(status: int, code: str, message: str, pointer: str | None = None, **extra: Any) -> Problem:
    """A problem with one detail, which is nearly all of them."""
    return Problem(status, code, (Detail(code, message, pointer),), extra=extra)


def as_problem_json(problem: Problem) -> dict[str, Any]:
    """RFC 9457, for clients that ask for `application/problem+json`."""
    return {
        "type": "about:blank",
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "detail": "; ".join(detail.message for detail in problem.details),
        "code": problem.code,
        "errors": [_detail(detail) for detail in problem.details],
        **problem.extra,
    }


def _detail(detail: Detail) -> dict[str, Any]:
    member: dict[str, Any] = {"code": detail.code, "message": detail.message}
    if detail.pointer is not None:
        member["pointer"] = detail.pointer
    return member


def as_v2(problem: Problem) -> dict[str, Any]:
    """Contract 002: texts in `errors`, the word for programs in `code` (docs/contracts.md O2-180).

    `details` is ours: it names the field of each text.
    """
    return {
        "errors": [detail.message for detail in problem.details],
        "code": problem.code,
        "details": [_detail(detail) for detail in problem.details],
        **problem.extra,
    }
