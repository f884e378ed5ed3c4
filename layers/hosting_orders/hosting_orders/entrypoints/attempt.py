"""Do a part of a request whose failure is an answer too."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from hosting_orders.contracts.problem import Problem

from .http import logged_problem

T = TypeVar("T")


def attempt(work: Callable[[], T]) -> T | Problem:
    """Return the result, or the problem of its error. A fault is logged."""
    try:
        return work()
    except Exception as error:
        return logged_problem(error)
