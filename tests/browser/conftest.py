"""One Chromium per module of browser tests, and one world (tests/support/world.py) per test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hosting_orders.usecases import show_order_page
from tests.support.browser import running_chromium
from tests.support.served_world import ServedWorld, served
from tests.support.world import a_world

if TYPE_CHECKING:
    from playwright.sync_api import Browser

HERE = Path(__file__).parent


# All browser tests run in one process, like the end-to-end tests. A second Chromium would slow down the other tests.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.xdist_group("browser"))


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with running_chromium() as browser:
        yield browser


@pytest.fixture
def site(chromium: Browser) -> Iterator[ServedWorld]:
    """A world whose pages the browser can open. The cached orders of earlier worlds are removed."""
    show_order_page._remembered.clear()
    with a_world() as world, served(world) as site:
        yield site
