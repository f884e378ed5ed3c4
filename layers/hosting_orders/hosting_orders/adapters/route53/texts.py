"""What the registrar says, made fit to be passed on: short, and without personal data, which its refusals like to
repeat."""

from __future__ import annotations

import re
from collections.abc import Iterable

from hosting_orders.domain.registration import RegistrationRequest

LONGEST_TEXT = 300

_EMAIL = re.compile(r"[^\s@<>()\[\],;:'\"]+@[^\s@<>()\[\],;:'\"]+")
_LONG_NUMBER = re.compile(r"\+?\d[\d.\-/ ]{4,}\d")
_HIDDEN = "…"


def without(text: str, values: Iterable[str], *, keep: str = "") -> str:
    """The registrar's text, short, without these values and whatever looks like an address or a number of somebody.

    `keep` is the domain name, which may well contain its owner's name.
    """
    text = _EMAIL.sub(_HIDDEN, " ".join(text.split()))
    spoken = sorted({value.strip() for value in values if len(value.strip()) > 1}, key=len, reverse=True)

    def cleaned(piece: str) -> str:
        for value in spoken:
            piece = re.sub(rf"(?<!\w){re.escape(value)}(?!\w)", _HIDDEN, piece, flags=re.IGNORECASE)
        return _LONG_NUMBER.sub(_HIDDEN, piece)

    pieces = text.split(keep) if keep else [text]
    return keep.join(cleaned(piece) for piece in pieces)[:LONGEST_TEXT]


def personal_data(request: RegistrationRequest) -> list[str]:
    values = [request.auth_code or ""]
    for contact in (
        request.contacts.owner,
        request.contacts.admin,
        request.contacts.billing,
        request.contacts.tech,
    ):
        values += [
            contact.email,
            contact.phone,
            contact.street_address,
            contact.organization,
            contact.first_name,
            contact.last_name,
            contact.city,
            contact.post_code,
            contact.state,
            *contact.extra.values(),
        ]
    return values
