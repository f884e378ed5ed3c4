"""Chromium for tests. It shows pages as users see them, and runs axe-core, which checks their accessibility.

`make browser` installs Playwright and axe-core. Chromium comes from the system. If a part is missing, the test is
skipped with the reason. With `BROWSER_IS_THERE=1`, as in CI, the test fails instead.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from local.paths import ROOT

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

AXE = ROOT / ".venv" / "browser" / "node_modules" / "axe-core" / "axe.min.js"
NAMES = ("chromium", "chromium-browser", "google-chrome")
ON_A_MAC = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")
# With these flags, Chromium sends no requests of its own and uses no proxy for a server on this machine.
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--no-proxy-server"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
PATIENCE_MS = 20_000


def chromium_path() -> str | None:
    found = next(filter(None, map(shutil.which, NAMES)), None)
    return found or (str(ON_A_MAC) if ON_A_MAC.exists() else None)


def missing_parts() -> str:
    """The missing parts and how to install them. Empty when all are installed."""
    parts = []
    if importlib.util.find_spec("playwright") is None or not AXE.exists():
        parts.append("Playwright or axe-core is missing (install both with `make browser`)")
    if chromium_path() is None:
        parts.append("Chromium is missing (Debian's package is `chromium`)")
    return "; ".join(parts)


@contextmanager
def running_chromium() -> Iterator[Browser]:
    """A running Chromium. Skips or fails the test when a part is missing."""
    missing = missing_parts()
    if missing:
        refuse = pytest.fail if os.environ.get("BROWSER_IS_THERE") else pytest.skip
        refuse(f"no browser: {missing}")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


@cache
def _axe() -> str:
    return AXE.read_text(encoding="utf-8")


def complaints_of(page: Page) -> list[str]:
    """Return a list that receives all later console errors and warnings, script errors and failed loads."""
    complaints: list[str] = []
    page.on(
        "console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None
    )
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("requestfailed", lambda request: complaints.append(f"{request.url} was not loaded"))
    return complaints


def barriers(page: Page) -> list[str]:
    """The findings of all rules of axe-core, including findings that need a human decision."""
    if not page.evaluate("typeof axe === 'object'"):
        page.evaluate(_axe())
    found: dict[str, Any] = page.evaluate(
        """() => axe.run({
            rules: Object.fromEntries(axe.getRules().map((rule) => [rule.ruleId, {enabled: true}])),
            // Our pseudo-elements are drawn beside the text, never behind it.
            checks: {"color-contrast": {options: {ignorePseudo: true}},
                     "color-contrast-enhanced": {options: {ignorePseudo: true}}},
            resultTypes: ["violations", "incomplete"],
        })"""
    )
    return [
        f"{kind}: {rule['id']}: {rule['help']}: {node['html'][:120]}: {node['failureSummary']}"
        for kind in ("violations", "incomplete")
        for rule in found[kind]
        for node in rule["nodes"]
    ]


def wider_than_the_screen(page: Page) -> list[str]:
    """Elements that need sideways scrolling."""
    found: list[str] = page.evaluate(
        """() => document.documentElement.scrollWidth <= innerWidth ? [] : [...document.querySelectorAll("*")]
            .filter((one) => one.getBoundingClientRect().right > innerWidth).map((one) => one.outerHTML)"""
    )
    return found
