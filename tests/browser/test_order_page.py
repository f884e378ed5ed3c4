"""O1-052: the order page in a real browser. Every state is checked for accessibility and on two screen sizes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import pytest

from hosting_orders.contracts.order_page import pages
from hosting_orders.domain.order import Order
from tests.support import order_page
from tests.support.browser import barriers, complaints_of, wider_than_the_screen
from tests.support.checkout import order_of, order_site, session_of
from tests.support.checkout import site as body_of_site
from tests.support.order_page import STATES, get, payable, speak, table_away, token_of
from tests.support.served_world import ServedWorld
from tests.support.world import World

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

Scheme = Literal["light", "dark"]
BACKGROUNDS: dict[Scheme, str] = {"light": "rgb(243, 245, 248)", "dark": "rgb(15, 19, 24)"}
SIZES: dict[str, tuple[int, int]] = {"phone": (320, 640), "desktop": (1280, 800)}
# Colours depend on the scheme, and the layout depends on screen size and text. Each pair of scheme and size is
# checked in one of the languages.
LOOKED_AT: dict[str, list[tuple[Scheme, str]]] = {
    "en": [("light", "phone"), ("dark", "desktop")],
    "nl": [("dark", "phone"), ("light", "desktop")],
}
# The minimum height of a touch target (WCAG 2.2, 2.5.5).
FINGER = 44


@dataclass(frozen=True)
class Shown:
    """A page to check. `make` places its order, `query` is added to its address, and `status` is its HTTP status.

    With `seen_before`, the page was shown earlier. With `away`, the table is unavailable.
    """

    make: Callable[[World], Order | None] = payable
    query: str = ""
    status: int = 200
    seen_before: bool = False
    away: bool = False


def long_name(world: World) -> Order:
    return order_of(world, order_site(world, body=body_of_site(name="W" * 64)))


def nothing(world: World) -> None:
    """Place no order, so the address does not exist."""


PAGES = {
    **{name: Shown(make) for name, make in STATES.items()},
    "back_from_paying": Shown(query="?outcome=success"),
    "back_without_paying": Shown(query="?outcome=cancel"),
    "long_name": Shown(long_name),
    "stale": Shown(order_page.paid, seen_before=True, away=True),
    "unreadable": Shown(away=True, status=503),
    "unknown": Shown(nothing, status=404),
}


@pytest.mark.parametrize("name", PAGES)
def test_O1_052_a_page_is_accessible(name: str, site: ServedWorld, chromium: Browser) -> None:
    shown = PAGES[name]
    order = shown.make(site.world)
    for language in LOOKED_AT:
        with reachable(shown, order, site, language) as address:
            look(chromium, address, language, shown.status)
    # The page loads nothing else.
    assert {path.partition("?")[0].rpartition("/")[0] for path in site.asked} == {"/o"}


@contextmanager
def reachable(shown: Shown, order: Order | None, site: ServedWorld, language: str) -> Iterator[str]:
    """Yield the page's address. Inside the block, the page is served in this language."""
    token = token_of(site.world, order) if order else "no-such-token"
    if order:
        speak(site.world, order, language)
    if shown.seen_before:
        get(site.world, token)
    with table_away() if shown.away else nullcontext():
        yield f"{site.origin}/o/{token}{shown.query}"


