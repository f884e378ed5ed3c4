"""Store webhook endpoints and deliveries (port WebhookStore)."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from hosting_orders.domain.errors import ConcurrentUpdateError, TooManyWebhooksError, WebhookExistsError
from hosting_orders.domain.webhook import (
    MAX_ENDPOINTS,
    DueWebhook,
    WebhookCreation,
    WebhookDelivery,
    WebhookEndpoint,
)

from . import keys
from .items import (
    webhook_creation_from_item,
    webhook_creation_to_item,
    webhook_delivery_from_item,
    webhook_delivery_to_item,
    webhook_endpoint_from_item,
    webhook_endpoint_to_item,
)
from .table import (
    IS_NEW,
    IS_THERE,
    ConditionFailedError,
    Table,
    TransactionRefusedError,
    delete,
    put,
    update,
)

_REMEMBERED = 10_000
"""How many deliveries a process remembers, so that it does not write them again."""


class DynamoWebhookStore:
    """Reads are strongly consistent, except in `due`."""

    def __init__(self, client: Any, table_name: str, sleep: Callable[[float], None] = time.sleep) -> None:
        self._table = Table(client, table_name, sleep)
        self._added: dict[tuple[str, str], None] = {}

    # -- endpoints -----------------------------------------------------------------------------------------

    def endpoints(self, account_id: str) -> list[WebhookEndpoint]:
        items = self._table.query(
            "#PK = :account AND begins_with(#SK, :webhook)",
            account=keys.account_partition(account_id),
            webhook=keys.webhook(account_id, "")["SK"],
        )
        return sorted(map(webhook_endpoint_from_item, items), key=lambda found: (found.created_at, found.id))

    def endpoint(self, account_id: str, endpoint_id: str) -> WebhookEndpoint | None:
        item = self._table.get(keys.webhook(account_id, endpoint_id))
        return webhook_endpoint_from_item(item) if item else None

    def creation(self, account_id: str, token: str) -> WebhookCreation | None:
        item = self._table.get(keys.webhook_creation(account_id, token))
        return webhook_creation_from_item(item) if item else None

    def add_endpoint(
        self, endpoint: WebhookEndpoint, creation: WebhookCreation | None = None
    ) -> WebhookEndpoint:
        saved = replace(endpoint, version=1)
        noted = [put(webhook_creation_to_item(creation), IS_NEW)] if creation else []
        counted = update(
            keys.webhook_count(endpoint.account_id),
            "SET #count = if_not_exists(#count, :none) + :one",
            "attribute_not_exists(#count) OR #count < :most",
            none=0,
            one=1,
            most=MAX_ENDPOINTS,
        )
        try:
            self._table.transact([counted, put(webhook_endpoint_to_item(saved), IS_NEW), *noted])
        except TransactionRefusedError as refused:
            # DynamoDB may not report every failed condition. So read the creation's record. It exists if an earlier
            # copy of this request created the endpoint.
            if creation and self.creation(creation.account_id, creation.token):
                raise WebhookExistsError(creation.endpoint_id) from refused
            raise TooManyWebhooksError(
                f"An account can have at most {MAX_ENDPOINTS} webhook endpoints; delete one first."
            ) from refused
        return saved

    def save_endpoint(self, endpoint: WebhookEndpoint) -> WebhookEndpoint:
        saved = replace(endpoint, version=endpoint.version + 1)
        try:
            self._table.write(
                put(webhook_endpoint_to_item(saved), "#version = :version", version=endpoint.version)
            )
        except ConditionFailedError as lost:
            raise ConcurrentUpdateError(f"webhook endpoint {endpoint.id} was changed meanwhile") from lost
        return saved

    def remove_endpoint(self, account_id: str, endpoint_id: str) -> bool:
        counted = update(keys.webhook_count(account_id), "SET #count = #count - :one", IS_THERE, one=1)
        try:
            self._table.transact([delete(keys.webhook(account_id, endpoint_id), IS_THERE), counted])
        except TransactionRefusedError:
            return False
        return True

    # -- deliveries ----------------------------------------------------------------------------------------

    def add_delivery(self, delivery: WebhookDelivery) -> bool:
        known = (delivery.endpoint_id, delivery.message_id)
        if known in self._added:
            return False
        try:
            self._table.write(put(webhook_delivery_to_item(replace(delivery, version=1)), IS_NEW))
            added = True
        except ConditionFailedError:
            added = False
        # If the write raises any other error, the delivery is not remembered. So the next call writes it again.
        self._remember(known)
        return added

    def _remember(self, known: tuple[str, str]) -> None:
        if len(self._added) >= _REMEMBERED:
            del self._added[next(iter(self._added))]
        self._added[known] = None

    def delivery(self, account_id: str, endpoint_id: str, message_id: str) -> WebhookDelivery | None:
        item = self._table.get(keys.webhook_delivery(account_id, endpoint_id, message_id))
        return webhook_delivery_from_item(item) if item else None

    def save_delivery(self, delivery: WebhookDelivery) -> WebhookDelivery:
        saved = replace(delivery, version=delivery.version + 1)
        try:
            self._table.write(
                put(webhook_delivery_to_item(saved), "#version = :version", version=delivery.version)
            )
        except ConditionFailedError as lost:
            raise ConcurrentUpdateError(f"delivery {delivery.message_id} was changed meanwhile") from lost
        return saved

    def deliveries(
        self, account_id: str, endpoint_id: str, limit: int, *, before: str | None = None
    ) -> list[WebhookDelivery]:
        return self._between(
            account_id, endpoint_id, limit, above=None, below=before or _BEHIND, descending=True
        )

    def deliveries_since(
        self, account_id: str, endpoint_id: str, limit: int, *, first: str
    ) -> list[WebhookDelivery]:
        return self._between(account_id, endpoint_id, limit, above=first, below=_BEHIND, descending=False)

    def _between(
        self,
        account_id: str,
        endpoint_id: str,
        limit: int,
        *,
        above: str | None,
        below: str,
        descending: bool,
    ) -> list[WebhookDelivery]:
        low = keys.webhook_delivery(account_id, endpoint_id, above or "")["SK"]
        high = keys.webhook_delivery(account_id, endpoint_id, below)["SK"]
        items = self._table.query(
            "#PK = :account AND #SK BETWEEN :low AND :high",
            limit=limit + 1,
            descending=descending,
            account=keys.account_partition(account_id),
            low=low,
            high=high,
        )
        # BETWEEN includes the item with the id `below`, which was on the previous page.
        return [webhook_delivery_from_item(item) for item in items if item["SK"] != high][:limit]

    # -- the index of due items ----------------------------------------------------------------------------

    def due(self, now: int, limit: int) -> list[DueWebhook]:
        found = []
        for shard in keys.due_webhook_shards():
            items = self._table.query(
                "#due_shard = :shard AND #due_at <= :now",
                index="due",
                consistent=False,
                limit=limit,
                shard=shard,
                now=now,
            )
            found += [DueWebhook(*keys.of_webhook_delivery(item), item["due_at"]) for item in items]
        return sorted(found, key=lambda due: due.due_at)

    def postpone(self, due: DueWebhook, due_at: int) -> bool:
        key = keys.webhook_delivery(due.account_id, due.endpoint_id, due.message_id)
        change = update(key, "SET #due_at = :later", "#due_at = :seen", later=due_at, seen=due.due_at)
        try:
            self._table.write(change)
        except ConditionFailedError:
            return False
        return True


_BEHIND = "msg_g"
"""Sorts after every message id, because `msg_` is followed by hex digits."""
