"""Domains as clients write them: the normal form, and the errors for invalid domains."""

from __future__ import annotations

import ipaddress
import subprocess
import sys
import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hosting_orders.adapters.route53 import tlds
from hosting_orders.adapters.route53.domain_names import parse_domain_name
from hosting_orders.adapters.route53.rules import TableRegistryRules
from hosting_orders.domain.errors import InvalidRequestError
from hosting_orders.domain.registration import DomainName

RULES = TableRegistryRules()
TLDS = {name: tlds.facts(name) for name in sorted(tlds.known())}


def refusal(text: str) -> InvalidRequestError:
    with pytest.raises(InvalidRequestError) as caught:
        RULES.parse_name(text)
    assert caught.value.pointer == "/name"
    return caught.value


@pytest.mark.parametrize(
    ("text", "unicode", "ascii_name", "tld"),
    [
        ("example.com", "example.com", "example.com", "com"),
        ("Example.COM.", "example.com", "example.com", "com"),
        ("  example.com\n", "example.com", "example.com", "com"),
        ("EXAMPLE。com", "example.com", "example.com", "com"),
        ("example．com", "example.com", "example.com", "com"),
        ("example｡com。", "example.com", "example.com", "com"),
        ("ｅｘａｍｐｌｅ．ｃｏｍ", "example.com", "example.com", "com"),
        ("foo.co.uk", "foo.co.uk", "foo.co.uk", "co.uk"),
        ("foo.uk", "foo.uk", "foo.uk", "uk"),
        ("foo.org.uk", "foo.org.uk", "foo.org.uk", "org.uk"),
        ("foo.com.au", "foo.com.au", "foo.com.au", "com.au"),
        ("foo.au", "foo.au", "foo.au", "au"),
        ("café.fr", "café.fr", "xn--caf-dma.fr", "fr"),
        ("cafe\u0301.fr", "café.fr", "xn--caf-dma.fr", "fr"),
        ("XN--CAF-DMA.fr", "café.fr", "xn--caf-dma.fr", "fr"),
        ("münchen.de", "münchen.de", "xn--mnchen-3ya.de", "de"),
        ("MÜNCHEN.DE", "münchen.de", "xn--mnchen-3ya.de", "de"),
        ("faß.de", "faß.de", "xn--fa-hia.de", "de"),  # IDNA 2008 keeps the ß
        ("fass.de", "fass.de", "fass.de", "de"),
        ("日本.org", "日本.org", "xn--wgv71a.org", "org"),
        ("שלום.com", "שלום.com", "xn--9dbne9b.com", "com"),
        ("אב1.com", "אב1.com", "xn--1-zhcd.com", "com"),
        ("col·lega.es", "col·lega.es", "xn--collega-xma.es", "es"),
        ("ex\u00adample.com", "example.com", "example.com", "com"),  # a soft hyphen is dropped
        ("1.com", "1.com", "1.com", "com"),
        ("1234.com", "1234.com", "1234.com", "com"),
        (f"{'x' * 63}.com", f"{'x' * 63}.com", f"{'x' * 63}.com", "com"),
        ("😉.fm", "😉.fm", "xn--n28h.fm", "fm"),
        ("xn--n28h.fm", "😉.fm", "xn--n28h.fm", "fm"),
        ("i❤️.fm", "i❤.fm", "xn--i-7iq.fm", "fm"),
        ("👍🏽.fm", "👍🏽.fm", "xn--on8h5e.fm", "fm"),
    ],
)
def test_a_domain_has_one_normal_form(text: str, unicode: str, ascii_name: str, tld: str) -> None:
    assert RULES.parse_name(text) == DomainName(unicode, ascii_name, tld)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "empty"),
        ("   ", "empty"),
        (".", "a dot too many"),
        ("..", "a dot too many"),
        ("a..com", "a dot too many"),
        (".example.com", "a dot too many"),
        ("example.com..", "a dot too many"),
        ("a" * 300, "must have at most"),
        (f"{'x' * 64}.com", "must have at most"),
        (f"{'ü' * 60}.de", "must have at most"),
        (".".join(["x" * 60] * 4 + ["com"]), "sub-domain"),
        (".".join(["ü" * 30] * 7 + ["com"]), "must have at most"),
        ("com", "put a name before it"),
        ("co.uk", "such as `example.co.uk`"),
        (".com", "a dot too many"),
        ("localhost", "no ending"),
        ("www.example.com", "order `example.com`"),
        ("a.b.c.example.com", "order `example.com`"),
        ("www.foo.co.uk", "order `foo.co.uk`"),
        ("www.bücher.de", "order `bücher.de`"),
        ("www.xn--bcher-kva.de", "order `bücher.de`"),
        ("foo.github.io", "order `github.io`"),  # no registry sells names under github.io
        ("-bad.com", "begins or ends with a hyphen"),
        ("bad-.com", "begins or ends with a hyphen"),
        ("ab--cd.com", "third and fourth place"),
        ("xn--.com", "ASCII form of"),
        ("xn--a.com", "ASCII form of"),
        ("xn--abc-.com", "ASCII form of"),
        ("xn--99999999999.com", "Punycode"),
        ("xn---bbk.com", "ASCII form of"),
        ("xn--MNCHEN-3YA-.de", "ASCII form of"),
        ("xn--CAF-yja.fr", "ASCII form of"),
        ("☃.net", "Emoji"),
        ("😉.com", "not allowed in domains under .com"),
        ("xn--n28h.com", "Emoji"),
        ("i❤.org", "Emoji"),
        ("a_b.com", "'_'"),
        ("a!b.com", "'!'"),
        ("ex％ample.com", "PERCENT"),
        ("https://example.com/shop", "send the domain alone"),
        ("HTTP://example.com", "send the domain alone"),
        ("ftp://example.com", "send the domain alone"),
        ("example.com/shop", "path"),
        ("example.com?x=1", "path"),
        ("example.com:8080", "port"),
        ("*.example.com", "asterisk"),
        ("ada@example.com", "e-mail address"),
        ("ada＠example.com", "e-mail address"),
        ("127.0.0.1", "IP address"),
        ("127.0.0.1.", "IP address"),
        ("１２７.0.0.1", "IP address"),
        ("::1", "IP address"),
        ("[2001:db8::1]", "IP address"),
        ("exa mple.com", "space"),
        ("exa\u3000mple.com", "space"),
        ("exa\tmple.com", "space"),
        ("exa\nmple.com", "space"),
        ("exa\x00mple.com", "control character"),
        ("exa\x7fmple.com", "control character"),
        ("exa\ud800mple.com", "control character"),
        ("a\u202eb.com", "RIGHT-TO-LEFT OVERRIDE"),
        ("שלa.com", "right to left"),
        ("1a.שלום.com", "right to left"),
        ("ex\u200dample.com", "ZERO WIDTH JOINER"),
        ("👩\u200d💻.fm", "ZERO WIDTH JOINER"),
        ("a·b.es", "MIDDLE DOT"),
        ("\u0301a.com", "accent"),
        ("a.nl", "at least 2"),
        ("é.ca", "at least 2"),
        ("café.nl", "only the letters a to z"),
        ("café.co.uk", "only the letters a to z"),
        ("xn--caf-dma.us", "only the letters a to z"),
        ("ß.ch", "does not accept ß"),
        ("straße.ca", "does not accept ß"),
        ("日本.de", "does not accept"),
        ("ω.fr", "does not accept ω"),
    ],
)
def test_an_invalid_domain_is_refused_with_the_reason(text: str, says: str) -> None:
    problem = refusal(text)
    assert (problem.code, says in str(problem)) == ("invalid_domain", True), problem


