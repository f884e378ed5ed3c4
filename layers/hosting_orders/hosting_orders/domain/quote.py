"""The prices of a request, which we guarantee for a short time."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass

from .products import Item


@dataclass(frozen=True, slots=True)
class QuotedPrice:
    """Net minor units."""

    first: int  # the first term
    renewal: int  # each further term


@dataclass(frozen=True, slots=True)
class Quote:
    id: str
    account_id: str
    fingerprint: str  # of what is ordered
    currency: str
    prices: tuple[QuotedPrice, ...]  # one for each item of the request, in the same sequence
    gross: int  # with tax, for all items
    expires_at: int  # epoch ms


def fingerprint_of(items: Iterable[Item]) -> str:
    """A hash of what is bought, without contacts, SSH keys and auth codes."""
    facts = [[item.KIND.value, item.facts()] for item in items]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:32]
