"""The order's page has two languages. Every text is translated, and the compiled texts match their sources."""

from __future__ import annotations

import re

import pytest

from hosting_orders.contracts.order_page.languages import LANGUAGES, LOCALE, preferred
from hosting_orders.domain.money import Money
from local import translations
from tests.structure.project import listed

PLACEHOLDER = re.compile(r"%\((\w+)\)s")
HOW_TO = "run `python -m local.translations` and translate what is new"


def untranslated(texts: set[str], translated: dict[str, str]) -> list[str]:
    problems = [f"{text!r} has no translation" for text in sorted(texts) if not translated.get(text)]
    problems += [f"{text!r} is not on the page" for text in sorted(set(translated) - texts)]
    return problems + [
        f"{text!r} has other placeholders in its translation"
        for text, said in sorted(translated.items())
        if said and sorted(PLACEHOLDER.findall(text)) != sorted(PLACEHOLDER.findall(said))
    ]


def texts() -> set[str]:
    return {str(message.id) for message in translations.collected() if message.id}


def translated(language: str) -> dict[str, str]:
    return {str(message.id): str(message.string) for message in translations.written(language) if message.id}


def test_every_language_except_english_has_a_translation() -> None:
    assert set(translations.TRANSLATED) == set(LANGUAGES) - {"en"}
    assert {path.name for path in LOCALE.iterdir()} == set(translations.TRANSLATED)


@pytest.mark.parametrize("language", translations.TRANSLATED)
def test_every_text_is_translated_with_its_placeholders(language: str) -> None:
    found = texts()
    assert len(found) > 60
    assert {"Pay now", "Ordered", "Your website is ready", "This page does not exist"} <= found
    problems = untranslated(found, translated(language))
    assert not problems, listed([*problems, HOW_TO])
    assert not any(message.fuzzy for message in translations.written(language))


@pytest.mark.parametrize("language", translations.TRANSLATED)
def test_the_compiled_texts_match_their_source(language: str) -> None:
    compiled = translations.TRANSLATED[language].with_suffix(".mo").read_bytes()
    assert compiled == translations.compiled(language), HOW_TO
    say = LANGUAGES[language]
    assert {text: str(say(text)) for text in texts()} == translated(language)


def test_missing_extra_and_wrong_translations_are_detected() -> None:
    said = {"Pay now": "Nu betalen", "order %(number)s": "bestelling %(nummer)s", "Gone": "Weg", "New": ""}
    assert untranslated({"Pay now", "order %(number)s", "New"}, said) == [
        "'New' has no translation",
        "'Gone' is not on the page",
        "'order %(number)s' has other placeholders in its translation",
    ]


def test_every_text_is_a_literal() -> None:
    """The extractor cannot find a text that is built at run time."""
    for method, path in translations.sources():
        calls = re.findall(r"\b_\(\s*([^\s\"')])", path.read_text(encoding="utf-8"))
        assert calls == [], (method, path.name)


@pytest.mark.parametrize(
    ("money", "english", "dutch"),
    [
        (Money(1200, "EUR"), "€12.00", "€ 12,00"),
        (Money(123456789, "EUR"), "€1,234,567.89", "€ 1.234.567,89"),
        (Money(5, "USD"), "$0.05", "US$ 0,05"),
        (Money(1250, "SEK"), "SEK 12.50", "SEK 12,50"),
        (Money(125000, "JPY"), "JPY 125,000", "JPY 125.000"),
    ],
)
def test_amounts_are_formatted_in_each_language(money: Money, english: str, dutch: str) -> None:
    assert LANGUAGES["en"].money(money).replace("\N{NO-BREAK SPACE}", " ") == english
    assert LANGUAGES["nl"].money(money).replace("\N{NO-BREAK SPACE}", " ") == dutch


def test_times_are_formatted_in_each_language() -> None:
    at = 1_772_323_199_999  # 2026-02-28T23:59:59.999Z
    assert (
        LANGUAGES["en"].moment(at).replace("\N{NO-BREAK SPACE}", " ")
        == '<time datetime="2026-02-28T23:59Z">28 February 2026, 23:59 UTC</time>'
    )
    assert "1 maart 2026, 00:00" in LANGUAGES["nl"].moment(at + 1).replace("\N{NO-BREAK SPACE}", " ")


def test_values_are_escaped_unless_they_are_markup() -> None:
    assert LANGUAGES["nl"]("order %(number)s", number="<b>") == "bestelling &lt;b&gt;"
    assert LANGUAGES["en"]("%(a)s", a=LANGUAGES["en"].moment(0)).startswith("<time")


@pytest.mark.parametrize(
    ("accepts", "language"),
    [
        ("nl", "nl"),
        ("NL-be", "nl"),
        ("en;q=0.7, nl;q=0.8", "nl"),
        ("de, fr;q=0.9, nl;q=0.1", "nl"),
        ("nl;q=0.5, en;q=0.5", "nl"),
        ("en, nl", "en"),
        ("nl;q=0", "en"),
        ("de", "en"),
        ("", "en"),
        ("nl;q=2", "en"),
        ("nl;;", "en"),
    ],
)
def test_the_browsers_preferred_language_is_used(accepts: str, language: str) -> None:
    assert preferred(accepts).code == language
