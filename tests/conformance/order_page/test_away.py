"""O1-052: if the table cannot be read, the page shows an order from memory, with the time of the last read."""

from __future__ import annotations

import pytest

from hosting_orders.usecases import show_order_page
from tests.conformance.order_page.test_states import minute, stored
from tests.support.checkout import session_of
from tests.support.order_page import delivered, get, payable, seen, speak, table_away, token_of
from tests.support.world import World


@pytest.fixture(autouse=True)
def nothing_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    show_order_page._remembered.clear()


def test_an_order_shown_before_is_shown_from_memory(world: World) -> None:
    order = payable(world)
    speak(world, order, "nl")
    token = token_of(world, order)
    read_at = world.clock.now()
    before = get(world, token)
    world.stripe.controls.pay_checkout(session_of(world, order)["id"])
    world.run()
    world.clock.advance(90)
    with table_away():
        reply = get(world, token)
    page = seen(reply)
    assert reply.status == 200 and reply.headers["refresh"] == "15"
    assert (page.heading, page.steps) == (seen(before).heading, seen(before).steps)
    assert "We kunnen het laatste nieuws over uw bestelling nu niet ophalen." in page.text
    assert f'op <time datetime="{minute(read_at)}">' in reply.body and 'role="status"' in reply.body
    after = get(world, token)
    assert seen(after).heading == "Uw website is klaar" and 'role="status"' not in after.body


def test_an_order_not_in_memory_gets_an_apology(
    world: World,
) -> None:
    order = payable(world)
    with table_away():
        reply = get(world, token_of(world, order))
        dutch = get(world, token_of(world, order), headers={"Accept-Language": "nl"})
    page = seen(reply)
    assert reply.status == 503
    assert (reply.headers["retry-after"], reply.headers["refresh"]) == ("10", "10")
    assert page.heading == "We cannot show your order right now"
    assert page.facts["Support reference"] == str(order.number)
    assert f'<dd><time datetime="{minute(order.created_at)}">' in reply.body
    assert "refreshes itself every 10 seconds" in page.text
    assert seen(dutch).heading == "We kunnen uw bestelling nu niet tonen"
    assert dutch.headers["content-language"] == "nl"


def test_the_number_of_remembered_orders_is_limited(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(show_order_page, "_REMEMBERED", 2)
    first, second, third = (token_of(world, payable(world)) for _ in range(3))
    for token in (first, second, first, third):
        get(world, token)
    with table_away():
        assert [get(world, token).status for token in (first, second, third)] == [200, 503, 200]
    assert len(show_order_page._remembered) == 2


def test_the_page_remembers_an_order_as_it_was_shown(world: World) -> None:
    order = delivered(world)
    token = token_of(world, order)
    get(world, token)
    assert [known.order for known in show_order_page._remembered.values()] == [stored(world, order)]
    assert show_order_page._REMEMBERED == 256


@pytest.mark.parametrize("wanted", ["order", "cart", "account", "user"])
def test_one_failed_read_makes_the_page_unavailable(
    wanted: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = token_of(world, payable(world))
    port = world.services.orders if wanted in ("order", "cart") else world.services.directory
    real = getattr(port, wanted)

    def away(*given: object) -> object:
        with table_away():
            return real(*given)

    monkeypatch.setattr(port, wanted, away)
    assert get(world, token).status == 503
