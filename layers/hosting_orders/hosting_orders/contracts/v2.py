"""Contract 002, Orders and Carts v2: status words and response shapes. What comes in is in v2_bodies.

Field names and words are the contract's, to the letter; O2-… and C… are ids of docs/contracts.md.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from hosting_orders.domain.account import Account, Credential, User
from hosting_orders.domain.callback import CallbackDelivery
from hosting_orders.domain.cart import Cart, PaymentStatus
from hosting_orders.domain.catalogue import Catalogue
from hosting_orders.domain.deadlines import Outlook
from hosting_orders.domain.ids import order_uuid, registration_id, task_id
from hosting_orders.domain.order import Order, OrderStatus
from hosting_orders.domain.products import ProductKind, SiteItem, SiteResource

from .v2_domain import domain_block, waits_for_others
from .v2_words import date_time, shown_text

VERSION = "2"

# -- words --------------------------------------------------------------------------------------------------------

_ORDER_WORDS = {
    OrderStatus.PENDING: "pending",
    OrderStatus.PROCESSING: "processing",
    OrderStatus.COMPLETED: "completed",
    OrderStatus.FAILED: "failed",
    OrderStatus.CANCELED: "cancelled",  # two Ls here, one in contract 000
    OrderStatus.EXPIRED: "cancelled",
    OrderStatus.REFUNDING: "processing",
    OrderStatus.REFUND_FAILED: "processing",
    OrderStatus.PROVISION_FAILED: "failed",
}

_TASK_WORDS = {
    OrderStatus.PENDING: "PENDING",
    OrderStatus.PROCESSING: "RUNNING",
    OrderStatus.COMPLETED: "OK",
    OrderStatus.FAILED: "FAILED",
    OrderStatus.CANCELING: "RUNNING",
    OrderStatus.CANCELED: "CANCELLED",
    OrderStatus.EXPIRED: "CANCELLED",
    OrderStatus.REFUNDING: "RUNNING",
    OrderStatus.REFUND_FAILED: "PAUSED",
    OrderStatus.PROVISION_FAILED: "FAILED",
}

_PAID = (PaymentStatus.SUCCEEDED, PaymentStatus.REFUNDED)


def order_word(status: OrderStatus, payment: PaymentStatus) -> str:
    """The status word of an order; a cancel under way looks like what it interrupts."""
    if status is OrderStatus.CANCELING:
        return "processing" if payment in _PAID else "pending"
    return _ORDER_WORDS[status]


def task_word(order: Order, payment: PaymentStatus | None = None) -> str:
    """The status word of an order's task (O2-185); it pauses while the customer or another registrar must act."""
    if order.status is OrderStatus.PENDING and payment is PaymentStatus.AWAITING_AUTHENTICATION:
        return "PAUSED"
    if waits_for_others(order):
        return "PAUSED"
    return _TASK_WORDS[order.status]


# -- what goes out ------------------------------------------------------------------------------------------------


def cart_envelope(cart: Cart) -> dict[str, Any]:
    """The 202 of POST /api/orders and the 200 of GET /api/carts/:token: one shape (O2-073 … O2-079, O2-173)."""
    payment = cart.payment
    return {
        "status": "accepted",
        "cart": {
            "token": cart.token,
            "status": cart.status.value,
            "rollup_status": cart.rollup_status.value,
            "poll_url": f"/api/carts/{cart.token}",
        },
        "payment": {
            "status": payment.status.value,
            "method_type": payment.method_type,
            "hosted_invoice_url": payment.pay_url,
        },
        "orders": [
            {
                "id": order_uuid(number),
                "status": order_word(mark.status, payment.status),
                "poll_url": f"/api/orders/{order_uuid(number)}",
            }
            for number, mark in sorted(cart.orders.items())
        ],
    }


def order_in_list(order: Order, account: Account) -> dict[str, Any]:
    """One item of GET /api/orders (O2-024 … O2-029)."""
    return {**_order(order, PaymentStatus.PROCESSING), "account": {"id": account.id, "name": account.name}}


def order_summary(order: Order) -> dict[str, Any]:
    """An order alone, as the 202 of DELETE /api/orders/:id tells it."""
    return _order(order, PaymentStatus.PROCESSING)


