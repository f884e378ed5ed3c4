"""Makes a table in docs/contracts.md: the states of an order in the words of all four contracts (published APIs).

`python -m tests.support.dialects` writes the table. tests/conformance/test_four_contracts.py checks it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from hosting_orders.contracts.billing_order import orders as billing_order
from hosting_orders.contracts.order_status import orders as order_status
from hosting_orders.contracts.orders_v1 import orders as orders_v1
from hosting_orders.contracts.orders_v2 import carts
from hosting_orders.contracts.orders_v2 import orders as orders_v2
from hosting_orders.domain.deadlines import outlook
from hosting_orders.usecases.show_cart import CartView
from hosting_orders.usecases.show_order import OrderView
from hosting_orders.usecases.show_order_status import OrderStatusView
from tests.support.lives import ACCOUNT, Life, lives

PAGE = Path(__file__).parents[2] / "docs" / "contracts.md"
BEGIN, END = "<!-- dialects: made by tests/support/dialects.py -->", "<!-- end of dialects -->"


class Row(NamedTuple):
    """One row of the table: what each contract says about one state."""

    state: str
    contract_000: str
    contract_001: str
    invoice: str
    can_cancel: str
    contract_002: str
    payment: str
    task: str
    cart: str
    rollup: str
    contract_003: str


def shown(life: Life) -> dict[str, Any]:
    view = OrderView(life.order, life.cart, ACCOUNT, None, None, outlook(life.order, life.cart), None)
    return {
        "000": order_status.order_status_answer(OrderStatusView(life.order, life.cart, ACCOUNT))["data"],
        "001": billing_order.billing_order(view),
        "002": orders_v2.order_details(view),
        "002 cart": carts.shown_cart(CartView(life.cart, None)),
        "003": orders_v1.order_details(view),
    }


def row(life: Life) -> Row:
    answers = shown(life)
    v2, billing = answers["002"], answers["001"]
    return Row(
        state=life.state,
        contract_000=answers["000"]["status"],
        contract_001=billing["status"],
        invoice=billing["order"]["invstatus"],
        can_cancel="yes" if billing["can_cancel"] else "no",
        contract_002=v2["order"]["status"],
        payment=v2["payment"]["status"],
        task=v2["tasks"][0]["status"],
        cart=answers["002 cart"]["cart"]["status"],
        rollup=answers["002 cart"]["cart"]["rollup_status"],
        contract_003=answers["003"]["order"]["status"],
    )


def table() -> str:
    """The table in Markdown. A domain has one more state than the other products, so its states are the rows."""
    rows = [row(life) for life in lives("domain")]
    return "\n".join([*_lines(rows)]) + "\n"


def _lines(rows: list[Row]) -> Iterator[str]:
    headings = ("order", "000", "001", "001 invoice", "001 can cancel", "002", "002 payment", "002 task")
    yield "| " + " | ".join((*headings, "002 cart", "002 roll-up", "003")) + " |"
    yield "|" + "---|" * len(Row._fields)
    for one in rows:
        state, *words = one
        yield f"| {state} | " + " | ".join(f"`{word}`" for word in words) + " |"


def written() -> str:
    text = PAGE.read_text(encoding="utf-8")
    return text[text.index(BEGIN) + len(BEGIN) : text.index(END)].strip() + "\n"


if __name__ == "__main__":
    page = PAGE.read_text(encoding="utf-8")
    before, after = page[: page.index(BEGIN) + len(BEGIN)], page[page.index(END) :]
    PAGE.write_text(f"{before}\n{table()}{after}", encoding="utf-8")
