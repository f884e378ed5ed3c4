"""What a waiting customer sees: expected times, polling intervals and the timeline."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from hosting_orders.domain.order import ENDS, Order
from tests.support.stripe_news import made, of_kind, tell
from tests.support.world import Reply, World, a_world, handler_of, matched

MINUTE = 60
HOUR = 60 * MINUTE
DAY = 24 * HOUR
AUTHENTICATION = "authentication_required"


@pytest.fixture
def world() -> Iterator[World]:
    with a_world() as world:
        yield world


def placed(world: World, account: str = "ready", **changes: Any) -> tuple[str, str]:
    """Return (order id, cart token)."""
    body = world.place(account, **changes).body
    return str(body["orders"][0]["id"]), str(body["cart"]["token"])


def get(world: World, path: str, account: str = "ready", **headers: str) -> Reply:
    return world.request(
        "GET", path, account=account, headers={k.replace("_", "-"): v for k, v in headers.items()}
    )


def milliseconds(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def promised(world: World, order_id: str, account: str = "ready") -> tuple[int, int | None, int]:
    """Return the seconds until `expected_by` and until `deadline_at`, and Retry-After."""
    reply = get(world, f"/api/orders/{order_id}", account)
    order = reply.body["order"]
    now = world.clock.now()
    deadline = order["deadline_at"]
    return (
        round((milliseconds(order["expected_by"]) - now) / 1000),
        None if deadline is None else round((milliseconds(deadline) - now) / 1000),
        int(reply.headers["retry-after"]),
    )


def undeliverable(world: World, **settings: str) -> str:
    world.stripe.controls.set(**settings)
    order_id, _ = placed(world)
    world.run(finish=False)
    world.platform.fail(order_id)
    world.platform_webhook(order_id)
    world.run()
    return order_id


# -- expected times -------------------------------------------------------------------------------------------------


def test_the_customer_has_a_day_to_authenticate_a_card_payment(world: World) -> None:
    order_id, token = placed(world, AUTHENTICATION)
    assert promised(world, order_id, AUTHENTICATION) == (DAY, DAY, 15)
    assert get(world, f"/api/carts/{token}", AUTHENTICATION).headers["retry-after"] == "15"
    world.live(DAY - HOUR, every=HOUR)
    assert promised(world, order_id, AUTHENTICATION) == (HOUR, HOUR, 15)
    # The order ends within minutes of its deadline, not up to an hour later.
    world.live(HOUR + MINUTE, every=30 * MINUTE)
    body = get(world, f"/api/orders/{order_id}", AUTHENTICATION).body
    assert body["order"]["status"] == "cancelled"
    assert "deadline_at" not in body["order"]
    assert "expected_by" not in body["order"]


def test_a_debit_is_expected_to_settle_in_a_week(world: World) -> None:
    order_id, token = placed(world, "sepa")
    assert promised(world, order_id, "sepa") == (7 * DAY, 14 * DAY, HOUR)
    assert get(world, f"/api/carts/{token}", "sepa").headers["retry-after"] == "3600"
    world.stripe.controls.fail(world.cart(token, "sepa").payment.reference or "")
    world.run()
    # The bank returned the debit. The customer can pay by another method for the rest of the two weeks.
    assert promised(world, order_id, "sepa") == (14 * DAY, 14 * DAY, 15)


def test_a_missing_payment_answer_is_expected_within_a_minute(world: World) -> None:
    world.stripe.controls.add_fault("dropped", "/v1/invoices.*", times=50)
    body = world.place().body
    order_id, token = str(body["orders"][0]["id"]), str(body["cart"]["token"])
    assert promised(world, order_id) == (MINUTE, DAY, 2)
    assert get(world, f"/api/carts/{token}").headers["retry-after"] == "2"


def test_a_delivery_is_expected_in_minutes(world: World) -> None:
    order_id, token = placed(world)
    world.run(finish=False)
    assert promised(world, order_id) == (15 * MINUTE, 6 * HOUR, 2)
    assert get(world, f"/api/carts/{token}").headers["retry-after"] == "2"
    world.live(10 * MINUTE, every=5 * MINUTE, finish=False)
    assert promised(world, order_id) == (5 * MINUTE, 6 * HOUR - 10 * MINUTE, 2)
    world.live(6 * HOUR, every=HOUR, finish=False)
    body = get(world, f"/api/orders/{order_id}").body
    assert body["order"]["status"] == "failed"
    assert body["payment"]["refunded_cents"] == 1200


def test_a_cancel_is_expected_within_ten_minutes(world: World) -> None:
    order_id, _ = placed(world, AUTHENTICATION)
    world.run()
    assert world.request("DELETE", f"/api/orders/{order_id}", account=AUTHENTICATION).status == 202
    assert promised(world, order_id, AUTHENTICATION) == (10 * MINUTE, None, 5)


def test_a_cancel_waits_for_the_outcome_of_a_debit(world: World) -> None:
    order_id, _ = placed(world, "sepa")
    world.run()
    world.live(DAY, every=DAY)
    assert world.request("DELETE", f"/api/orders/{order_id}", account="sepa").status == 202
    world.run()
    assert promised(world, order_id, "sepa") == (6 * DAY, None, HOUR)
    world.live(6 * DAY, every=6 * HOUR)
    body = get(world, f"/api/orders/{order_id}", "sepa").body
    assert (body["order"]["status"], body["payment"]["refunded_cents"]) == ("cancelled", 1200)


def test_a_refund_in_progress_is_expected_in_minutes(world: World) -> None:
    order_id, _ = placed(world)
    world.run(finish=False)
    world.stripe.controls.add_fault("error", "/v1/credit_notes", times=50)
    world.platform.fail(order_id)
    world.platform_webhook(order_id)
    world.run()
    assert get(world, f"/api/orders/{order_id}").body["tasks"][0]["status"] == "RUNNING"
    assert promised(world, order_id) == (10 * MINUTE, None, 5)


def test_a_refused_refund_is_expected_within_a_day(world: World) -> None:
    order_id = undeliverable(world, refunds="refuse")
    assert get(world, f"/api/orders/{order_id}").body["tasks"][0]["status"] == "PAUSED"
    assert promised(world, order_id) == (DAY, None, 5 * MINUTE)


def test_an_ended_order_has_no_expected_time(world: World) -> None:
    order_id, token = placed(world)
    world.run()
    for path in (f"/api/orders/{order_id}", f"/api/carts/{token}"):
        reply = get(world, path)
        assert "retry-after" not in reply.headers
    order = get(world, f"/api/orders/{order_id}").body["order"]
    assert not {"expected_by", "deadline_at"} & set(order)


# -- polls without changes -----------------------------------------------------------------------------------------


def raw_get(world: World, path: str, **headers: str) -> dict[str, Any]:
    """Return the handler's response as API Gateway receives it."""
    folder, route, parameters = matched("GET", path)
    known = world.accounts["ready"]
    event = {
        "routeKey": route,
        "headers": {"authorization": f"Bearer {known['user_key']}", "x-auth-account": known["id"]}
        | {name.replace("_", "-"): value for name, value in headers.items()},
        "pathParameters": parameters,
        "requestContext": {"http": {"method": "GET", "path": path, "sourceIp": "203.0.113.7"}},
    }
    answer: dict[str, Any] = handler_of(folder)(event, None)
    return answer


