"""Normalise and check domains (UTS 46, IDNA 2008) offline."""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from functools import cache
from typing import TYPE_CHECKING

from hosting_orders.adapters.route53 import tlds
from hosting_orders.adapters.route53.scripts import mixes_scripts
from hosting_orders.adapters.route53.tlds import TldFacts
from hosting_orders.domain.codes import Code
from hosting_orders.domain.errors import InvalidRequestError
from hosting_orders.domain.registration import DomainName

if TYPE_CHECKING:
    from idna import IDNAError
    from publicsuffixlist import PublicSuffixList

_MAX_NAME = 253  # octets of the ASCII form without the last dot (RFC 1035)
_MAX_LABEL = 63
_SHOWN = 60  # how many characters of a client's text an error repeats
_SCHEME = re.compile(r"^[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_SKIN_TONES = range(0x1F3FB, 0x1F400)


def parse_domain_name(text: str) -> DomainName:
    text = text.strip()
    _check_kind_of_text(text)
    labels = _labels(text)
    ascii_labels = [_ascii_label(label) for label in labels]
    ascii_name = ".".join(ascii_labels)
    if len(ascii_name) > _MAX_NAME:
        raise _invalid(f"The domain must have at most {_MAX_NAME} characters in its ASCII form.")
    _check_directions(labels)
    for label in labels:
        _check_scripts(label)
    facts = _registry_of(labels, ascii_labels)
    label, suffix = labels[0], facts.name
    _check_registry(label, facts)
    return DomainName(unicode=f"{label}.{suffix}", ascii=ascii_name, tld=suffix)


def _invalid(message: str) -> InvalidRequestError:
    return InvalidRequestError(Code.INVALID_DOMAIN, message, "/name")


def _shown(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


# -- texts that are not domains -----------------------------------------------------------------------------------


def _check_kind_of_text(text: str) -> None:
    # Say what the text is, such as a web address. IDNA's error would only name a wrong character.
    if not text:
        raise _invalid("The domain is empty.")
    if len(text) > _MAX_NAME + 1:
        raise _invalid(f"The domain must have at most {_MAX_NAME} characters.")
    plain = unicodedata.normalize("NFKC", text)
    if _SCHEME.match(plain):
        raise _invalid("This is a web address: send the domain alone, such as `example.com`.")
    if "@" in plain:
        raise _invalid("This is an e-mail address: send only what follows the @, such as `example.com`.")
    if _is_ip_address(plain):
        raise _invalid("This is an IP address: send a domain, such as `example.com`.")
    if any(character in "/\\?#" for character in plain):
        raise _invalid("This has a path: send the domain alone, such as `example.com`.")
    if ":" in plain:
        raise _invalid("A domain cannot have a colon: send it without the port.")
    if "*" in plain:
        raise _invalid("A domain cannot have an asterisk: send it as `example.com`, for instance.")
    if any(character.isspace() for character in plain):
        raise _invalid("The domain has a space or a line break in it.")
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in plain):
        raise _invalid("The domain has a control character in it.")


def _is_ip_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text.strip("[]").rstrip("."))
    except ValueError:
        return False
    return True


# -- labels -------------------------------------------------------------------------------------------------------


def _labels(text: str) -> list[str]:
    from idna import IDNAError, uts46_remap

    try:
        mapped = uts46_remap(text, std3_rules=True)
    except IDNAError as error:
        raise _invalid(_why(error, text)) from error
    parts = mapped.removesuffix(".").split(".")
    if not all(parts):
        raise _invalid("A part of the domain is empty: it has a dot too many, or nothing but a dot.")
    return [_unicode_label(part) for part in parts]


def _unicode_label(label: str) -> str:
    if label.startswith("xn--"):
        return _decoded(label)
    if label.startswith("-") or label.endswith("-"):
        raise _invalid(f"{_shown(label)!r} begins or ends with a hyphen.")
    if label[2:4] == "--":
        raise _invalid(f"{_shown(label)!r} has hyphens in the third and fourth place: only `xn--` may.")
    _check_characters(label)
    return label


def _decoded(label: str) -> str:
    # The decoded label must encode to the same label again. Otherwise the label is a look-alike of another domain.
    try:
        decoded = label.removeprefix("xn--").encode("ascii").decode("punycode")
    except UnicodeError as error:
        raise _invalid(f"{_shown(label)!r} is not valid Punycode.") from error
    from idna import IDNAError, uts46_remap

    try:
        same = uts46_remap(decoded, std3_rules=True) == decoded
    except IDNAError:
        same = False
    if not same or decoded.isascii() or "." in decoded or _encoded(decoded) != label:
        raise _invalid(f"{_shown(label)!r} is not the ASCII form of any domain.")
    _check_characters(decoded)
    return decoded


