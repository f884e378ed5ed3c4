"""Note when a key was last used."""

from __future__ import annotations

from hosting_orders.domain.account import Credential, CredentialKind

from .log import log
from .ports import Services


def note_key_use(services: Services, credential: Credential) -> None:
    """A fault is only logged."""
    if credential.kind is CredentialKind.OAUTH:
        return
    try:
        services.key_uses.note(credential.key_hash, services.clock.now())
    except Exception:
        log.warning("the use of a key was not noted", exc_info=True)
