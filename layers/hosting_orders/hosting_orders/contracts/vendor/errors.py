"""Errors of contracts 002 and 003 (docs/contracts.md O2-180)."""

from __future__ import annotations

from typing import Any, NotRequired

from typing_extensions import TypedDict

from ..problem import Problem, member_of


class ErrorDetail(TypedDict):
    code: str
    message: str
    pointer: NotRequired[str]  # the field's JSON pointer (RFC 6901)


class Error(TypedDict):
    errors: list[str]
    code: str
    details: list[ErrorDetail]  # our addition to the contracts


def error(problem: Problem) -> dict[str, Any]:
    return {
        "errors": [detail.message for detail in problem.details],
        "code": problem.code,
        "details": [member_of(detail) for detail in problem.details],
        **problem.extra,
    }
