"""Four contracts describe the same order consistently, each in its own words (docs/contracts.md C03)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hosting_orders.domain.order import MOVES, OrderStatus
from tests.support import dialects
from tests.support.checkout import order_site
from tests.support.dialects import row, shown
from tests.support.lives import PRODUCTS, STEPS, Life, lives, wandered
from tests.support.world import World, a_world

LIVES = [(product, life) for product in PRODUCTS for life in lives(product)]
EACH = pytest.mark.parametrize(
    ("product", "life"), LIVES, ids=[f"{product}, {life.state}" for product, life in LIVES]
)


def test_the_table_in_the_docs_matches_the_code() -> None:
    assert dialects.written() == dialects.table(), "write the table with: python -m tests.support.dialects"


# The status table that C03 decides. The first column is the status in contract 000. The next three columns are the
# status, the status of the invoice and whether the order can be cancelled, in contract 001. The last three columns are
# the statuses of order, payment and task, in contract 002. C03 does not decide the cells with `None`.
_DECIDED: dict[str, tuple[str | None, ...]] = {
    "awaiting payment": ("PENDING", "Pending", "Unpaid", "yes", "pending", "processing", "PENDING"),
    "awaiting the customer": (
        *("PENDING", "Pending", "Unpaid", "yes", "pending"),
        *("awaiting_authentication", "PAUSED"),
    ),
    "payment failed": ("FAILED", "Cancelled", "Cancelled", "no", "failed", "failed", "FAILED"),
    "expired": ("EXPIRED", "Cancelled", "Cancelled", "no", "cancelled", "canceled", "CANCELLED"),
    "paid": ("PROCESSING", "Pending", "Paid", "yes", "processing", "succeeded", "RUNNING"),
    "being delivered": ("PROCESSING", "Pending", "Paid", "no", "processing", "succeeded", "RUNNING"),
    "a domain that waits for others": (
        *("PROCESSING", "Pending", "Paid", None, "processing", "succeeded", "PAUSED"),
    ),
    "completed": ("COMPLETED", "Active", "Paid", "no", "completed", "succeeded", "OK"),
    "cancelling, unpaid": ("PENDING", "Pending", None, "no", "pending", None, "RUNNING"),
    "cancelling, paid": ("PROCESSING", "Pending", None, "no", "processing", None, "RUNNING"),
    "cancelled, unpaid": (
        *("CANCELED", "Cancelled", "Cancelled", "no", "cancelled", "canceled", "CANCELLED"),
    ),
    "cancelled, paid": ("CANCELED", "Cancelled", "Refunded", "no", "cancelled", "refunded", "CANCELLED"),
    "being refunded": ("PROCESSING", "Pending", "Paid", "no", "processing", "succeeded", "RUNNING"),
    "refunded": ("PROVISION_FAILED", "Cancelled", "Refunded", "no", "failed", "refunded", "FAILED"),
    "refund refused": ("PROCESSING", "Pending", "Paid", "no", "processing", "succeeded", "PAUSED"),
}


def test_each_contracts_status_words_match_the_decided_table() -> None:
    rows = {life.state: row(life)[1:8] for life in lives("domain")}
    for state, words in _DECIDED.items():
        found = tuple(word if word is None else said for word, said in zip(words, rows[state], strict=True))
        assert found == words, state


def test_the_table_has_every_status_of_an_order() -> None:
    for product in PRODUCTS:
        assert {life.order.status for life in lives(product)} == set(MOVES) == set(OrderStatus)


@EACH
def test_a_state_has_the_same_status_words_for_every_product(product: str, life: Life) -> None:
    rows = {one.state: row(one) for one in lives("domain")}
    assert row(life) == rows[life.state]


@EACH
def test_contracts_agree_on_whether_an_order_has_ended(product: str, life: Life) -> None:
    words = row(life)
    ended = life.order.ended
    assert (words.contract_000 not in ("PENDING", "PROCESSING")) is ended
    assert (words.contract_001 != "Pending") is ended
    assert (words.contract_002 in ("completed", "failed", "cancelled")) is ended
    assert words.contract_003 == words.contract_002
    done = words.contract_000 == "COMPLETED"
    assert [words.contract_001 == "Active", words.contract_002 == "completed", words.task == "OK"] == [
        done
    ] * 3


@EACH
def test_contracts_agree_on_amounts_and_refunds(product: str, life: Life) -> None:
    answers, words = shown(life), row(life)
    net = life.order.price.amount
    assert Decimal(str(answers["000"]["totalNet"])) * 100 == net
    assert Decimal(answers["001"]["order"]["invsubtotal2"]) * 100 == net
    assert answers["002"]["payment"]["order_net_cents"] == net
    gross = Decimal(answers["001"]["order"]["total"])
    assert gross == Decimal(str(answers["000"]["totalGross"])) == Decimal(answers["001"]["order"]["invtotal"])
    # In every contract, refunded means that a refund exists (SQ-047).
    refunded = life.order.refund is not None
    assert (words.invoice == "Refunded") is refunded and (words.payment == "refunded") is refunded
    assert words.contract_000 != "PROVISION_FAILED" or refunded


@EACH
def test_contracts_agree_on_whether_an_order_is_cancellable(product: str, life: Life) -> None:
    answers = shown(life)
    assert answers["001"]["can_cancel"] is answers["002"]["cancellation"]["can_cancel"]
    assert answers["001"]["can_cancel"] is (life.order.why_not_cancellable() is None)


@pytest.mark.parametrize("product", PRODUCTS)
@given(steps=st.lists(st.sampled_from(STEPS), max_size=8), price=st.sampled_from((0, 1, 1200, 10**9)))
@example(steps=["the bank wants the customer", "cancelled", "money back"], price=1200)
@example(steps=["paid", "cancelled", "refund refused", "money back"], price=1)
@example(steps=["paid", "delivery begins", "given up", "money back"], price=0)
def test_every_history_of_an_order_has_a_row_in_the_table(product: str, steps: list[str], price: int) -> None:
    life = wandered(product, steps, price)
    found, status = row(life), life.order.status
    if price == 0 and life.order.refund is not None:
        # The refund of a free order moves no money, so its payment is not shown as refunded.
        assert (found.invoice, found.payment) == ("Paid", "succeeded")
        found = found._replace(invoice="Refunded", payment="refunded")
    assert (status, found[1:]) in {(one.order.status, row(one)[1:]) for one in lives("domain")}, found


# -- each contract's orders, read through the others ----------------------------------------------------------------


def place_000(world: World) -> str:
    body = {
        "plan": "vps-1",
        "image": "debian-13",
        "location": "ams",
        "hostname": "web-1",
        "interval": "1 month",
    }
    reply = world.request("POST", "/api/v1/orders", body, key="api_key_000", headers={"x-auth-account": ""})
    assert reply.status == 202, reply.body
    return str(reply.body["data"]["token"])


def place_001(world: World) -> str:
    body = {"attemptKey": "one", "cartItems": [{"type": "site", "name": "My site", "variant": "vanilla"}]}
    reply = world.request(
        "POST", "/api/create-order", body, key="api_key_001", headers={"x-auth-account": ""}
    )
    assert reply.status == 200, reply.body
    return str(world.order(reply.body["data"]["orderId"]).uuid)


def place_002(world: World) -> str:
    return str(world.order_domain().body["orders"][0]["id"])


def place_003(world: World) -> str:
    return str(order_site(world, "ready").body["order"]["id"])


def read(world: World, order_id: str) -> dict[str, Any]:
    number = world.order(order_id).number
    own = {"x-auth-account": ""}
    return {
        "000": world.request("GET", f"/api/v1/orders/{order_id}", key="api_key_000", headers=own),
        "001": world.request("GET", f"/api/billing/order/{number}", key="api_key_001", headers=own),
        "002": world.request("GET", f"/api/orders/{order_id}"),
        "003": world.request("GET", f"/api/orders/{order_id}", key="user_key_v1"),
    }


@pytest.mark.parametrize(
    "place", [place_000, place_001, place_002, place_003], ids=["000", "001", "002", "003"]
)
def test_each_contracts_order_can_be_read_through_all_four(place: Any) -> None:
    with a_world() as world:
        order_id = place(world)
        replies = read(world, order_id)
        assert {contract: reply.status for contract, reply in replies.items()} == dict.fromkeys(replies, 200)
        world.live(300, every=60)
        answers = {contract: reply.body for contract, reply in read(world, order_id).items()}
        assert answers["000"]["data"]["status"] == "COMPLETED"
        assert answers["001"]["data"]["status"] == "Active"
        assert answers["002"]["order"]["status"] == answers["003"]["order"]["status"] == "completed"
        assert (
            answers["000"]["data"]["token"] == answers["002"]["order"]["id"] == answers["003"]["order"]["id"]
        )