@pytest.mark.parametrize(
    "text",
    [
        "foo.zzz",
        "example.local",
        "例え.テスト",
        "foo.kobe.jp",
        "example.jp",
        "foo.me.uk",
        "foo.gov.uk",
        "example.ru",
        "example.com.sg",
        "bücher.xn--p1ai",
        "ru",
    ],
)
def test_an_unknown_tld_is_unsupported(text: str) -> None:
    assert refusal(text).code == "unsupported_tld"


@pytest.mark.parametrize("tld", sorted(TLDS))
def test_every_tld_accepts_a_domain_but_no_subdomain(tld: str) -> None:
    assert RULES.parse_name(f"Example-1.{tld}") == DomainName(f"example-1.{tld}", f"example-1.{tld}", tld)
    assert refusal(tld).code == "invalid_domain"
    assert f"`example-1.{tld}`" in str(refusal(f"www.example-1.{tld}"))


@pytest.mark.parametrize("tld", [name for name, facts in TLDS.items() if facts.letters])
def test_every_letter_on_a_registrys_list_is_accepted(tld: str) -> None:
    letters = TLDS[tld].letters or ""
    assert unicodedata.normalize("NFC", letters.lower()) == letters
    for letter in letters:
        label = "col·lega" if letter == "·" else f"a{letter}b"
        assert RULES.parse_name(f"{label}.{tld}").unicode == f"{label}.{tld}"


@settings(max_examples=400, deadline=None)
@given(st.text(max_size=80))
@example("xn--\x80.com")
@example("xn--99999999999.com")
@example("\u200c.com")
@example("\u0660.com")
def test_any_text_gives_a_domain_or_a_documented_error(text: str) -> None:
    try:
        name = RULES.parse_name(text)
    except InvalidRequestError as problem:
        assert problem.code in ("invalid_domain", "unsupported_tld")
        assert problem.pointer == "/name"
        assert str(problem)
    else:
        assert name.tld in TLDS


LABELS = st.text(
    st.one_of(
        st.sampled_from("abcz019-.xn"),
        st.sampled_from("äßéøœñ·日本אبа❤😉\u0301\u200d\u200c\ufe0f٣"),
        st.characters(),
    ),
    min_size=1,
    max_size=20,
)


