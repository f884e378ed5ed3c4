"""The signed text of a quote, and the fingerprint of the quoted products."""

from __future__ import annotations

import pytest

from hosting_orders.adapters.page_tokens import SignedPageTokens
from hosting_orders.adapters.quotes import SignedQuotes
from hosting_orders.domain.catalogue import Term
from hosting_orders.domain.products import DomainItem, SiteItem
from hosting_orders.domain.quote import Quote, QuotedPrice, fingerprint_of
from hosting_orders.domain.registration import DomainAction

QUOTE = Quote("q", "acc", "ab" * 16, "EUR", (QuotedPrice(1200, 1400),) * 20, 24000, 1_790_000_300_000)
SITE = SiteItem("Shop", "vanilla", "ams", "basic", Term.MONTHLY)


def test_a_signed_quote_is_read_back() -> None:
    token = SignedQuotes(["s"]).sign(QUOTE)
    assert SignedQuotes(["s"]).read(token) == QUOTE
    assert len(token) < 1000


def test_quotes_signed_with_the_old_secret_are_still_read() -> None:
    old = SignedQuotes(["old"]).sign(QUOTE)
    assert SignedQuotes(["new", "old"]).read(old) == QUOTE
    assert SignedQuotes(["new"]).read(old) is None
    assert SignedQuotes(["new"]).read(SignedQuotes(["new", "old"]).sign(QUOTE)) == QUOTE


def test_a_changed_token_is_not_read() -> None:
    token = SignedQuotes(["s"]).sign(QUOTE)
    for place in range(len(token) - 1):
        changed = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
        assert SignedQuotes(["s"]).read(changed) is None, place


@pytest.mark.parametrize("text", ["", ".", "a.b", "é", "\x00", "." * 5000])
def test_other_texts_are_not_read_as_quotes(text: str) -> None:
    assert SignedQuotes(["s"]).read(text) is None


def test_page_tokens_and_quotes_are_not_interchangeable() -> None:
    assert SignedQuotes(["s"]).read(SignedPageTokens(["s"]).token("acc", 1)) is None
    assert SignedPageTokens(["s"]).read(SignedQuotes(["s"]).sign(QUOTE)) is None


def test_the_fingerprint_ignores_only_prices() -> None:
    name = DomainItem("a.com", "a.com", "com", DomainAction.REGISTER, renewal_amount=1)
    assert fingerprint_of([name]) == fingerprint_of([name.renewing_at(2)])
    transfer = DomainItem("a.com", "a.com", "com", DomainAction.TRANSFER, renewal_amount=1)
    yearly = SiteItem("Shop", "vanilla", "ams", "basic", Term.ANNUAL)
    lists = ([], [name], [transfer], [SITE], [yearly], [SITE, name], [name, SITE], [SITE, SITE])
    assert len({fingerprint_of(items) for items in lists}) == len(lists)
