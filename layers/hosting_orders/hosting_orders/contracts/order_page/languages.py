"""The two languages of an order's page."""

from __future__ import annotations

import datetime as dt
import gettext
import re
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from hosting_orders.domain.money import Money, decimal_text

LOCALE = Path(__file__).parent / "locale"
DOMAIN = "order_page"

_SPACE = "\N{NO-BREAK SPACE}"
_ENGLISH_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_DUTCH_MONTHS = (
    *("januari", "februari", "maart", "april", "mei", "juni"),
    *("juli", "augustus", "september", "oktober", "november", "december"),
)


@dataclass(frozen=True, slots=True)
class Language:
    """Calling a language translates an English text and fills in its `%(name)s` values."""

    code: str
    translations: gettext.NullTranslations
    months: tuple[str, ...]
    symbols: dict[str, str]
    point: str
    thousands: str

    def __call__(self, text: str, **values: object) -> Markup:
        # Our own texts are safe HTML. Markup escapes the values.
        said = Markup(self.translations.gettext(text))  # noqa: S704
        return said % values if values else said

    def money(self, money: Money) -> str:
        whole, _, cents = decimal_text(money.amount, money.currency).partition(".")
        grouped = f"{int(whole):,}".replace(",", self.thousands)
        symbol = self.symbols.get(money.currency, money.currency + _SPACE)
        return f"{symbol}{grouped}{self.point + cents if cents else ''}"

    def moment(self, at: int) -> Markup:
        """Epoch milliseconds UTC as a `time` element."""
        when = dt.datetime.fromtimestamp(at // 60_000 * 60, dt.UTC)
        # A line may break only between the date and the time.
        text = f"{when.day}~{self.months[when.month - 1]}~{when.year}, {when:%H:%M}~UTC".replace("~", _SPACE)
        return Markup('<time datetime="{}">{}</time>').format(f"{when:%Y-%m-%dT%H:%MZ}", text)


def _translations(code: str) -> gettext.NullTranslations:
    with (LOCALE / code / "LC_MESSAGES" / f"{DOMAIN}.mo").open("rb") as file:
        return gettext.GNUTranslations(file)


LANGUAGES = {
    "en": Language(
        *("en", gettext.NullTranslations(), _ENGLISH_MONTHS),
        symbols={"EUR": "€", "USD": "$", "GBP": "£"},
        point=".",
        thousands=",",
    ),
    "nl": Language(
        *("nl", _translations("nl"), _DUTCH_MONTHS),
        symbols={"EUR": "€" + _SPACE, "USD": "US$" + _SPACE, "GBP": "£" + _SPACE},
        point=",",
        thousands=".",
    ),
}
_RANGE = re.compile(r"([a-z]{1,8}|\*)(?:-[a-z0-9-]*)?(?:;q=([01](?:\.\d{0,3})?))?", re.IGNORECASE)


def preferred(accepts: str) -> Language:
    """The language that `Accept-Language` prefers, or English."""
    best, found = 0.0, LANGUAGES["en"]
    for part in accepts[:200].split(","):
        match = _RANGE.fullmatch(part.replace(" ", ""))
        weight = float(match[2] or 1) if match else 0.0
        if match and weight > best and match[1].lower() in LANGUAGES:
            best, found = weight, LANGUAGES[match[1].lower()]
    return found
