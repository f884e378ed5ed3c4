"""Helpers of the conformance tests: raw requests, credentials of every kind, and checks of what was stored."""

from __future__ import annotations

import json
import re
import secrets
import uuid
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from moto.core import DEFAULT_ACCOUNT_ID
from moto.dynamodb import dynamodb_backends

from hosting_orders.domain.account import Account, Credential, CredentialKind, User
from hosting_orders.domain.ids import parse_order_id
from hosting_orders.domain.products import DomainItem
from hosting_orders.usecases.authenticate import hash_key
from tests.support.table import REGION, TABLE_NAME
from tests.support.world import Reply, World, handler_of, matched

SOURCE_IP = "203.0.113.7"
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
DATE_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
CODE = re.compile(r"[a-z][a-z_]+")

# Every route of contract 002 that needs a credential. No order and no cart has the id UNKNOWN. `True` means
# X-Auth-Account is required.
UNKNOWN = "00000000-0000-8000-8000-000000000000"
ROUTES = (
    ("GET", "/api/orders", True),
    ("POST", "/api/orders", True),
    ("POST", "/api/orders/domain", True),
    ("POST", "/api/carts", True),
    ("POST", "/api/orders/preview", True),
    ("GET", "/api/domains/check", True),
    ("GET", f"/api/orders/{UNKNOWN}", True),
    ("PATCH", f"/api/orders/{UNKNOWN}", True),
    ("DELETE", f"/api/orders/{UNKNOWN}", True),
    ("GET", f"/api/orders/{UNKNOWN}/events", True),
    ("GET", f"/api/orders/{UNKNOWN}/callbacks", True),
    ("POST", f"/api/orders/{UNKNOWN}/callbacks/x/redeliver", True),
    ("POST", f"/api/orders/{UNKNOWN}/resend-verification", True),
    ("GET", f"/api/carts/{UNKNOWN}", True),
    ("GET", "/api/about", False),
    ("GET", "/api/tasks", False),
    ("GET", "/api/tasks/11", False),
    ("GET", "/api/webhooks/task", False),
    ("GET", "/api/webhooks/event-types", False),
    ("GET", "/api/webhooks/endpoints", True),
    ("POST", "/api/webhooks/endpoints", True),
    ("GET", f"/api/webhooks/endpoints/{UNKNOWN}", True),
    ("PATCH", f"/api/webhooks/endpoints/{UNKNOWN}", True),
    ("DELETE", f"/api/webhooks/endpoints/{UNKNOWN}", True),
    ("POST", f"/api/webhooks/endpoints/{UNKNOWN}/test", True),
    ("POST", f"/api/webhooks/endpoints/{UNKNOWN}/rotate-secret", True),
    ("POST", f"/api/webhooks/endpoints/{UNKNOWN}/replay", True),
    ("GET", f"/api/webhooks/endpoints/{UNKNOWN}/deliveries", True),
    ("POST", f"/api/webhooks/endpoints/{UNKNOWN}/deliveries/x/redeliver", True),
    ("GET", "/api/accounts/acc_ready", False),
    ("GET", "/api/users/usr_ready", False),
    ("GET", "/api/keys", True),
    ("POST", "/api/keys", True),
    ("DELETE", "/api/keys/key_x", True),
    ("POST", "/api/keys/key_x/rotate", True),
    ("GET", "/api/keys/scopes", False),
    ("GET", "/api/tlds", False),
    ("GET", "/api/tlds/com", False),
)
# Routes that require a user. They refuse a system key before its account is read (C13 in docs/contracts.md).
FOR_PERSONS = ("/api/orders/domain",)


def send(
    world: World,
    method: str,
    path: str,
    *,
    headers: Mapping[str, str] | None = None,
    query: Mapping[str, str] | None = None,
    body: str | None = None,
    base64: bool = False,
    source_ip: str = SOURCE_IP,
    account: str | None = "ready",
    parameters: Mapping[str, str] | None = None,
) -> Reply:
    """Call the route's handler with an event like API Gateway's, made of exactly these values.

    The event has the credentials of the demo account `account`, or none if `account` is None. `headers` are added, or
    replace headers of the same name. `parameters` replace the decoded path parameters.
    """
    folder, route, found = matched(method, path)
    given = credentials(world, account) if account is not None else {}
    event = {
        "version": "2.0",
        "routeKey": route,
        "rawPath": path,
        "rawQueryString": "",
        "headers": given | {name.lower(): value for name, value in (headers or {}).items()},
        "queryStringParameters": dict(query) if query else None,
        "pathParameters": dict(parameters) if parameters is not None else found or None,
        "requestContext": {
            "http": {"method": method, "path": path, "sourceIp": source_ip},
            "domainName": "api.example.com",
            "requestId": str(uuid.uuid4()),
        },
        "body": body,
        "isBase64Encoded": base64,
    }
    event = {name: value for name, value in event.items() if value is not None}
    answer = handler_of(folder)(event, None)
    lower = {name.lower(): value for name, value in answer["headers"].items()}
    answer["body"].encode()  # raises an error if the body is not valid Unicode
    return Reply(answer["statusCode"], json.loads(answer["body"] or "null"), lower)


