"""O1-052: only the address of an order's page gives access. Every invalid address gives the same not-found page."""

from __future__ import annotations

import base64
import json

import pytest

from hosting_orders.adapters.page_tokens import SignedPageTokens
from hosting_orders.domain.errors import ProviderUnavailableError
from hosting_orders.domain.ids import mint_number
from hosting_orders.domain.order import Order
from hosting_orders.usecases.show_order_page import LONGEST_TOKEN
from tests.support.order_page import DAY, canceled, get, payable, seen, table_away, token_of
from tests.support.world import Reply, World, WorldServices

SECRET = "page-secret-of-the-world"
NOT_THERE = "This page does not exist"


def unlike(reply: Reply) -> tuple[int, object, dict[str, str]]:
    """Return everything by which a client can distinguish two responses, except the request id."""
    return reply.status, reply.body, {k: v for k, v in reply.headers.items() if k != "x-request-id"}


def _same_bits(last: str) -> str:
    """Return another last letter with which the signature decodes to the same bytes.

    A signature has 256 bits. Its 43 letters have 258 bits, so the last two bits of the last letter have no meaning. In
    our signatures they are zero. The next letter of the alphabet differs only in these two bits.
    """
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return letters[letters.index(last) + 1]


def wrong_tokens(world: World, order: Order) -> dict[str, str]:
    good = token_of(world, order)
    payload, _, signature = good.rpartition(".")
    foreign = base64.urlsafe_b64encode(json.dumps(["acc_ready", order.number]).encode()).decode().rstrip("=")
    return {
        "of another account": world.services.page_tokens.token("acc_ready", order.number),
        "of no order": world.services.page_tokens.token(order.account_id, mint_number(world.clock.now())),
        "of no account": world.services.page_tokens.token("acc_nobody", order.number),
        "signed with another secret": SignedPageTokens(["another"]).token(order.account_id, order.number),
        "signed for something else": f"{foreign}.{signature}",
        "truncated": good[:-1],
        "without its signature": payload,
        "without its payload": f".{signature}",
        "with something behind it": f"{good}x",
        "with padding": f"{good}=",
        "with another last letter for the same bits": good[:-1] + _same_bits(good[-1]),
        "in capitals": good.upper(),
        "a word": "x",
        "the number": str(order.number),
        "the id": order.uuid,
        "not ASCII": "é" * 20,
        "half a character": "\ud800",
        "with a zero": "\0",
        "too long": good + "x" * LONGEST_TOKEN,
    }


def test_O1_052_every_invalid_address_gives_the_same_not_found_page(world: World) -> None:
    order = payable(world)
    expected = unlike(get(world, "x"))
    assert expected[0] == 404 and seen(get(world, "x")).heading == NOT_THERE
    for what, token in wrong_tokens(world, order).items():
        assert unlike(get(world, token)) == expected, what
        assert unlike(get(world, token, "success")) == expected, what
    assert get(world, token_of(world, order)).status == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/o/"), ("GET", "/o/a/b"), ("POST", "/o/x"), ("HEAD", "/o/x"), ("GET", "/o/x/")],
)
def test_unknown_addresses_of_orders_give_the_not_found_page(method: str, path: str, world: World) -> None:
    assert unlike(world.request(method, path, account=None)) == unlike(get(world, "x"))


def test_the_not_found_page_uses_the_browsers_language(world: World) -> None:
    dutch = seen(get(world, "x", headers={"Accept-Language": "nl-BE,nl;q=0.9,en;q=0.8"}))
    assert (dutch.language, dutch.heading) == ("nl", "Deze pagina bestaat niet")
    for accepts in ("", "de", "en-GB,nl;q=0.5", "nl;q=0", "*", "nl;q=nonsense", "," * 5000):
        assert seen(get(world, "x", headers={"Accept-Language": accepts})).language == "en", accepts
    assert unlike(world.request("GET", "/o/", account=None, headers={"Accept-Language": "nl"})) == unlike(
        get(world, "x", headers={"Accept-Language": "nl"})
    )


def test_a_token_without_a_valid_signature_causes_no_read(world: World) -> None:
    order = payable(world)
    tokens = wrong_tokens(world, order)
    signed = ("of another account", "of no order", "of no account")
    with table_away():
        assert {get(world, token).status for what, token in tokens.items() if what not in signed} == {404}
        assert get(world, tokens["of no order"]).status == 503


def test_a_token_that_is_too_long_is_not_verified(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    longest = max(
        len(SignedPageTokens([SECRET]).token("a" * 200, 2**49 - 1)), len(token_of(world, payable(world)))
    )
    assert longest <= LONGEST_TOKEN
    monkeypatch.setattr(WorldServices, "page_tokens", property(unreadable))
    assert get(world, "x" * (LONGEST_TOKEN + 1)).status == 404
    assert get(world, "x" * LONGEST_TOKEN).status == 503


def test_an_unreadable_secret_makes_the_page_unavailable(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = token_of(world, payable(world))
    monkeypatch.setattr(WorldServices, "page_tokens", property(unreadable))
    reply = get(world, token, headers={"Accept-Language": "nl"})
    assert reply.status == 503 and reply.headers["retry-after"] == "5"
    assert seen(reply).heading == "We kunnen uw bestelling nu niet tonen"


def test_old_addresses_work_until_their_secret_is_removed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = payable(world)
    old = token_of(world, order)
    monkeypatch.setattr(WorldServices, "page_tokens", SignedPageTokens(["new", SECRET]))
    del world.services.__dict__["page_tokens"]
    new = token_of(world, order)
    assert new != old
    assert get(world, old).body == get(world, new).body and get(world, old).status == 200
    monkeypatch.setattr(WorldServices, "page_tokens", SignedPageTokens(["new"]))
    assert unlike(get(world, old)) == unlike(get(world, "x"))
    assert get(world, new).status == 200


def test_a_page_is_shown_until_thirty_days_after_its_orders_end(world: World) -> None:
    order = canceled(world)
    token = token_of(world, order)
    world.clock.advance(30 * DAY - 60)
    assert seen(get(world, token)).heading == "The order was cancelled"
    world.clock.advance(120)
    assert unlike(get(world, token)) == unlike(get(world, "x"))
    # While the table is unavailable, pages of orders come from memory, but not the page of an order this old.
    with table_away():
        assert unlike(get(world, token)) == unlike(get(world, "x"))


def unreadable(_: object) -> None:
    raise ProviderUnavailableError("the secret cannot be read now")