def _order(order: Order, payment: PaymentStatus) -> dict[str, Any]:
    # Delivery is what takes a cancelling order past "pending"; the list shows it without reading every cart.
    paid = any(entry.status is OrderStatus.PROCESSING for entry in order.timeline)
    return {
        "id": order.uuid,
        "status": order_word(order.status, PaymentStatus.SUCCEEDED if paid else payment),
        "created_at": date_time(order.created_at),
        "updated_at": date_time(order.updated_at),
        "location": order.item.location,
    }


def order_details(
    order: Order,
    cart: Cart,
    account: Account,
    user: User | None,
    *,
    password: str | None,
    delivery: CallbackDelivery | None,
    ahead: Outlook | None,
) -> dict[str, Any]:
    """GET /api/orders/:id (O2-040 … O2-056). `password` is None for credentials that may not see it (C22).

    Ours besides the contract's: `cancellation`, `expected_by`, `deadline_at`, `failure` and `callback`.
    """
    body: dict[str, Any] = {
        "order": _order(order, cart.payment.status),
        "tasks": [{"id": task_id(order.number, 1), "status": task_word(order, cart.payment.status)}],
    }
    body |= _BLOCKS[order.kind](order, password)
    if order.subscription is not None:
        body["subscription"] = {
            "id": order.uuid,
            "status": order.subscription.status,
            "bucket_type": order.subscription.bucket_type,
            "bucket_year": order.subscription.bucket_year,
            "bucket_month": order.subscription.bucket_month,
            "stripe_id": order.subscription.id,
        }
    refusal = order.why_not_cancellable()
    body["cancellation"] = {
        "can_cancel": refusal is None,
        "reason": refusal[0] if refusal else None,
        "message": refusal[1] if refusal else None,
    }
    if ahead is not None:
        body["order"]["expected_by"] = date_time(ahead.expected_by)
        body["order"]["deadline_at"] = date_time(ahead.deadline_at)
    if order.callback is not None:
        body["callback"] = callback_state(delivery)
    body["payment"] = _payment(order, cart)
    body["account"] = account_details(account)
    body["user"] = user_details(user) if user else None
    if order.failure is not None:
        body["failure"] = {"code": order.failure.code, "message": shown_text(order.failure.message)}
    return body


def _site_block(order: Order, password: str | None) -> dict[str, Any]:
    site, item = order.resource_as(SiteResource), order.item_as(SiteItem)
    if site is None:
        return {}
    ssh = {
        "ipaddr": site.ip_address,
        "username": site.username,
        "password": password,
        "port": site.port,
    }
    block = {
        "id": site.id,
        "name": item.name,
        "domain": site.domain,
        "variant": item.variant,
        "location": item.location,
        "ssh_data": ssh,
    }
    return {"site": block}


def _domain_block(order: Order, password: str | None) -> dict[str, Any]:
    return {"domain": domain_block(order)}


# What an order shows of its product.
_BLOCKS = {ProductKind.SITE: _site_block, ProductKind.DOMAIN: _domain_block}


def order_events(order: Order) -> dict[str, Any]:
    """GET /api/orders/:id/events: the timeline, oldest first; it only ever grows."""
    return {
        "order": {"id": order.uuid, "status": _order(order, PaymentStatus.PROCESSING)["status"]},
        "events": [
            {
                "at": date_time(entry.at),
                "state": entry.status.value,
                "actor": entry.actor.value,
                "cause": shown_text(entry.cause),
            }
            for entry in order.timeline
        ],
    }


def callback_state(delivery: CallbackDelivery | None) -> dict[str, Any]:
    """Where the delivery of an order's callback stands; before the order's end nothing is owed yet."""
    if delivery is None:
        return {"id": None, "status": "not_due", "attempts": 0, "next_at": None}
    return {
        "id": delivery.message_id,
        "status": delivery.status.value,
        "attempts": delivery.made,
        "next_at": date_time(delivery.due_at),
    }