@settings(max_examples=600, deadline=None)
@given(LABELS, st.sampled_from(sorted(TLDS)))
def test_normalising_a_normal_form_changes_nothing(label: str, tld: str) -> None:
    try:
        name = RULES.parse_name(f"{label}.{tld}")
    except InvalidRequestError:
        return
    assert RULES.parse_name(name.unicode) == name
    assert RULES.parse_name(name.ascii) == name
    assert name.ascii.isascii()
    assert name.ascii == name.ascii.lower()
    assert unicodedata.is_normalized("NFC", name.unicode)
    assert name.ascii.removesuffix(f".{tld}").count(".") == 0
    assert all(len(part) <= 63 for part in name.ascii.split("."))


@settings(max_examples=300, deadline=None)
@given(st.from_regex(r"[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True))
def test_letters_digits_and_hyphens_form_a_domain(label: str) -> None:
    if label[2:4] == "--":
        assert refusal(f"{label}.com").code == "invalid_domain"
        return
    assert RULES.parse_name(f"{label}.com").ascii == f"{label}.com"


@settings(max_examples=200, deadline=None)
@given(st.from_regex(r"xn--[a-z0-9-]{1,20}", fullmatch=True))
def test_an_ascii_form_must_match_its_unicode_form(label: str) -> None:
    try:
        name = RULES.parse_name(f"{label}.com")
    except InvalidRequestError:
        return
    unicode_label = name.unicode.removesuffix(".com")
    assert "xn--" + unicode_label.encode("punycode").decode() == label


@settings(max_examples=100, deadline=None)
@given(st.ip_addresses())
def test_an_ip_address_is_not_a_domain(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    assert "IP address" in str(refusal(str(address)))


def test_rules_are_found_by_any_spelling_of_the_tld() -> None:
    rules = RULES.rules("co.uk")
    assert rules is not None
    assert rules.tld == "co.uk"
    assert RULES.rules(".CO.UK") is rules
    assert RULES.rules("ｃｏ.ｕｋ") is rules
    assert RULES.rules("zzz") is None
    assert RULES.rules("") is None
    assert list(RULES.known()) == sorted(TLDS)


def test_domains_and_contacts_are_read_without_the_network() -> None:
    """The test starts a new process, which has not loaded the public suffix list yet."""
    program = """
import sys
def no_network(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo"):
        raise RuntimeError(event)
sys.addaudithook(no_network)
from hosting_orders.adapters.route53.rules import TableRegistryRules
rules = TableRegistryRules()
assert not {"idna", "publicsuffixlist", "phonenumbers", "email_validator", "jsonschema_rs"} & set(sys.modules)
print(rules.parse_name("bücher.de").ascii)
print(rules.read_contact({
    "first_name": "Ada", "last_name": "Example", "street_address": "12 High Street", "post_code": "1011 AB",
    "city": "Amsterdam", "country": "nl", "email": "ada@example.com", "phone": "+31 20 123 4567",
}).phone)
"""
    answer = subprocess.run(
        [sys.executable, "-X", "utf8", "-c", program],
        capture_output=True,
        text=True,
        check=False,
        encoding="utf-8",
    )
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.split() == ["xn--bcher-kva.de", "+31.201234567"]


@pytest.mark.parametrize(
    "name",
    [
        *("p\u0430ypal-x.com", "\u0440\u0430ur\u0430l.com", "a\u03b1b.com", "xn--pypal-x-2fg.com"),
        *("한글カナ.com", "ㄅかな.com", "пハ.com", "\u13a0bc.com", "\u0440\u03bf\u0441.com", "a\u0967b.com"),
    ],
)
def test_letters_of_several_scripts_in_one_label_are_refused(name: str) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        parse_domain_name(name)
    assert refused.value.code == "invalid_domain"


@pytest.mark.parametrize(
    "name",
    [
        *(
            "佐々木.com",
            "々木.com",
            "ラーメン.com",
            "お茶の水.com",
            "日本語kana.com",
            "ㄅㄆ漢字.com",
            "한국語.com",
        ),
        *("例えtest.com", "\u043f\u0440\u0438\u0432\u0435\u0442-1.com", "bücher-3.de", "한글abc.com"),
        *("हिन्दी.com", "ไทย.com", "ქართული.com", "l·l.es", "ᏣᎳᎩ.com", "አማርኛ.com", "中文123.com"),
    ],
)
def test_scripts_that_one_language_combines_are_accepted(name: str) -> None:
    assert parse_domain_name(name).unicode == name


@pytest.mark.parametrize("name", ["💩-x.fm", "x-💩.fm", "💩.fm", "ab-💩-c.fm"])
def test_a_hyphen_before_or_after_an_emoji_is_accepted(name: str) -> None:
    assert parse_domain_name(name).unicode == name


@pytest.mark.parametrize("name", ["💩-x.com", "☃-x.net", "ab-💩-c.com"])
def test_an_error_names_the_emoji_as_the_cause(name: str) -> None:
    with pytest.raises(InvalidRequestError, match=r"[Ee]moji"):
        parse_domain_name(name)
