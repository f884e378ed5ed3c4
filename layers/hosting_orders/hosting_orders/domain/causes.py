"""Causes in the timeline that other code recognizes. Orders store them, so they must not change."""

from __future__ import annotations

from .registration import RegistrarWaits, Verification

MONEY_BACK = "money given back"
LATE_MONEY_BACK = "late payment given back"
DOMAIN_LEFT = "the domain has left the registrar"
STRIPE_GAVE_UP = "Stripe has ended its attempts to charge the renewal"

VERIFICATION = {
    Verification.PENDING: "waiting for the registrant to confirm the e-mail address",
    Verification.DONE: "the registrant has confirmed the e-mail address",
    Verification.EXPIRED: "suspended: the registrant has not confirmed the e-mail address",
}

_NOT_RENEWED = "not renewed: "


def not_renewed(reason: str) -> str:
    return _NOT_RENEWED + reason


def waiting_for(flag: RegistrarWaits) -> str:
    return f"waiting: {flag}"


_REGISTRANT_MUST_ACT = frozenset(
    {
        waiting_for(RegistrarWaits.REGISTRANT),
        waiting_for(RegistrarWaits.AUTHORIZATION),
        VERIFICATION[Verification.PENDING],
        VERIFICATION[Verification.EXPIRED],
    }
)


def registrant_must_act(cause: str) -> bool:
    return cause in _REGISTRANT_MUST_ACT


def renewal_failed(cause: str) -> bool:
    return cause == STRIPE_GAVE_UP or cause.startswith(_NOT_RENEWED)