def callback_attempts(delivery: CallbackDelivery | None) -> dict[str, Any]:
    """GET /api/orders/:id/callbacks: the newest attempts, oldest of them first. `id` is the `webhook-id`; only the
    last attempt has a `next_at`."""
    attempts = delivery.attempts if delivery else ()
    first = delivery.forgotten + 1 if delivery else 1
    return {
        "callback": callback_state(delivery),
        "attempts": [
            {
                "id": delivery.message_id if delivery else None,
                "attempt": number,
                "at": date_time(attempt.at),
                "status_code": attempt.status_code,
                "error": attempt.error,
                "next_at": date_time(delivery.due_at) if delivery and number == delivery.made else None,
            }
            for number, attempt in enumerate(attempts, start=first)
        ],
    }


def sample_callback(now: int) -> dict[str, Any]:
    """GET /api/webhooks/task: the body a callback would have, about an order that does not exist."""
    return {
        "type": "order.completed",
        "timestamp": date_time(now),
        "task": {
            "id": 4711,
            "name": "site.create",
            "title": "Create site example",
            "status": "OK",
            "start_on": date_time(now - 60_000),
            "end_on": date_time(now),
            "orders": [{"id": "00000000-0000-8000-8000-000000000000", "status": "completed"}],
            "sites": [{"id": "site-example", "name": "example"}],
            "domains": [],
            "accounts": [{"id": "acc_example", "name": "Example"}],
        },
    }


def _payment(order: Order, cart: Cart) -> dict[str, Any]:
    payment = cart.payment
    refunded = order.refund is not None and order.refund.amount + order.refund.to_credit > 0
    return {
        "status": PaymentStatus.REFUNDED.value if refunded else payment.status.value,
        "method_type": payment.method_type,
        "hosted_invoice_url": payment.pay_url,
        "amount_charged_cents": payment.charged,
        "credit_applied_cents": payment.credit_applied,
        # Ours besides the contract's (C08, C10).
        "currency": payment.currency,
        "total_net_cents": payment.total_net,
        "total_gross_cents": payment.total_gross,
        "order_net_cents": order.price.amount,
        "refunded_cents": order.refund.amount + order.refund.to_credit if order.refund else 0,
    }


def account_details(account: Account) -> dict[str, Any]:
    """accounts#show (docs/contracts.md) without people: so it stands inside an order."""
    return {
        "id": account.id,
        "name": account.name,
        "reseller": account.reseller,
        "is_trial": account.is_trial,
        "trial_start": date_time(account.trial_start),
        "trial_end": date_time(account.trial_end),
        "parent_account": {"id": account.parent_id, "name": account.parent_name}
        if account.parent_id
        else None,
        "reseller_billing_plan": {"id": account.billing_plan, "name": account.billing_plan},
        "nameservers": list(account.nameservers),
        "created_at": date_time(account.created_at),
        "updated_at": date_time(account.updated_at),
    }


def account_roles(account: Account, people: Mapping[str, User]) -> list[dict[str, Any]]:
    """`account_roles` of accounts#show."""
    return [
        {
            "inherited_from": None,
            "role": {
                "id": role.role_name,
                "name": role.role_name,
                "label": role.role_label,
                "is_admin": role.is_admin,
                "can_edit": role.is_admin,
                "can_create": role.is_admin,
                "can_destroy": role.is_admin,
                "billing": role.is_admin,
                "wp_login": True,
            },
            "user": {
                "id": role.user_id,
                "fname": people[role.user_id].first_name,
                "lname": people[role.user_id].last_name,
                "email": people[role.user_id].email,
            },
            "created_at": date_time(role.created_at),
            "updated_at": date_time(role.updated_at),
        }
        for role in account.roles
        if role.user_id in people
    ]


def user_details(user: User) -> dict[str, Any]:
    """users#show (docs/contracts.md)."""
    return {
        "id": user.id,
        "fname": user.first_name,
        "lname": user.last_name,
        "email": user.email,
        "account_brand_id": user.account_brand_id,
        "locale": user.locale,
        "created_at": date_time(user.created_at),
        "updated_at": date_time(user.updated_at),
    }


