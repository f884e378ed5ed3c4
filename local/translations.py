"""The translations of the order's page.

`python -m local.translations` updates the .po file from the sources and compiles it. A test fails if a text has no
translation, and names the text.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_file
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

COMMENT = "# The order's page. `python -m local.translations` adds texts that are new and compiles this file."
PAGE = Path(__file__).parents[1] / "layers" / "hosting_orders" / "hosting_orders" / "contracts" / "order_page"
TRANSLATED = {"nl": PAGE / "locale" / "nl" / "LC_MESSAGES" / "order_page.po"}


class Translations(Catalog):
    """A catalogue without headers that vary, such as the date. So it compiles to the same bytes everywhere."""

    HEADERS = (
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Plural-Forms", "nplurals=2; plural=(n != 1);"),
    )

    def __init__(self, language: str) -> None:
        super().__init__(locale=language, fuzzy=False, header_comment=COMMENT)

    def __iter__(self) -> Iterator[Message]:
        yield Message("", "\n".join(f"{name}: {value}" for name, value in self.HEADERS) + "\n")
        yield from self._messages.values()


def sources() -> Iterator[tuple[str, Path]]:
    """(extraction method, file) for each file with texts."""
    yield from (("python", path) for path in sorted(PAGE.glob("*.py")))
    yield from (("jinja2", path) for path in sorted(PAGE.glob("templates/*.html")))


def collected() -> Catalog:
    """The texts in the sources. They have no line numbers, which would change with every edit."""
    catalog = Catalog()
    for method, path in sources():
        for _line, message, _comments, _context in extract_from_file(method, path, keywords={"_": None}):
            catalog.add(message, locations=[(path.relative_to(PAGE).as_posix(), 0)])
    return catalog


def written(language: str) -> Translations:
    catalog = Translations(language)
    with TRANSLATED[language].open("rb") as file:
        for message in read_po(file, locale=language, abort_invalid=True):
            if message.id:
                catalog[message.id] = message
    return catalog


def compiled(language: str) -> bytes:
    out = io.BytesIO()
    write_mo(out, written(language))
    return out.getvalue()


def main() -> None:
    for language, path in TRANSLATED.items():
        catalog = written(language)
        catalog.update(collected(), no_fuzzy_matching=True)
        with path.open("wb") as file:
            write_po(file, catalog, width=110, include_lineno=False, ignore_obsolete=True)
        path.with_suffix(".mo").write_bytes(compiled(language))


if __name__ == "__main__":
    main()
