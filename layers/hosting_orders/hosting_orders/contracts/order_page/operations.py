"""The order page as an operation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hosting_orders.contracts.operation import Contract, Operation

from .style import content_security_policy

if TYPE_CHECKING:
    from hosting_orders.contracts.problem import Problem
    from hosting_orders.usecases.show_order_page import OrderPageView


# Import the templates when a page is rendered: other Lambda functions import this module, but need no templates.
def page(view: OrderPageView) -> str:
    from .pages import order_page

    return order_page(view)


def headers(view: OrderPageView) -> Mapping[str, str]:
    from .pages import headers_of

    return headers_of(view)


def problem_page(problem: Problem) -> str:
    from .pages import problem_page as rendered

    return rendered(problem)


CONTRACT = Contract(
    "order_page",
    "The order's page",
    version=None,
    paths=("/o",),
    error=problem_page,
    headers={
        "Content-Security-Policy": content_security_policy(),
        "Referrer-Policy": "no-referrer",
        "Strict-Transport-Security": "max-age=31536000",
        "X-Content-Type-Options": "nosniff",
        "X-Robots-Tag": "noindex, nofollow",
    },
)

SHOW_ORDER_PAGE = Operation(
    route="GET /o/{page_token}",
    heading="The order's page",
    contract=CONTRACT,
    access=None,
    render=page,
    headers=headers,
    ours=True,
)

OPERATIONS: tuple[Operation[Any], ...] = (SHOW_ORDER_PAGE,)