def task_details(
    order: Order, account: Account, user: User | None, payment: PaymentStatus | None = None
) -> dict[str, Any]:
    """A task (docs/contracts.md). `data` is a JSON text and holds no secret."""
    started = next((e.at for e in order.timeline if e.status is OrderStatus.PROCESSING), None)
    return {
        "id": task_id(order.number, 1),
        "name": _task_name(order),
        "title": _task_title(order),
        "status": task_word(order, payment),
        "data": json.dumps(order.item.facts(), ensure_ascii=False),
        "start_on": date_time(started),
        "end_on": date_time(order.ended_at),
        "user": {"id": user.id, "email": user.email} if user else None,
        "accounts": [{"id": account.id, "name": account.name}],
        **_delivered(order),
        "orders": [
            {"id": order.uuid, "status": order_word(order.status, payment or PaymentStatus.PROCESSING)}
        ],
    }


def _task_name(order: Order) -> str:
    return f"{order.kind}.{order.item.verb}"


def _task_title(order: Order) -> str:
    return f"{order.item.verb.capitalize()} {order.kind} {order.item.name}"


def _delivered(order: Order) -> dict[str, list[dict[str, Any]]]:
    """`sites` and `domains` of a task: what was delivered is in the list of its kind."""
    lists: dict[str, list[dict[str, Any]]] = {"sites": [], "domains": []}
    if order.resource is not None:
        name, entry = _DELIVERED[order.kind](order)
        lists[name].append(entry)
    return lists


def _delivered_site(order: Order) -> tuple[str, dict[str, Any]]:
    site = order.resource_as(SiteResource)
    assert site is not None
    return "sites", {"id": site.id, "name": order.item.name}


def _delivered_domain(order: Order) -> tuple[str, dict[str, Any]]:
    return "domains", {"id": registration_id(order.number), "name": order.item.name}


_DELIVERED = {ProductKind.SITE: _delivered_site, ProductKind.DOMAIN: _delivered_domain}


def callback_body(order: Order, account_name: str) -> bytes:
    """The message about an order's end (docs/contracts.md): the task's facts, no secret."""
    word = order_word(order.status, PaymentStatus.PROCESSING)
    started = next((e.at for e in order.timeline if e.status is OrderStatus.PROCESSING), order.created_at)
    message = {
        "type": f"order.{word}",
        "timestamp": date_time(order.ended_at),
        "task": {
            "id": task_id(order.number, 1),
            "name": _task_name(order),
            "title": _task_title(order),
            "status": task_word(order),
            "start_on": date_time(started),
            "end_on": date_time(order.ended_at),
            "orders": [{"id": order.uuid, "status": word}],
            **_delivered(order),
            "accounts": [{"id": order.account_id, "name": account_name}],
        },
    }
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()


def about(
    version: str,
    credential: Credential,
    account: Account | None,
    catalogue: Catalogue,
    features: Mapping[str, bool | None],
    *,
    tax_is_added: bool,
) -> dict[str, Any]:
    """GET /api/about (docs/contracts.md): every name an order may use.

    With an account, prices are the account's own; without, those of every billing plan are left out. A feature is
    null when it is unknown now. `tax_is_added`: what is charged depends on where the customer is, so `gross_cents`
    is null; else the net price is all that is charged.
    """
    return {
        "version": version,
        "logged_in_as": credential.user_id,
        "account_scoped": account.id if account else None,
        "locations": [
            {"id": place.id, "short_name": place.short_name, "name": place.name}
            for place in _by_name(catalogue.locations)
        ],
        "products": [
            {
                "id": plan.id,
                "short_name": plan.short_name,
                "name": plan.name,
                "description": plan.description,
                "prices": [
                    {
                        "term": term.value,
                        "currency": currency,
                        "net_cents": amount,
                        "gross_cents": None if tax_is_added else amount,
                    }
                    for (billing_plan, term, currency), amount in sorted(plan.prices.items())
                    if account and (billing_plan, currency) == (account.billing_plan, account.currency)
                ],
            }
            for plan in _by_name(catalogue.plans)
        ],
        "variants": [
            {"name": variant.name, "available": variant.available} for variant in _by_name(catalogue.variants)
        ],
        "features": dict(features),
    }


def _by_name(entries: Mapping[str, Any]) -> Iterable[Any]:
    return [entries[name] for name in sorted(entries)]
