"""Use a tool. A refusal is a result of the tool, not an HTTP error."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeVar

from hosting_orders.contracts.problem import Problem

from .http import logged_problem

T = TypeVar("T")
Result_co = TypeVar("Result_co", covariant=True)


class Tool(Protocol[Result_co]):
    def read(self, arguments: Mapping[str, Any]) -> Any:
        """Raises InvalidFieldsError for arguments that do not fit the tool's schema."""
        ...

    def succeeded(self, view: Any) -> Result_co: ...

    def refused(self, problem: Problem, *, wrong_arguments: bool = False) -> Result_co: ...


def use(tool: Tool[T], arguments: Mapping[str, Any], work: Callable[[Any], Any]) -> T:
    """Do the work with the checked arguments. A fault is logged."""
    given = _attempt(lambda: tool.read(arguments))
    if isinstance(given, Problem):
        return tool.refused(given, wrong_arguments=True)
    view = _attempt(lambda: work(given))
    return tool.refused(view) if isinstance(view, Problem) else tool.succeeded(view)


def _attempt(work: Callable[[], Any]) -> Any:
    try:
        return work()
    except Exception as error:
        return logged_problem(error)
