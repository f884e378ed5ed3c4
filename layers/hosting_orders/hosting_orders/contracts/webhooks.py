"""Endpoints for the webhooks of Stripe and the hosting platform."""

from __future__ import annotations

from typing import Any

from typing_extensions import TypedDict

from hosting_orders.domain.codes import Code

from .operation import Contract, Operation
from .vendor.errors import error


class Received(TypedDict):
    received: bool


def received(_: None) -> Received:
    return {"received": True}


CONTRACT = Contract("webhooks", "Webhooks of providers", version=None, paths=("/webhooks",), error=error)

RECEIVE_STRIPE_WEBHOOK = Operation(
    route="POST /webhooks/stripe",
    heading="Stripe's events",
    contract=CONTRACT,
    access=None,
    answers=Received,
    render=received,
    refuses=(Code.INVALID_SIGNATURE,),
    ours=True,
)
RECEIVE_PLATFORM_WEBHOOK = Operation(
    route="POST /webhooks/platform",
    heading="The hosting platform's events",
    contract=CONTRACT,
    access=None,
    answers=Received,
    render=received,
    refuses=(Code.INVALID_SIGNATURE,),
    ours=True,
)

OPERATIONS: tuple[Operation[Any], ...] = (RECEIVE_STRIPE_WEBHOOK, RECEIVE_PLATFORM_WEBHOOK)
