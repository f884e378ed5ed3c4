"""Check who may order domains."""

from __future__ import annotations

from typing import Any

from hosting_orders.domain.errors import UserRequiredError
from hosting_orders.usecases.domain_item import admit_domain_orders
from hosting_orders.usecases.ports import Services

from .http import Call


def admit_person(call: Call[Any], services: Services) -> None:
    """Raises UserRequiredError and the errors of `admit_domain_orders`."""
    # The same operation also orders other products, and only domains need a person. So the check is here, and not in
    # the operation's `Access` (its declared access rules).
    if call.caller.user_id is None:
        raise UserRequiredError("Only a person may order domains: use a user's API key.")
    admit_domain_orders(services, call.caller)
