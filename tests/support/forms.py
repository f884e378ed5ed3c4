"""The forms of a stand-in's page, as a browser without scripts reads and sends them."""

from __future__ import annotations

import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass, field
from html.parser import HTMLParser


@dataclass
class Form:
    action: str
    fields: dict[str, str] = field(default_factory=dict)
    choices: dict[str, list[str]] = field(default_factory=dict)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self._select = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            assert given["method"] == "post"
            self.forms.append(Form(given["action"]))
        elif tag in ("input", "textarea"):
            self.forms[-1].fields[given["name"]] = given.get("value", "")
        elif tag == "select":
            self._select = given["name"]
            self.forms[-1].choices[self._select] = []
        elif tag == "option":
            fields, options = self.forms[-1].fields, self.forms[-1].choices[self._select]
            if not options or "selected" in given:
                fields[self._select] = given["value"]
            options.append(given["value"])


def forms_of(address: str) -> list[Form]:
    with urllib.request.urlopen(address, timeout=10) as answer:
        reader = _Reader()
        reader.feed(answer.read().decode())
    return reader.forms


def send(address: str, form: Form, **filled_in: str) -> str:
    """Send a form and return the final address. Fails if the form is refused."""
    assert filled_in.keys() <= form.fields.keys()
    body = urllib.parse.urlencode({**form.fields, **filled_in}).encode()
    try:
        with urllib.request.urlopen(urllib.parse.urljoin(address, form.action), body, timeout=10) as answer:
            return str(answer.url)
    except urllib.error.HTTPError as refusal:
        with refusal:
            raise AssertionError(f"{form}: {refusal.code} {refusal.read().decode()}") from refusal
