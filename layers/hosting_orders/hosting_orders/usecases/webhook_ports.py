"""Ports of account webhooks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from hosting_orders.domain.webhook import (
    DueWebhook,
    QueuedWebhook,
    WebhookCreation,
    WebhookDelivery,
    WebhookEndpoint,
)


class WebhookStore(Protocol):
    """An account's webhook endpoints, and their deliveries. Every write is conditional."""

    def endpoints(self, account_id: str) -> list[WebhookEndpoint]:
        """Oldest first."""
        ...

    def endpoint(self, account_id: str, endpoint_id: str) -> WebhookEndpoint | None: ...

    def creation(self, account_id: str, token: str) -> WebhookCreation | None: ...

    def add_endpoint(
        self, endpoint: WebhookEndpoint, creation: WebhookCreation | None = None
    ) -> WebhookEndpoint:
        """Raises WebhookExistsError or TooManyWebhooksError. The limit also holds for concurrent requests."""
        ...

    def save_endpoint(self, endpoint: WebhookEndpoint) -> WebhookEndpoint:
        """Raises ConcurrentUpdateError."""
        ...

    def remove_endpoint(self, account_id: str, endpoint_id: str) -> bool:
        """Return False when it does not exist."""
        ...

    def add_delivery(self, delivery: WebhookDelivery) -> bool:
        """Return False when the delivery is already stored."""
        ...

    def delivery(self, account_id: str, endpoint_id: str, message_id: str) -> WebhookDelivery | None: ...

    def save_delivery(self, delivery: WebhookDelivery) -> WebhookDelivery:
        """Raises ConcurrentUpdateError."""
        ...

    def deliveries(
        self, account_id: str, endpoint_id: str, limit: int, *, before: str | None = None
    ) -> list[WebhookDelivery]:
        """Only deliveries older than the message `before`, newest first."""
        ...

    def deliveries_since(
        self, account_id: str, endpoint_id: str, limit: int, *, first: str
    ) -> list[WebhookDelivery]:
        """The message `first` and newer ones, oldest first."""
        ...

    def due(self, now: int, limit: int) -> list[DueWebhook]:
        """Earliest first. `limit` applies to each partition of the index."""
        ...

    def postpone(self, due: DueWebhook, due_at: int) -> bool:
        """Return False when another process has changed the due time."""
        ...


class WebhookQueue(Protocol):
    """The queue of `send_webhooks`. A message may arrive twice or never."""

    def send(self, account_id: str, endpoint_id: str, deliveries: Sequence[QueuedWebhook]) -> None:
        """Raises ProviderUnavailableError."""
        ...