def look(chromium: Browser, address: str, language: str, status: int) -> None:
    with chromium.new_context(locale=language) as context:
        page = context.new_page()
        complaints = complaints_of(page)
        answer = page.goto(address)
        page.evaluate("window.stop()")  # stop the page's own refresh during the check
        assert answer is not None and answer.status == status
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
        assert page.locator("html").get_attribute("lang") == language
        for scheme, size in LOOKED_AT[language]:
            page.emulate_media(color_scheme=scheme)
            show_on(page, size)
            assert page.evaluate("getComputedStyle(document.body).backgroundColor") == BACKGROUNDS[scheme]
            assert wider_than_the_screen(page) == [], size
            assert folded_labels(page) == [], size
            assert barriers(page) == [], (scheme, size)
        own = (
            f"the server responded with a status of {status}"  # Chromium reports an expected error status too
        )
        assert [said for said in complaints if own not in said] == []
        text = page.locator("body").inner_text()
    with chromium.new_context(locale=language, java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(address)
        assert page.locator("body").inner_text() == text


def folded_labels(page: Page) -> list[str]:
    """Labels that take more than one line. A label must stay on one line beside a value of any length."""
    found: list[str] = page.evaluate(
        """() => [...document.querySelectorAll("dt")]
            .filter((one) => {
                const text = document.createRange();
                text.selectNodeContents(one);
                return text.getClientRects().length > 1;
            })
            .map((one) => one.textContent)"""
    )
    return found


def show_on(page: Page, size: str) -> None:
    width, height = SIZES[size]
    page.set_viewport_size({"width": width, "height": height})


# -- the customer's actions -----------------------------------------------------------------------------------------


@pytest.fixture
def plain_page(chromium: Browser) -> Iterator[Page]:
    with chromium.new_context(java_script_enabled=False, has_touch=True) as context:
        page = context.new_page()
        show_on(page, "phone")
        yield page


def test_O1_052_the_pay_button_works_by_touch_and_by_keyboard(site: ServedWorld, plain_page: Page) -> None:
    order = payable(site.world)
    pay_url = session_of(site.world, order)["url"]
    asked: list[dict[str, Any]] = []

    def answer(route: Any) -> None:
        asked.append({"url": route.request.url, **route.request.all_headers()})
        route.fulfill(body="the payment page")

    plain_page.route(lambda url: not url.startswith(site.origin), answer)
    plain_page.goto(f"{site.origin}/o/{token_of(site.world, order)}")
    button = plain_page.get_by_role("link", name="Pay now")
    box = button.bounding_box()
    assert box is not None and box["height"] >= FINGER and box["width"] >= FINGER
    assert box["y"] + box["height"] <= SIZES["phone"][1], "the customer must scroll to reach the button"

    plain_page.keyboard.press("Tab")
    assert plain_page.evaluate("document.activeElement.textContent") == "Pay now"
    assert button.evaluate("one => getComputedStyle(one).outlineStyle") == "solid"
    plain_page.keyboard.press("Enter")
    plain_page.wait_for_url(pay_url)

    (request,) = asked
    assert request["url"] == pay_url.partition("#")[0]
    assert "referer" not in request  # the page's address is a secret


def test_O1_052_the_pay_button_returns_for_a_customer_who_did_not_pay(
    site: ServedWorld, plain_page: Page
) -> None:
    order = payable(site.world)
    plain_page.goto(f"{site.origin}/o/{token_of(site.world, order)}?outcome=success")
    assert plain_page.get_by_role("link", name="Pay now").count() == 0

    plain_page.get_by_role("link", name="I have not paid yet").tap()

    plain_page.get_by_role("link", name="Pay now").wait_for()
    assert plain_page.url == f"{site.origin}/o/{token_of(site.world, order)}?"


def test_O1_052_the_page_refreshes_itself_until_the_order_ends(
    site: ServedWorld, plain_page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "SHORTEST_REFRESH", 1)
    monkeypatch.setattr(pages, "LONGEST_REFRESH", 1)
    order = payable(site.world)
    plain_page.goto(f"{site.origin}/o/{token_of(site.world, order)}?outcome=success")
    heading(plain_page, "We are checking your payment")

    with site.lock:
        site.world.stripe.controls.pay_checkout(session_of(site.world, order)["id"])
        site.world.run(finish=False)
    heading(plain_page, "Your website is being set up")
    with table_away():
        plain_page.get_by_role("status").wait_for()
    with site.lock:
        site.world.run()
    heading(plain_page, "Your website is ready")

    asked = len(site.asked)
    plain_page.wait_for_timeout(2500)
    assert len(site.asked) == asked, "the page still refreshes after the order ended"


def heading(page: Page, text: str) -> None:
    page.get_by_role("heading", name=text).wait_for()
