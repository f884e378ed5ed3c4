"""Finding invoices with Stripe's search language, including the delay of the search index."""

from __future__ import annotations

import pytest
import stripe

from .conftest import Shop

pytestmark = pytest.mark.standin_only("Stripe finds an object only after a minute")


@pytest.fixture
def three(shop: Shop) -> dict[str, str]:
    """Create three invoices, and return a name for each invoice's id."""
    customer = shop.customer()
    return {
        shop.paid(customer, 1200, metadata={"cart": "c1", "note": "it's"}).id: "paid",
        shop.open(customer, 3000, metadata={"cart": "c2"}).id: "open",
        shop.draft(customer, 500).id: "draft",
    }


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("metadata['cart']:'c1'", {"paid"}),
        ('metadata["cart"]:"c2"', {"open"}),
        ("metadata['cart']:null", {"draft"}),
        ("-metadata['cart']:null", {"paid", "open"}),
        (r"metadata['note']:'it\'s'", {"paid"}),
        ("metadata['cart']~'c'", {"paid", "open"}),
        ("status:'paid'", {"paid"}),
        ("-status:'paid'", {"open", "draft"}),
        ("status:'paid' OR status:'draft'", {"paid", "draft"}),
        ("status:'open' AND metadata['cart']:'c1'", set()),
        ("status:'open' metadata['cart']:'c2'", {"open"}),
        ("total>500", {"paid", "open"}),
        ("total>=500 AND total<=1200", {"paid", "draft"}),
        ("total<1200", {"draft"}),
        ("currency:'EUR'", {"paid", "open", "draft"}),
    ],
)
def test_a_query_finds_matching_invoices(
    shop: Shop, three: dict[str, str], query: str, found: set[str]
) -> None:
    answer = shop.client.v1.invoices.search({"query": query})
    assert {three[invoice.id] for invoice in answer.data} == found


@pytest.mark.parametrize(
    "query",
    ["", "status", "status:'paid' AND", "colour:'red'", "metadata:'c1'", "total>1 AND total>2 OR total>3"],
)
def test_an_invalid_query_is_refused(shop: Shop, query: str) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        shop.client.v1.invoices.search({"query": query})
    assert refusal.value.param == "query"


def test_search_results_come_in_pages(shop: Shop, three: dict[str, str]) -> None:
    first = shop.client.v1.invoices.search({"query": "total>0", "limit": 2})
    assert (len(first.data), first.has_more) == (2, True)

    everything = [invoice.id for invoice in first.auto_paging_iter()]

    assert sorted(everything) == sorted(three)


def test_the_search_finds_a_new_invoice_later_than_the_list(shop: Shop) -> None:
    shop.standin.controls.set(search_lags=60)
    customer = shop.customer()
    invoice = shop.draft(customer, metadata={"cart": "c1"})
    query = {"query": "metadata['cart']:'c1'"}

    assert shop.client.v1.invoices.search(query).data == []  # type: ignore[arg-type]
    assert [one.id for one in shop.client.v1.invoices.list({"customer": customer.id}).data] == [invoice.id]
    shop.standin.clock.advance(61)
    assert [one.id for one in shop.client.v1.invoices.search(query).data] == [invoice.id]  # type: ignore[arg-type]


def test_a_list_can_be_read_backwards_in_pages(shop: Shop) -> None:
    customer = shop.customer()
    invoices = [shop.draft(customer).id for _ in range(5)]  # newest last

    page = shop.client.v1.invoices.list({"limit": 2, "ending_before": invoices[0]})

    assert ([one.id for one in page.data], page.has_more) == ([invoices[2], invoices[1]], True)
    everything = [one.id for one in page.auto_paging_iter()]
    assert everything == [invoices[1], invoices[2], invoices[3], invoices[4]]
