"""Show an account's webhook endpoints and the log of their deliveries."""

from __future__ import annotations

from dataclasses import dataclass

from hosting_orders.domain.codes import Code
from hosting_orders.domain.errors import InvalidRequestError, NotFoundError
from hosting_orders.domain.webhook import WebhookDelivery, WebhookEndpoint, is_endpoint_id, is_message_id

from .authenticate import Caller
from .list_orders import page_size
from .ports import Services


@dataclass(frozen=True, slots=True)
class DeliveryLog:
    """`deliveries` are newest first."""

    endpoint: WebhookEndpoint
    deliveries: tuple[WebhookDelivery, ...]
    per_page: int
    next_cursor: str | None


def find_webhook(services: Services, caller: Caller, endpoint_id: str) -> WebhookEndpoint:
    """Raises NotFoundError."""
    found = services.webhooks.endpoint(caller.scope.id, endpoint_id) if is_endpoint_id(endpoint_id) else None
    if found is None:
        raise NotFoundError("There is no such webhook endpoint.")
    return found


def find_delivery(services: Services, endpoint: WebhookEndpoint, message_id: str) -> WebhookDelivery:
    """Raises NotFoundError."""
    found = None
    if is_message_id(message_id):
        found = services.webhooks.delivery(endpoint.account_id, endpoint.id, message_id)
    if found is None:
        raise NotFoundError("There is no such delivery.")
    return found


def list_deliveries(
    services: Services, caller: Caller, endpoint_id: str, *, per_page: str | None, cursor: str | None
) -> DeliveryLog:
    """Raises NotFoundError or InvalidRequestError."""
    endpoint = find_webhook(services, caller, endpoint_id)
    size = page_size(per_page)
    if cursor is not None and not is_message_id(cursor):
        raise InvalidRequestError(
            Code.INVALID_CURSOR, "`cursor` is not valid; take it from a `Link` header.", "/cursor"
        )
    found = services.webhooks.deliveries(endpoint.account_id, endpoint.id, size + 1, before=cursor)
    more = len(found) > size
    return DeliveryLog(endpoint, tuple(found[:size]), size, found[size - 1].message_id if more else None)