def _check_characters(label: str) -> None:
    from idna import IDNAError, check_label

    # IDNA refuses all symbols, such as emoji, which some TLDs allow. Replace each symbol with a letter, so that IDNA's
    # rules about neighbouring characters still apply.
    letters = "".join("a" if _is_symbol(character) else character for character in label)
    try:
        check_label(letters)
    except IDNAError as error:
        raise _invalid(_why(error, label)) from error


def _ascii_label(label: str) -> str:
    encoded = label if label.isascii() else _encoded(label)
    if len(encoded) > _MAX_LABEL:
        raise _invalid(f"{_shown(label)!r} must have at most {_MAX_LABEL} characters in its ASCII form.")
    return encoded


def _encoded(label: str) -> str:
    return "xn--" + label.encode("punycode").decode("ascii")


def _check_scripts(label: str) -> None:
    # A label that mixes scripts can imitate another domain.
    if mixes_scripts(label):
        raise _invalid(f"{_shown(label)!r} mixes letters of several scripts.")


def _is_symbol(character: str) -> bool:
    return unicodedata.category(character) == "So" or ord(character) in _SKIN_TONES


def _check_directions(labels: list[str]) -> None:
    # RFC 5893: if one label is written from right to left, the Bidi rule applies to all labels.
    from idna import IDNAError, check_bidi

    if not any(unicodedata.bidirectional(character) in ("R", "AL", "AN") for character in "".join(labels)):
        return
    try:
        for label in labels:
            check_bidi(label, check_ltr=True)
    except IDNAError as error:
        raise _invalid(
            "The domain mixes writing from right to left with other writing in a way that does not read clearly."
        ) from error


def _why(error: IDNAError, text: str) -> str:
    from idna import IDNABidiError

    if isinstance(error, IDNABidiError):
        return f"{_shown(text)!r} mixes writing from right to left with other writing."
    if error.code == "leading_combiner":
        return f"{_shown(text)!r} begins with an accent that does not belong to a letter."
    if error.codepoint is None:
        return f"{_shown(text)!r} cannot be a domain."
    character = chr(error.codepoint)
    if character.isascii():
        return f"A domain cannot have {character!r}: it can have letters, digits and hyphens."
    which = f"U+{error.codepoint:04X} {unicodedata.name(character, '')}".rstrip()
    if error.code in ("contextj", "contexto"):
        return f"A domain cannot have {which} in this place."
    return f"A domain cannot have {which}."


# -- registries ---------------------------------------------------------------------------------------------------


@cache
def _public_suffixes() -> PublicSuffixList:
    # Use only ICANN's section of the list. The other section has names such as github.io, below which no registry sells
    # domains.
    from publicsuffixlist import PublicSuffixList

    return PublicSuffixList(accept_unknown=False, only_icann=True)


def _registry_of(labels: list[str], ascii_labels: list[str]) -> TldFacts:
    ascii_name = ".".join(ascii_labels)
    suffix = _public_suffixes().publicsuffix(ascii_name)
    if len(labels) == 1 and suffix is None:
        raise _invalid(f"{_shown(labels[0])!r} has no ending: send the whole domain, such as `example.com`.")
    if suffix is None or suffix not in tlds.known():
        ending = suffix if suffix is not None else ascii_labels[-1]
        raise InvalidRequestError(
            Code.UNSUPPORTED_TLD,
            f"Domains under .{_shown(ending)} cannot be registered here; GET /api/tlds lists the endings that can.",
            "/name",
        )
    if suffix == ascii_name:
        raise _invalid(
            f".{suffix} is an ending under which domains are registered: put a name before it, such as "
            f"`example.{suffix}`."
        )
    surplus = len(labels) - suffix.count(".") - 2
    if surplus:
        registrable = ".".join(labels[surplus:])
        raise _invalid(
            f"This is a sub-domain: order `{registrable}`, and set up the sub-domain in its DNS zone."
        )
    return tlds.facts(suffix)


def _check_registry(label: str, facts: TldFacts) -> None:
    ending = f".{facts.name}"
    if any(_is_symbol(character) for character in label) and not facts.emoji:
        raise _invalid(f"Emoji and other symbols are not allowed in domains under {ending}.")
    foreign = sorted(
        {character for character in label if not character.isascii() and not _is_symbol(character)}
    )
    if foreign and not facts.idn:
        raise _invalid(f"Domains under {ending} can have only the letters a to z, digits and hyphens.")
    if facts.letters is not None:
        strange = [character for character in foreign if character not in facts.letters]
        if strange:
            raise _invalid(f"The {ending} registry does not accept {', '.join(strange[:5])} in domains.")
    if len(label) < facts.shortest:
        raise _invalid(
            f"Domains under {ending} must have at least {facts.shortest} characters before the ending."
        )