@pytest.mark.parametrize("of", ["order", "cart", "events"])
def test_a_poll_without_changes_gets_304_without_a_body(world: World, of: str) -> None:
    order_id, token = placed(world)
    world.run(finish=False)
    path = {
        "order": f"/api/orders/{order_id}",
        "cart": f"/api/carts/{token}",
        "events": f"/api/orders/{order_id}/events",
    }[of]
    first = raw_get(world, path)
    tag = first["headers"]["ETag"]
    assert first["statusCode"] == 200
    for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = raw_get(world, path, if_none_match=known)
        assert (again["statusCode"], again["body"]) == (304, "")
        assert again["headers"]["ETag"] == tag
        assert "Content-Type" not in again["headers"]
        assert again["headers"].get("Retry-After") == first["headers"].get("Retry-After")
        assert again["headers"]["X-Request-Id"]
    for other in ('"other"', tag.strip('"'), ""):
        assert raw_get(world, path, if_none_match=other)["statusCode"] == 200
    world.run()  # the site is delivered
    changed = raw_get(world, path, if_none_match=tag)
    assert changed["statusCode"] == 200
    assert changed["headers"]["ETag"] != tag
    assert changed["body"] != first["body"]


def test_time_alone_does_not_change_the_etag(world: World) -> None:
    order_id, token = placed(world, AUTHENTICATION)
    world.run()
    for path in (f"/api/orders/{order_id}", f"/api/carts/{token}"):
        tag = get(world, path, AUTHENTICATION).headers["etag"]
        world.live(2 * HOUR, every=HOUR)
        assert get(world, path, AUTHENTICATION, if_none_match=tag).status == 304


