"""Look up an operation at the registrar."""

from __future__ import annotations

from hosting_orders.domain import durations
from hosting_orders.domain.registration import DomainAction, RegistrarOperation, Upkeep

from .ports import Services

# The registrar's clock and ours may differ by this much.
CLOCKS_DIFFER = 5 * durations.MINUTE


def known_operation(
    services: Services, operation_id: str, name: str, action: DomainAction | Upkeep, first_at: int
) -> RegistrarOperation | None:
    """`first_at` (epoch ms) is when we first tried to start the operation.

    AWS documents GetOperationDetail only for operations that are not completed, so also search the list.
    """
    shown = services.registrar.operation(operation_id)
    if shown is not None:
        return shown
    listed = services.registrar.find(name, action, first_at - CLOCKS_DIFFER)
    return next((one for one in listed if one.id == operation_id), None)