def credentials(world: World, account: str = "ready", key: str = "user_key") -> dict[str, str]:
    known = world.accounts[account]
    return {"authorization": f"Bearer {known[key]}", "x-auth-account": known["id"]}


def new_key(
    world: World,
    *accounts: str,
    kind: CredentialKind = CredentialKind.USER,
    user: str | None = None,
    **changes: Any,
) -> str:
    """Store a new test key for these demo accounts, and return its secret. `changes` are fields of Credential."""
    changes = {"test": True, **changes}
    secret = f"sq_{'test' if changes['test'] else 'live'}_{secrets.token_hex(32)}"
    names = accounts or ("ready",)
    if user is None and kind is not CredentialKind.SYSTEM:
        user = f"usr_{names[0]}"
    world.services.directory.put_credential(
        Credential(
            key_hash=hash_key(secret),
            prefix=secret[:14],
            kind=kind,
            account_ids=tuple(world.accounts[name]["id"] for name in names),
            user_id=user,
            **changes,
        )
    )
    return secret


def oauth(world: World, *scopes: str, account: str = "ready") -> dict[str, str]:
    secret = new_key(world, account, kind=CredentialKind.OAUTH, scopes=frozenset(scopes))
    return {"authorization": f"Bearer {secret}", "x-auth-account": world.accounts[account]["id"]}


def change_account(world: World, name: str, **changes: Any) -> Account:
    """Change fields of a demo account, and return the account as it was before."""
    before = world.services.directory.account(world.accounts[name]["id"])
    assert before is not None
    world.services.directory.put_account(replace(before, **changes))
    return before


def new_account(world: World, like: str, name: str, **changes: Any) -> str:
    """Copy the demo account `like`, with new keys. By default, the copy has the same Stripe customer."""
    model = world.services.directory.account(world.accounts[like]["id"])
    assert model is not None
    account = replace(model, id=f"acc_{name}", name=f"Account {name}", roles=(), **changes)
    now = world.clock.now()
    world.services.directory.put_account(account)
    world.services.directory.put_user(
        User(f"usr_{name}", "Demo", name, f"{name}@example.com", "en", 1, now, now, (account.id,))
    )
    world.accounts[name] = {"id": account.id, "customer": account.stripe_customer_id or ""}
    world.accounts[name]["user_key"] = new_key(world, name)
    world.accounts[name]["system_key"] = new_key(world, name, kind=CredentialKind.SYSTEM)
    return name


def _is_count(record: Any) -> bool:
    return bool(record.record["dynamodb"]["Keys"]["PK"]["S"].startswith(("LIMIT#", "USED#")))


def state_of(world: World) -> dict[str, Any]:
    """Return everything that a request could change: writes, money, workflows, platform and registrar work, callbacks.

    `writes` is the number of records in the table's stream, so it includes a write that was undone later. It does not
    include writes of the rate limiter and of a key's last use, because every request can cause them.
    """
    state = world.stripe.state
    with state.lock:
        kinds = (
            "charge",
            "invoice",
            "invoiceitem",
            "payment_intent",
            "refund",
            "credit_note",
            "subscription",
        )
        objects = {kind: [(found["id"], found.get("status")) for found in state.all(kind)] for kind in kinds}
    shard = dynamodb_backends[DEFAULT_ACCOUNT_ID][REGION].tables[TABLE_NAME].stream_shard
    assert shard is not None
    return {
        "writes": sum(not _is_count(record) for record in shard.items),
        "stripe": objects,
        "executions": sorted(world.runner.executions),
        "services": sorted(world.platform.services),
        "registrar": [operation.id for operation in world.registrar.operations],
        "callbacks": len(world.callbacks.received),
        "webhooks": len(world.webhooks.received),
    }