def test_each_state_has_its_own_etag(world: World) -> None:
    order_id, token = placed(world, AUTHENTICATION)
    world.run()
    path, tags = f"/api/orders/{order_id}", []
    tags.append(get(world, path, AUTHENTICATION).headers["etag"])
    world.stripe.controls.pay(world.cart(token, AUTHENTICATION).payment.reference or "")
    world.run(finish=False)
    tags.append(get(world, path, AUTHENTICATION).headers["etag"])
    world.run()
    tags.append(get(world, path, AUTHENTICATION).headers["etag"])
    assert len(set(tags)) == 3


def test_an_etag_gives_others_no_access(world: World) -> None:
    order_id, _ = placed(world)
    world.run()
    path = f"/api/orders/{order_id}"
    tag = get(world, path).headers["etag"]
    for account, status in (("sepa", 404), (None, 401)):
        reply = world.request("GET", path, account=account, headers={"If-None-Match": tag})
        assert reply.status in (status, 400)
        assert "etag" not in reply.headers
    # A system key cannot read the password. It receives the ETag of the response without the password.
    assert world.request("GET", path, key="system_key").headers["etag"] != ""
    posted = world.place(key="k-1", name="Another")
    assert posted.status == 202
    assert "etag" not in posted.headers


# -- the timeline --------------------------------------------------------------------------------------------------


def events(world: World, order_id: str, account: str = "ready") -> list[tuple[str, str, str]]:
    """Check the fields and the sequence of all events. Return (state, actor, cause) of each event."""
    reply = get(world, f"/api/orders/{order_id}/events", account)
    assert reply.status == 200, reply.body
    assert reply.body["order"]["id"] == order_id
    found = reply.body["events"]
    assert all(set(event) == {"at", "state", "actor", "cause"} for event in found)
    times = [milliseconds(event["at"]) for event in found]
    assert times == sorted(times)
    assert times[-1] <= world.clock.now()
    return [(event["state"], event["actor"], event["cause"]) for event in found]


PLACED = ("pending", "customer", "order placed")
PAID = ("processing", "stripe", "payment succeeded")


def test_the_timeline_ends_with_the_delivery(world: World) -> None:
    order_id, _ = placed(world)
    world.run()
    assert events(world, order_id) == [PLACED, PAID, ("completed", "platform", "delivered")]


def test_the_timeline_shows_when_each_event_happened(world: World) -> None:
    order_id, token = placed(world, AUTHENTICATION)
    world.run()
    at = [world.clock.now()]
    world.live(HOUR, every=HOUR)
    world.stripe.controls.pay(world.cart(token, AUTHENTICATION).payment.reference or "")
    world.run(finish=False)
    at.append(world.clock.now())
    world.live(5 * MINUTE, every=5 * MINUTE, finish=False)
    world.run()
    at.append(world.clock.now())
    found = get(world, f"/api/orders/{order_id}/events", AUTHENTICATION).body["events"]
    assert [milliseconds(event["at"]) for event in found] == at


def test_the_timeline_ends_with_a_refund_if_delivery_fails(world: World) -> None:
    order_id = undeliverable(world)
    assert events(world, order_id) == [
        PLACED,
        PAID,
        ("refunding", "platform", "the site could not be built"),
        ("provision_failed", "system", "money given back"),
    ]


