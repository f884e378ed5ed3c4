"""The style sheet of the order's page: contrast, colour schemes, and accessibility rules."""

from __future__ import annotations

import re

import pytest

from hosting_orders.contracts.order_page.style import STYLE

# The lowest contrast that WCAG 2.2, level AA, allows for text and for meaningful graphics.
TEXT, GRAPHIC = 4.5, 3.0
# (foreground, background, lowest allowed contrast)
PAIRS = [
    *[(front, back, TEXT) for front in ("text", "quiet") for back in ("page", "card")],
    ("accent", "card", TEXT),
    ("on-accent", "accent", TEXT),
    ("warm-text", "warm", TEXT),
    *[(front, "card", TEXT) for front in ("good", "bad")],
    ("accent", "page", GRAPHIC),
]


def colours(scheme: str) -> dict[str, str]:
    light, dark = re.findall(r":root \{(.*?)\}", STYLE, re.DOTALL)
    found = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{3,6})", light if scheme == "light" else dark))
    return {
        name: value if len(value) == 7 else "#" + "".join(c * 2 for c in value[1:])
        for name, value in found.items()
    }


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_contrast_is_computed_as_in_wcag() -> None:
    assert round(contrast("#ffffff", "#000000"), 1) == 21.0
    assert round(contrast("#777777", "#ffffff"), 2) == 4.48


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("front", "back", "least"), PAIRS)
def test_colours_have_enough_contrast(scheme: str, front: str, back: str, least: float) -> None:
    found = colours(scheme)
    assert contrast(found[front], found[back]) >= least


def test_light_and_dark_define_the_same_colours() -> None:
    assert set(colours("light")) == set(colours("dark"))
    used = set(re.findall(r"var\(--([\w-]+)\)", STYLE)) - {"tone"}
    assert used == set(colours("light"))


def test_the_style_sheet_is_accessible_and_loads_no_file() -> None:
    assert "a:focus-visible { outline: 3px solid" in STYLE
    assert "@media (prefers-reduced-motion: reduce)" in STYLE
    assert not re.search(r"url\(|@import|expression|</", STYLE)