def assert_error(reply: Reply, status: int, code: str, *pointers: str) -> None:
    """Check the contract's error shape. With `pointers`, `details` names exactly these fields."""
    assert (reply.status, reply.body.get("code")) == (status, code), (reply.status, reply.body)
    assert_error_shape(reply)
    if pointers:
        assert [detail.get("pointer") for detail in reply.body["details"]] == list(pointers), reply.body


def assert_error_shape(reply: Reply) -> None:
    body = reply.body
    assert reply.headers["content-type"] == "application/json"
    assert reply.headers["x-request-id"]
    assert CODE.fullmatch(body["code"])
    assert body["errors"]
    assert body["code"] == body["details"][0]["code"]
    assert [detail["message"] for detail in body["details"]] == body["errors"]
    for detail in body["details"]:
        assert CODE.fullmatch(detail["code"])
        assert len(detail["message"]) > 8
        assert detail.get("pointer", "") == "" or detail["pointer"].startswith("/")


def assert_date_time(text: Any) -> None:
    assert isinstance(text, str), text
    assert DATE_TIME.fullmatch(text), text
    datetime.fromisoformat(text)


def assert_envelope(body: Any) -> None:
    """Check that the response to an order has its published fields, with valid values (O2-073 … O2-079, O2-173)."""
    assert set(body) >= {"status", "cart", "payment", "orders"}
    assert body["status"] == "accepted"
    cart, payment = body["cart"], body["payment"]
    assert set(cart) >= {"token", "status", "rollup_status", "poll_url"}
    assert UUID.fullmatch(cart["token"])
    assert cart["status"] in ("active", "processing", "checked_out")
    assert cart["rollup_status"] in ("pending", "processing", "completed", "failed", "cancelled", "partial")
    assert cart["poll_url"] == f"/api/carts/{cart['token']}"
    assert set(payment) >= {"status", "method_type", "hosted_invoice_url"}
    assert payment["method_type"] in ("card", "sepa_debit", None)
    assert payment["hosted_invoice_url"] is None or payment["hosted_invoice_url"].startswith("http")
    for order in body["orders"]:
        assert UUID.fullmatch(order["id"])
        assert order["status"] in ("pending", "processing", "completed", "failed", "cancelled")
        assert order["poll_url"] == f"/api/orders/{order['id']}"


def shown(world: World, order_id: str, account: str = "ready", **more: Any) -> Any:
    reply = world.request("GET", f"/api/orders/{order_id}", account=account, **more)
    assert reply.status == 200, reply.body
    return reply.body


def completed(world: World, account: str = "ready", **changes: Any) -> Any:
    """Place an order, run it to its end and return GET /api/orders/:id."""
    placed = world.place(account, **changes)
    assert placed.status == 202, placed.body
    world.run()
    world.live(60)  # the reconciler starts the renewal
    return shown(world, placed.body["orders"][0]["id"], account)


def number_of(order_id: str) -> int:
    number = parse_order_id(order_id)
    assert number is not None
    return number


# -- domains ------------------------------------------------------------------------------------------------------


def order_domain(world: World, body: Any, account: str = "ready", **headers: str) -> Reply:
    """Call POST /api/orders/domain with exactly this body. In `headers`, write underscores for hyphens."""
    more = {name.replace("_", "-"): value for name, value in headers.items()}
    return send(
        world,
        "POST",
        "/api/orders/domain",
        headers=credentials(world, account) | more,
        account=None,
        body=json.dumps(body),
    )


def refused_domain(
    world: World, body: Any, status: int, code: str, *pointers: str, account: str = "ready"
) -> Reply:
    """Call POST /api/orders/domain with a request that must fail and store nothing."""
    before = state_of(world)
    reply = order_domain(world, body, account)
    assert_error(reply, status, code, *pointers)
    assert state_of(world) == before
    return reply


def registered(world: World, name: str, account: str = "ready", **changes: Any) -> Any:
    """Order a domain, run the order to its end and return GET /api/orders/:id."""
    placed = world.order_domain(name, account, **changes)
    assert placed.status == 202, placed.body
    return finished(world, placed.body["orders"][0]["id"], account)


def finished(world: World, order_id: str, account: str = "ready") -> Any:
    """Make the registrar finish the domain's operation, and run the order to its end."""
    world.run()
    item = world.order(order_id, account).item_as(DomainItem)
    world.registrar.finish(item.ascii_name)
    for _ in range(3):
        world.advance(60)
        world.reconcile()
        world.run()
    body = shown(world, order_id, account)
    assert body["order"]["status"] in ("completed", "failed"), body
    return body
