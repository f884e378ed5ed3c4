"""Call a tool of the MCP server. A refusal is a result of the tool, not an HTTP error."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeVar

from hosting_orders.contracts.problem import Problem

from .http import logged_problem
from .logs import logger

T = TypeVar("T")
Result_co = TypeVar("Result_co", covariant=True)


class Tool(Protocol[Result_co]):
    @property
    def name(self) -> str: ...

    def read(self, arguments: Mapping[str, Any]) -> Any:
        """Raises InvalidFieldsError for arguments that do not fit the tool's schema."""
        ...

    def succeeded(self, view: Any) -> Result_co: ...

    def refused(self, problem: Problem, *, wrong_arguments: bool = False) -> Result_co: ...


def use(tool: Tool[T], arguments: Mapping[str, Any], work: Callable[[Any], Any]) -> T:
    given = _attempt(lambda: tool.read(arguments))
    view = given if isinstance(given, Problem) else _attempt(lambda: work(given))
    # The HTTP status is 200 even if the tool refuses. So only this log line shows the refusal.
    refusal = view.code if isinstance(view, Problem) else None
    logger().info("tool used", extra={"tool": tool.name, "code": refusal})
    if isinstance(view, Problem):
        return tool.refused(view, wrong_arguments=view is given)
    return tool.succeeded(view)


def _attempt(work: Callable[[], Any]) -> Any:
    try:
        return work()
    except Exception as error:
        return logged_problem(error)
