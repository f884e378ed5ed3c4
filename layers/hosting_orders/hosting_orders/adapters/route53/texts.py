"""Read the registrar's texts, and remove personal data from them."""

from __future__ import annotations

import re
from collections.abc import Iterable

from hosting_orders.domain.registration import Refusal, RegistrationRequest

MAX_TEXT_LENGTH = 300

_EMAIL = re.compile(r"[^\s@<>()\[\],;:'\"]+@[^\s@<>()\[\],;:'\"]+")
_LONG_NUMBER = re.compile(r"\+?\d[\d.\-/ ]{4,}\d")
_HIDDEN = "…"

# Words in the registrar's refusals. An entry matches if all its words occur. The first match decides.
_REFUSALS = (
    (("auth", "code"), Refusal.AUTH_CODE),
    (("contact",), Refusal.CONTACT),
    (("is missing",), Refusal.CONTACT),  # a field of a contact: "ADMIN.UK_CONTACT_TYPE is missing"
    (("registrant",), Refusal.CONTACT),
    (("e-mail",), Refusal.CONTACT),
    (("address",), Refusal.CONTACT),
    (("phone",), Refusal.CONTACT),
    (("not available",), Refusal.TAKEN),
    (("unavailable",), Refusal.TAKEN),
    (("already",), Refusal.TAKEN),
    (("locked",), Refusal.LOCKED),
    (("rejected",), Refusal.REJECTED),
    (("denied",), Refusal.REJECTED),
)


def refusal_in(said: str) -> Refusal:
    heard = said.lower()
    return next(
        (refusal for words, refusal in _REFUSALS if all(word in heard for word in words)), Refusal.OTHER
    )


def without(text: str, values: Iterable[str], *, keep: str = "") -> str:
    """Remove `values`, e-mail addresses and long numbers, but not the domain `keep`."""
    text = _EMAIL.sub(_HIDDEN, " ".join(text.split()))
    spoken = sorted({value.strip() for value in values if len(value.strip()) > 1}, key=len, reverse=True)

    def cleaned(piece: str) -> str:
        for value in spoken:
            piece = re.sub(rf"(?<!\w){re.escape(value)}(?!\w)", _HIDDEN, piece, flags=re.IGNORECASE)
        return _LONG_NUMBER.sub(_HIDDEN, piece)

    pieces = text.split(keep) if keep else [text]
    return keep.join(cleaned(piece) for piece in pieces)[:MAX_TEXT_LENGTH]


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
