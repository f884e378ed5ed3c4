"""Every number in PAGES agrees with the code, and each decision in docs/decisions.md is one short row."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from datetime import date

import pytest

from hosting_orders.adapters.dynamodb.pages import MARK_EVERY
from hosting_orders.adapters.stripe.client import KEYS_ARE_KEPT
from hosting_orders.domain import deadlines
from hosting_orders.domain.callback import KEPT_ATTEMPTS
from hosting_orders.domain.callback_url import PORTS
from hosting_orders.domain.cart import MAX_ITEMS
from hosting_orders.domain.durations import DAY, HOUR, MINUTE
from hosting_orders.domain.products import DomainItem
from hosting_orders.domain.registration import DomainAction
from hosting_orders.usecases.list_tasks import WINDOW
from hosting_orders.usecases.unpaid_domains import MAX_UNPAID_DOMAINS
from local.stack import running_stack
from tests.structure.project import ROOT, functions, listed, plain, read_template, tracked_files
from tests.structure.test_docs import PRICES, count
from tests.structure.test_money_paths import HOLDERS

README, DESIGN, DECISIONS = "README.md", "docs/design.md", "docs/decisions.md"
PAGES = (
    README,
    DESIGN,
    DECISIONS,
    "docs/glossary.md",
    "docs/extending.md",
    "CHANGELOG.md",
    "events/README.md",
)
DOMAIN = DomainItem("example.com", "example.com", "com", DomainAction.REGISTER, renewal_amount=1400)


def runtime() -> str:
    found: str = next(iter(functions(read_template()).values()))["Runtime"]
    return found.removeprefix("python")


def architecture() -> str:
    template = read_template()
    (found,) = plain(next(iter(functions(template).values()))["Architectures"][0], template).splitlines()
    return str(found)


def pythons() -> list[str]:
    text = (ROOT / "local/toolchain/bootstrap.sh").read_text(encoding="utf-8")
    (known,) = re.findall(r'^known_versions="([\d. ]+)"$', text, re.MULTILINE)
    return sorted(known.split(), key=lambda version: int(version.removeprefix("3.")))


def monthly(kind: str) -> Callable[[], str]:
    return lambda: f"{PRICES[kind] * count(kind):.2f}"


def seconds_between_reconciliations() -> str:
    every = inspect.signature(running_stack).parameters["schedule_seconds"].default
    return f"{every:g}"


# Each entry: a page, a pattern whose group is a number, and the code's value. The page's line breaks become spaces.
NUMBERS: list[tuple[str, str, Callable[[], object]]] = [
    (README, r"They need Python (\S+) to", lambda: pythons()[0]),
    (README, r"They need Python \S+ to (\S+) on", lambda: pythons()[-1]),
    (README, r"packages for Python (\S+) on", runtime),
    (README, r"With Python (\S+) installed", runtime),
    (README, r"packages for Python \S+ on (\w+)\.", architecture),
    (README, r"orders of the last (\d+) days, as tasks", lambda: WINDOW // DAY),
    (README, r"(\d+) functions \(each with its own role\)", lambda: len(functions(read_template()))),
    (README, r"(\d+) log groups", lambda: count("AWS::Logs::LogGroup")),
    (README, r"(\d+) policies \(one for each right\)", lambda: count("AWS::IAM::ManagedPolicy")),
    (
        README,
        r"Without orders it costs about ([\d.]+) \$ a month",
        lambda: f"{sum(PRICES[kind] * count(kind) for kind in PRICES):.2f}",
    ),
    (README, r"the \[key\]\S+ ([\d.]+),", monthly("AWS::KMS::Key")),
    (README, r"\[secrets\]\S+ ([\d.]+),", monthly("AWS::SecretsManager::Secret")),
    (README, r"\[alarms\]\S+ ([\d.]+)\. ", monthly("AWS::CloudWatch::Alarm")),
    (README, r"three queues, (\d+) alarms", lambda: count("AWS::CloudWatch::Alarm")),
    (DESIGN, r"a maximum of (\d+) items", lambda: MAX_ITEMS),
    (DESIGN, r"Every (\d+)th order of an account has a mark", lambda: MARK_EVERY),
    (DESIGN, r"Orders of the last (\d+) minutes get no mark", lambda: deadlines.ORDER_WRITTEN // MINUTE),
    (DESIGN, r"After (\d+) hours the adapter searches", lambda: KEYS_ARE_KEPT // 3600),
    (DESIGN, r"A page ends (\d+) hours after the order", lambda: deadlines.CHECKOUT_EXPIRY // HOUR),
    (DESIGN, r"waits (\d+) minutes after a refusal", lambda: deadlines.COMPENSATION_CHECK // MINUTE),
    (DECISIONS, r"a new idempotency key (\d+) minutes later", lambda: deadlines.COMPENSATION_CHECK // MINUTE),
    (DESIGN, r"a domain's (\d+) days earlier", lambda: DOMAIN.renews_before() // DAY),
    (DESIGN, r"(\d+) functions hold Stripe's key", lambda: len(HOLDERS["StripeSecret"])),
    (DESIGN, r"and (\d+) hold the platform's", lambda: len(HOLDERS["PlatformSecret"])),
    (DESIGN, r"one process may call for (\d+) minutes", lambda: deadlines.SUBMISSION_LEASE // MINUTE),
    (DESIGN, r"The record holds the newest (\d+) attempts", lambda: KEPT_ATTEMPTS),
    (DESIGN, r"HTTPS on ports (\d+) and", lambda: min(PORTS)),
    (DESIGN, r"HTTPS on ports \d+ and (\d+)", lambda: max(PORTS)),
    (DESIGN, r"The reconciler runs every (\d+) seconds there", seconds_between_reconciliations),
    (DECISIONS, r"A domain's renewal is charged (\d+) days early", lambda: DOMAIN.renews_before() // DAY),
    (DECISIONS, r"the reconciler runs every (\d+) seconds", seconds_between_reconciliations),
    (DECISIONS, r"may have (\d+) unpaid domains", lambda: MAX_UNPAID_DOMAINS),
    (DECISIONS, r"Every (\d+)th order has a page mark", lambda: MARK_EVERY),
]

# Digits that belong to a name, or to a vendor's limit or price with a link to the vendor's page.
NAMES = re.compile(
    r"""
    \bdecisions?\ \d+(?:,\ \d+)*(?:\ and\ \d+)?       # decisions
    | \b00[0-3]\b | \b[Vv]ersions?\ [12](?:\ or\ [12])? # contracts and versions of the API
    | \bCarts\ v2 | \bstep\ 1\b
    | (?<=\ba\ )4\d\d\b | (?<=[|:;]\ )4\d\d\b          # HTTP
    | \bRoute\ 53\b | \b24-hex | \bSHA-256\b | \b3-D\ Secure | \be2e\b
    | \bup\ to\ 24\ hours\b                            # a Checkout Session
    | \b0\.50\ \$\ a\ month                            # a zone at Route 53
    """,
    re.VERBOSE,
)
# Digits of docs/decisions.md that are not checked: a row's number and date, a subject's numbers, and the numbers of
# other decisions.
COLUMNS = re.compile(
    r"""^\|\ \d+\ \|\ [\d-]{10}\ \| | ^\|\ [a-z\ ]+\ \|\ [\d,\ ]+\ \|$
    | (?:Extends|Continues|step\ of)\ \d+(?:\ and\ \d+)?\b | \b\d+(?=\ changes\ how)""",
    re.MULTILINE | re.VERBOSE,
)


def joined(text: str) -> str:
    return " ".join(text.split())


def read(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def wrong_number(page: str, text: str, pattern: str, value: object) -> str | None:
    found = re.findall(pattern, joined(text))
    if not found:
        return f"{page} does not say {pattern!r}"
    return None if set(found) == {str(value)} else f"{page} says {found} for {pattern!r}; the code {value}"


def unchecked_numbers(page: str, text: str) -> list[str]:
    """Numbers that neither NUMBERS nor NAMES covers. Code and the targets of links are left out."""
    text = re.sub(r"^```.*?^```|^ *\d\. ", "", text, flags=re.MULTILINE | re.DOTALL)
    left = joined(COLUMNS.sub("", text) if page == DECISIONS else text)
    patterns = [pattern for where, pattern, _ in NUMBERS if where == page]
    spans = {found.span(1) for pattern in patterns for found in re.finditer(pattern, left)}
    for start, end in sorted(spans, reverse=True):
        left = left[:start] + left[end:]
    left = re.sub(r"`[^`]*`", "…", left)
    left = re.sub(r"\]\([^)]*\)", "]", left)
    return re.findall(r".{0,40}(?<!\w)\d[\d.,]*.{0,20}", NAMES.sub("", left))


@pytest.mark.parametrize(
    ("page", "pattern", "value"), NUMBERS, ids=[f"{page}: {said}" for page, said, _ in NUMBERS]
)
def test_the_number_agrees_with_the_code(page: str, pattern: str, value: Callable[[], object]) -> None:
    assert wrong_number(page, read(page), pattern, value()) is None


@pytest.mark.parametrize("page", PAGES)
def test_every_number_is_checked(page: str) -> None:
    found = unchecked_numbers(page, read(page))
    assert not found, listed(found)


# -- decisions ----------------------------------------------------------------------------------------

ROW = re.compile(r"^\| (\d+) \|(.*)\|$", re.MULTILINE)
CITED = re.compile(r"\[decisions? ([\d, and]+)\]\((?:docs/)?decisions\.md\)|docs/decisions\.md,? (\d+)")
MAX_WORDS = 60


def rows(text: str) -> Iterator[tuple[int, list[str]]]:
    for number, rest in ROW.findall(text):
        yield int(number), [cell.strip() for cell in rest.split("|")]


def broken_rows(text: str) -> list[str]:
    found = list(rows(text))
    problems = []
    if [number for number, _ in found] != list(range(1, len(found) + 1)):
        problems.append("the numbers do not ascend without a gap")
    before = date.min
    for number, cells in found:
        if len(cells) != 4 or not all(cells):
            problems.append(f"{number}: a row has a date, a choice, a reason and what would change it")
            continue
        if sum(len(cell.split()) for cell in cells) + 1 >= MAX_WORDS:
            problems.append(f"{number}: {MAX_WORDS} words or more")
        made = date.fromisoformat(cells[0])
        if made < before:
            problems.append(f"{number}: its date is before that of the row above")
        before = made
    return problems


def test_each_decision_is_one_short_row() -> None:
    text = read(DECISIONS)
    assert len(list(rows(text))) > 50
    assert broken_rows(text) == []


def test_each_decision_is_under_a_subject() -> None:
    text = read(DECISIONS)
    listed_numbers = {
        int(number)
        for numbers in re.findall(r"^\| [a-z ]+ \| ([\d, ]+) \|$", text, re.MULTILINE)
        for number in numbers.split(", ")
    }
    assert listed_numbers == {number for number, _ in rows(text)}


def test_every_cited_decision_exists() -> None:
    known = {number for number, _ in rows(read(DECISIONS))}
    problems = []
    for path in tracked_files():
        if path.suffix not in (".md", ".py", ".yaml") or path.name == "test_numbers_design.py":
            continue
        for linked, named in CITED.findall(joined(path.read_text(encoding="utf-8"))):
            problems += [
                f"{path.relative_to(ROOT)} cites decision {number}"
                for number in re.findall(r"\d+", linked or named)
                if int(number) not in known
            ]
    assert not problems, listed(problems)


# -- the rules on small examples ----------------------------------------------------------------------


def test_a_wrong_number_is_noticed() -> None:
    assert wrong_number("x", "A cart has a maximum of\n21 items.", r"a maximum of (\d+) items", 20)
    assert wrong_number("x", "No number here.", r"a maximum of (\d+) items", 20)
    assert wrong_number("x", "a maximum of 20 items", r"a maximum of (\d+) items", 20) is None


@pytest.mark.parametrize(
    "text", ["It waits for 7 minutes.", "12 functions do it.", "A cart of 20 items.", "| a | 3 days |"]
)
def test_an_unchecked_number_is_noticed(text: str) -> None:
    assert unchecked_numbers(DESIGN, text)


@pytest.mark.parametrize(
    "text",
    [
        "Route 53 answers a 404 in version 1 ([decisions 14, 23 and 25](docs/decisions.md)).",
        "`60` of contract 000",
    ],
)
def test_a_name_with_digits_passes(text: str) -> None:
    assert unchecked_numbers(DESIGN, text) == []


@pytest.mark.parametrize(
    "text",
    [
        "| 2 | 2026-11-21 | a | b | c |",
        "| 1 | 2026-11-21 | a | b | |",
        "| 1 | 2026-11-22 | a | b | c |\n| 2 | 2026-11-21 | a | b | c |",
        f"| 1 | 2026-11-21 | {'word ' * 58}| b | c |",
    ],
)
def test_a_broken_row_is_noticed(text: str) -> None:
    assert broken_rows(text)
