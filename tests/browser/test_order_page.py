"""O1-052: the order's page in a real browser, in every state: for everybody, on every screen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import pytest

from hosting_orders.contracts.order_page import pages
from hosting_orders.domain.order import Order
from tests.support import order_page
from tests.support.browser import barriers, complaints_of
from tests.support.checkout import order_of, order_site, session_of
from tests.support.checkout import site as body_of_site
from tests.support.order_page import STATES, get, payable, speak, table_away, token_of
from tests.support.served_world import ServedWorld
from tests.support.world import World

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PHONE, DESKTOP = (320, 640), (1280, 800)
Scheme = Literal["light", "dark"]
SCHEMES: tuple[Scheme, ...] = ("light", "dark")


@dataclass(frozen=True)
class Shown:
    """A page: of which order, how the customer comes to it, and what its answer says."""

    make: Callable[[World], Order | None] = payable
    query: str = ""
    status: int = 200
    seen_before: bool = False
    away: bool = False
    headings: dict[str, str] = field(default_factory=dict)


def long_name(world: World) -> Order:
    return order_of(world, order_site(world, body=body_of_site(name="W" * 64)))


def nothing(world: World) -> None:
    return None


PAGES = {
    **{name: Shown(make) for name, make in STATES.items()},
    "back_from_paying": Shown(query="?outcome=success"),
    "back_without_paying": Shown(query="?outcome=cancel"),
    "long_name": Shown(long_name),
    "stale": Shown(order_page.paid, seen_before=True, away=True),
    "unreadable": Shown(away=True, status=503),
    "unknown": Shown(nothing, status=404),
}


@contextmanager
def prepared(shown: Shown, site: ServedWorld, language: str) -> Iterator[str]:
    """Meanwhile the page is at this address, in this language."""
    order = shown.make(site.world)
    token = token_of(site.world, order) if order else "no-such-token"
    if order:
        speak(site.world, order, language)
    if shown.seen_before:
        get(site.world, token)
    with table_away() if shown.away else nullcontext():
        yield f"{site.origin}/o/{token}{shown.query}"


@pytest.mark.parametrize("language", ["en", "nl"])
@pytest.mark.parametrize("name", PAGES)
def test_O1_052_a_page_has_no_barriers(
    name: str, language: str, site: ServedWorld, chromium: Browser
) -> None:
    shown = PAGES[name]
    with prepared(shown, site, language) as address, chromium.new_context(locale=language) as context:
        page = context.new_page()
        complaints = complaints_of(page)
        answer = page.goto(address)
        page.evaluate("window.stop()")  # it does not refresh itself in the middle of this test
        assert answer is not None and answer.status == shown.status
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
        assert page.locator("html").get_attribute("lang") == language
        for scheme in SCHEMES:
            for size in (PHONE, DESKTOP):
                page.emulate_media(color_scheme=scheme)
                page.set_viewport_size({"width": size[0], "height": size[1]})
                assert wider_than_the_screen(page) == [], size
                assert background(page) == {"light": "rgb(243, 245, 248)", "dark": "rgb(15, 19, 24)"}[scheme]
                assert barriers(page) == [], (scheme, size)
        own = f"the server responded with a status of {shown.status}"
        assert [said for said in complaints if own not in said] == []
        assert [request.partition("?")[0] for request in site.asked] == [address_path(address)]


def wider_than_the_screen(page: Page) -> list[str]:
    """What a reader would have to scroll sideways for."""
    found: list[str] = page.evaluate(
        """() => document.documentElement.scrollWidth <= innerWidth ? [] : [...document.querySelectorAll("*")]
            .filter((one) => one.getBoundingClientRect().right > innerWidth).map((one) => one.outerHTML)"""
    )
    return found


def background(page: Page) -> Any:
    return page.evaluate("getComputedStyle(document.body).backgroundColor")


def address_path(address: str) -> str:
    return "/" + address.partition("?")[0].split("/", 3)[3]
