"""Links lead to an existing page and heading, sources cite existing pages, and every endpoint is documented."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hosting_orders.domain.webhook_events import EventType
from tests.structure.project import PACKAGE, ROOT, functions, listed, read_template, tracked_files

EVENT_ROW = re.compile(r"^\| `([a-z.]+\.[a-z_]+)` \| (.+) \|$", re.MULTILINE)
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "bench" / "README.md"]
CONTRACTS = ROOT / "docs" / "contracts.md"
SOURCES = {".py", ".yaml", ".toml", ".sh", ""}

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
# Quoted text is skipped, because it is a path that the code itself opens.
CITED_PAGE = re.compile(r"(?<![\w./\"'-])((?:\.\./)*[\w./-]*\w\.md)\b")
# The id of a check or a decision in docs/contracts.md. In a test's name, the id has underscores.
CITED_ID = re.compile(r"(?<![A-Za-z0-9-])(O[12]-\d{3}[a-z]?|(?:SQ|HU)-\d{3}|C[012]\d)(?![0-9A-Za-z])")
NAMED_ID = re.compile(r"(?:O[12]_\d{3}[a-z]?|HU_\d{3}|(?<=_)C\d\d)(?=_)")
GLOSSARY_FILE = re.compile(r"`([\w./]+(?:\.(?:py|md)|/))`")


def anchors(text: str) -> set[str]:
    """The fragments of the headings, as GitHub builds them."""
    found = set()
    for heading in HEADING.findall(FENCE.sub("", text)):
        plain = re.sub(r"[^\w\- ]", "", heading.strip().lower())
        found.add(plain.replace(" ", "-"))
    return found


def broken_links(page: Path, text: str) -> list[str]:
    problems = []
    for link in LINK.findall(FENCE.sub("", text)):
        if re.match(r"[a-z]+:", link):
            continue
        target, _, fragment = link.partition("#")
        path = (page.parent / target).resolve() if target else page
        if not path.exists():
            problems.append(f"{page.name} links to {link}, which does not exist")
        elif fragment and fragment not in anchors(path.read_text(encoding="utf-8")):
            problems.append(f"{page.name} links to {link}: no such heading")
    return problems


def missing_pages(name: str, text: str) -> list[str]:
    """Sources cite a page by its path from the repository's root, so a reader can open it."""
    return [
        f"{name} cites {cited}, which does not exist"
        for cited in sorted(set(CITED_PAGE.findall(text)))
        if cited.startswith("..") or not (ROOT / cited).is_file()
    ]


def unknown_ids(name: str, cited: set[str], contracts: str) -> list[str]:
    known = set(CITED_ID.findall(contracts))
    return [f"{name} cites {one}, which docs/contracts.md does not have" for one in sorted(cited - known)]


def endpoints() -> list[str]:
    found = []
    for function in functions(read_template()).values():
        for event in function.get("Events", {}).values():
            if event["Type"] == "HttpApi" and "Path" in event["Properties"]:
                path = re.sub(r"\{(\w+)\}", r":\1", event["Properties"]["Path"])
                found.append(f"{event['Properties']['Method']} {path}")
    return sorted(found)


def left_out(wanted: list[str], text: str) -> list[str]:
    return [endpoint for endpoint in wanted if f"`{endpoint}`" not in text]


def sources() -> list[tuple[str, str]]:
    """(name, text) of every source except pages and this file with its examples."""
    return [
        (str(path.relative_to(ROOT)), path.read_text(encoding="utf-8"))
        for path in tracked_files()
        if path.suffix in SOURCES and path != Path(__file__)
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    assert broken_links(page, page.read_text(encoding="utf-8")) == []


def test_every_page_is_linked_from_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [page.name for page in PAGES[1:-1] if f"](docs/{page.name})" not in readme] == []


def test_no_source_cites_a_missing_page() -> None:
    found = sources()
    assert len(found) > 100
    problems = [problem for name, text in found for problem in missing_pages(name, text)]
    assert not problems, listed(problems)


def test_every_cited_id_is_on_the_contracts_page() -> None:
    contracts = CONTRACTS.read_text(encoding="utf-8")
    problems = []
    for name, text in sources():
        cited = set(CITED_ID.findall(text))
        if name.startswith(tuple(f"tests/conformance/contract_00{number}/" for number in (1, 2, 3))):
            cited |= {one.replace("_", "-") for one in NAMED_ID.findall(text)}
        problems += unknown_ids(name, cited, contracts)
    assert not problems, listed(problems)


def test_every_endpoint_is_in_readme_and_docs_contracts() -> None:
    wanted = endpoints()
    assert len(wanted) > 15
    for page in (CONTRACTS, ROOT / "README.md"):
        assert left_out(wanted, page.read_text(encoding="utf-8")) == [], page.name


def test_the_files_of_the_glossary_exist() -> None:
    named = GLOSSARY_FILE.findall((ROOT / "docs" / "glossary.md").read_text(encoding="utf-8"))
    assert len(named) > 30
    assert [name for name in named if not (ROOT / name).exists() and not (PACKAGE / name).exists()] == []


# -- the rules on small examples ----------------------------------------------------------------------


@pytest.mark.parametrize("link", ["docs/house.md", "docs/money.md#no-such-heading", "#no-such-heading"])
def test_a_broken_link_is_noticed(link: str) -> None:
    assert broken_links(ROOT / "README.md", f"see [this]({link})")


@pytest.mark.parametrize(
    "link", ["docs/money.md", "docs/money.md#what-is-measured", "https://example.test/x.md"]
)
def test_a_good_link_passes(link: str) -> None:
    assert broken_links(ROOT / "README.md", f"see [this]({link})") == []


@pytest.mark.parametrize("text", ["(design.md section 5)", "../shared/house.md", "see docs/style.md"])
def test_a_missing_page_is_noticed(text: str) -> None:
    assert missing_pages("x.py", text)


@pytest.mark.parametrize("text", ["docs/design.md, section 5", "README.md", "bench/README.md", "a.mdx"])
def test_a_page_cited_by_its_path_passes(text: str) -> None:
    assert missing_pages("x.py", text) == []


def test_an_unknown_id_and_an_undocumented_endpoint_are_noticed() -> None:
    assert unknown_ids("x.py", {"O2-001", "O2-999", "C29"}, "| O2-001 | … | C01 |") != []
    assert left_out(["GET /api/orders", "GET /api/orders/:id"], "`GET /api/orders`") == [
        "GET /api/orders/:id"
    ]


def test_docs_webhooks_describes_every_event_type() -> None:
    page = (ROOT / "docs" / "webhooks.md").read_text(encoding="utf-8")
    listed_types = dict(EVENT_ROW.findall(page))
    assert listed_types == {kind.value: kind.about for kind in EventType}
