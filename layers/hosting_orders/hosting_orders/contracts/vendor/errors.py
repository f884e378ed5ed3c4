"""Errors as this vendor's contracts write them (docs/contracts.md O2-180)."""

from __future__ import annotations

from typing import Any, NotRequired

from typing_extensions import TypedDict

from ..problem import Problem, member_of


class ErrorDetail(TypedDict):
    """One thing that is wrong. `pointer` is the JSON pointer (RFC 6901) of the field."""

    code: str
    message: str
    pointer: NotRequired[str]


class Error(TypedDict):
    """Texts for people in `errors`, the word for programs in `code`. `details` is ours: it names each text's field."""

    errors: list[str]
    code: str
    details: list[ErrorDetail]


def error(problem: Problem) -> dict[str, Any]:
    """The body of every answer that is no success: an `Error`, and what only the problem's code has."""
    return {
        "errors": [detail.message for detail in problem.details],
        "code": problem.code,
        "details": [member_of(detail) for detail in problem.details],
        **problem.extra,
    }
