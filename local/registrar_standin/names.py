"""Outcomes by the prefix of a domain, and the rules and prices of each TLD."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

PREFIXES = {
    "taken-": "is taken: it has another owner",
    "reserved-": "is not available: the registry keeps it",
    "premium-": "has a premium price, and is only registered with consent to it",
    "slow-check-": "the first availability check answers “not known yet”",
    "unsure-": "every availability check answers “not known”",
    "slow-": "takes ten times as long",
    "fail-": "is available, but the registry fails to register or transfer it",
    "gone-": "is available when checked, but taken when ordered: the order is refused",
    "lost-": "is available when checked, but taken at the registry: the operation fails",
    "badcontact-": "the operation fails because of the owner's contact",
    "norenewal-": "is registered, but every renewal is refused",
    "badrenewal-": "is registered, but every renewal fails at the registry",
    "action-": "waits for its owner until you press approve or reject",
    "unverified-": "its registrant must confirm the e-mail address, or it is suspended after 15 days",
    "public-": "its registry does not hide contacts: an order with privacy is refused",
    "locked-": "cannot be transferred: it is locked at its registrar",
    "young-": "cannot be transferred: it was registered less than 60 days ago",
    "elsewhere-": "cannot be transferred: it is in another account of this registrar",
}

WRONG_AUTH_CODE = "wrong"

PREMIUM_PRICE = Decimal("2500.00")
CURRENCY = "USD"

# Price of a year in dollars. The prices are invented, but close to the real ones.
PRICES: Mapping[str, Decimal] = {
    tld: Decimal(price)
    for tld, price in {
        "app": "20.00",
        "au": "15.00",
        "be": "9.00",
        "biz": "19.00",
        "blog": "33.00",
        "ca": "18.00",
        "ch": "12.00",
        "cloud": "27.00",
        "co": "35.00",
        "co.uk": "9.00",
        "com": "15.00",
        "com.au": "15.00",
        "de": "9.00",
        "dev": "17.00",
        "es": "10.00",
        "eu": "13.00",
        "fi": "24.00",
        "fm": "92.00",
        "fr": "12.00",
        "in": "15.00",
        "info": "22.00",
        "io": "71.00",
        "it": "15.00",
        "me": "18.00",
        "me.uk": "8.00",
        "net": "17.00",
        "net.au": "15.00",
        "nl": "10.00",
        "online": "38.00",
        "org": "15.00",
        "org.uk": "9.00",
        "se": "23.00",
        "shop": "38.00",
        "store": "58.00",
        "uk": "9.00",
        "us": "15.00",
        "xyz": "16.00",
    }.items()
}

_AUSTRALIAN = (
    ("AU_REGISTRANT_NAME", None),
    ("AU_ID_TYPE", None),
    ("AU_ID_NUMBER", None),
    ("AU_ELIGIBILITY_TYPE", None),
    ("AU_POLICY_REASON", None),
)

# The ExtraParams that a TLD requires of the registrant (Route 53 Developer Guide, one page for each TLD). None means
# that it requires them of every registrant, True only of organizations, and False only of persons.
REQUIRED_EXTRA: Mapping[str, tuple[tuple[str, bool | None], ...]] = {
    "au": _AUSTRALIAN,
    "ca": (("CA_LEGAL_TYPE", None),),
    "com.au": _AUSTRALIAN,
    "es": (("ES_LEGAL_FORM", None), ("ES_IDENTIFICATION", None)),
    "fi": (("FI_NATIONALITY", None), ("FI_ORGANIZATION_TYPE", True)),
    "fr": (("BIRTH_DATE_IN_YYYY_MM_DD", False),),
    "it": (("IT_PIN", None), ("IT_REGISTRANT_ENTITY_TYPE", True), ("IT_NATIONALITY", False)),
    "net.au": _AUSTRALIAN,
    "se": (("SE_ID_NUMBER", None),),
}

# Seen at the real API: "[ADMIN.UK_CONTACT_TYPE is missing, OWNER.UK_CONTACT_TYPE is missing, …]"
# (hashicorp/terraform-provider-aws issue 35597).
REQUIRED_OF_EVERY_CONTACT: Mapping[str, tuple[str, ...]] = dict.fromkeys(
    ("co.uk", "me.uk", "org.uk", "uk"), ("UK_CONTACT_TYPE",)
)

# The TLDs of PRICES that AWS lists under "TLDs that don't support privacy protection".
WITHOUT_PRIVACY = frozenset(("com.au", "de", "es", "in", "net.au", "us"))

# What a transfer does to the expiry date (Route 53 Developer Guide, "How transferring a domain to Route 53 affects the
# expiration date"). The page does not cover .uk, .me.uk and .au. The stand-in treats them like .co.uk and .com.au. For
# a TLD in neither set, a transfer adds a year.
TRANSFER_KEEPS_THE_DATE = frozenset(
    ("au", "ch", "co.uk", "com.au", "es", "fi", "me.uk", "net.au", "org.uk", "se", "uk")
)
TRANSFER_GIVES_A_YEAR_FROM_NOW = frozenset(("be", "de", "fr", "it", "nl"))

# These registries renew a domain only during this number of days before its expiry date (each TLD's page in the
# Route 53 Developer Guide). Other registries renew at any time.
RENEWED_FROM_DAYS_BEFORE: Mapping[str, int] = {
    **dict.fromkeys(("co.uk", "me.uk", "org.uk", "uk"), 180),
    **dict.fromkeys(("au", "com.au", "net.au"), 60),
}

# The current registrar of a British domain releases it by changing its IPS tag. There is no auth code.
WITHOUT_AUTH_CODE = frozenset(("co.uk", "me.uk", "org.uk", "uk"))


def tld_of(name: str) -> str:
    return name.partition(".")[2]


def label_of(name: str) -> str:
    """Return the first label in Unicode, because `xn--taken-bcher-jwb.de` has the prefix `taken-` only in Unicode."""
    label = name.partition(".")[0].lower()
    if label.startswith("xn--"):
        try:
            return label.removeprefix("xn--").encode("ascii").decode("punycode")
        except UnicodeError:
            return label
    return label


def begins(name: str, *prefixes: str) -> bool:
    """Whether the domain begins with one of `prefixes`.

    If several entries of PREFIXES fit the domain, only the longest one is compared.
    """
    fitting = [prefix for prefix in PREFIXES if label_of(name).startswith(prefix)]
    return bool(fitting) and max(fitting, key=len) in prefixes