def test_the_timeline_shows_a_refused_refund_and_its_retry(world: World) -> None:
    order_id = undeliverable(world, refunds="refuse")
    world.stripe.controls.set(refunds="as published")
    world.live(20 * MINUTE, every=5 * MINUTE)
    found = events(world, order_id)
    assert [(state, actor) for state, actor, _ in found] == [
        ("pending", "customer"),
        ("processing", "stripe"),
        ("refunding", "platform"),
        ("refund_failed", "stripe"),
        ("provision_failed", "system"),
    ]
    assert "charge_not_refundable" in found[3][2]


def test_the_timeline_shows_a_cancel(world: World) -> None:
    order_id, _ = placed(world, AUTHENTICATION)
    world.run()
    world.request("DELETE", f"/api/orders/{order_id}", account=AUTHENTICATION)
    world.run()
    assert events(world, order_id, AUTHENTICATION) == [
        PLACED,
        ("canceling", "customer", "cancel requested"),
        ("canceled", "system", "no money had been taken"),
    ]


def test_the_timeline_shows_an_expired_order(world: World) -> None:
    order_id, _ = placed(world, AUTHENTICATION)
    world.run()
    world.live(DAY + HOUR, every=HOUR)
    assert events(world, order_id, AUTHENTICATION) == [PLACED, ("expired", "system", "not paid in time")]


def test_the_timeline_shows_a_declined_payment(world: World) -> None:
    assert world.place("declined_final").status == 422
    (order,) = world.services.orders.newest(world.accounts["declined_final"]["id"], 2).orders
    found = events(world, order.uuid, "declined_final")
    assert found == [PLACED, ("failed", "stripe", "The payment method was declined.")]


def test_the_timeline_only_grows(world: World) -> None:
    """Every stored version of the order extends the timeline of the previous version."""
    kept: dict[str, Order] = {}

    def follow(order_id: str, account: str) -> None:
        order = world.order(order_id, account)
        before = kept.get(order_id)
        if before is not None:
            assert order.timeline[: len(before.timeline)] == before.timeline
            assert order.updated_at >= before.updated_at
            if before.status in ENDS:
                assert (order.status, order.ended_at) == (before.status, before.ended_at)
        kept[order_id] = order

    order_id, token = placed(world, AUTHENTICATION, callback=True)
    customer = world.accounts[AUTHENTICATION]["customer"]
    invoice_id = world.cart(token, AUTHENTICATION).payment.reference or ""
    follow(order_id, AUTHENTICATION)
    world.stripe.controls.pay(invoice_id)
    happened = world.fresh_stripe_events()
    for step in (
        lambda: [tell(world, event) for event in happened],
        lambda: world.run(finish=False),
        lambda: world.request("DELETE", f"/api/orders/{order_id}", account=AUTHENTICATION),
        world.run,
        lambda: [tell(world, {**event, "id": f"{event['id']}_again"}) for event in reversed(happened)],
        lambda: world.stripe.controls.dispute(world.stripe.charges(customer)[0]["id"]),
        world.run,
        lambda: tell(world, made("invoice.voided", {"id": invoice_id})),
        lambda: world.live(3 * DAY, every=DAY),
    ):
        step()
        follow(order_id, AUTHENTICATION)
    of_kind(world.stripe.events, "charge.dispute.created")
    assert [entry.cause for entry in kept[order_id].timeline] == [
        "order placed",
        "payment succeeded",
        "delivered",
        "the customer disputes the charge",
    ]


def test_only_the_owner_can_read_the_timeline(world: World) -> None:
    order_id, _ = placed(world)
    world.run()
    for path, account in (
        (f"/api/orders/{order_id}/events", "sepa"),
        ("/api/orders/00000000-0000-8000-8000-000000000000/events", "ready"),
        ("/api/orders/nonsense/events", "ready"),
    ):
        reply = get(world, path, account)
        assert (reply.status, reply.body["code"]) == (404, "not_found")
    assert world.request("GET", f"/api/orders/{order_id}/events", account=None).status in (400, 401)
    for method in ("POST", "DELETE", "PATCH", "PUT"):
        assert world.request(method, f"/api/orders/{order_id}/events", {}).status == 404


def test_the_timeline_is_found_by_uuid_and_by_number(world: World) -> None:
    order_id, _ = placed(world)
    number = world.order(order_id).number
    by_uuid = get(world, f"/api/orders/{order_id}/events").body
    assert get(world, f"/api/orders/{number}/events").body == by_uuid
