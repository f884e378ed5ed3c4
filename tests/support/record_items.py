"""Records the table's items as the current code writes them, and the API's responses about them.

    python -m tests.support.record_items >tests/fixtures/items_<date>.json

Never overwrite a recorded file. It represents a table that an earlier release wrote
(tests/integration/test_kept_items.py).
"""

from __future__ import annotations

import json
import sys
from contextlib import redirect_stdout
from typing import Any

from tests.support.world import World, a_world

DAY = 24 * 3600


class OpenCipher:
    """Stores values in plain text, because the tests that read the recording do not have this world's KMS key."""

    def seal(self, clear: str, context: Any) -> str:
        return f"sealed:{clear}"

    def open(self, sealed: str, context: Any) -> str:
        return sealed.removeprefix("sealed:")


def use_open_cipher(world: World) -> None:
    world.services.__dict__["cipher"] = OpenCipher()


def ordered(world: World) -> dict[str, str]:
    """Place orders and return their ids by outcome.

    The renewed domain is ordered first. A year passes until its renewal, and the other orders must not grow so old.
    """
    ids: dict[str, str] = {}

    def keep(what: str, reply: Any) -> None:
        assert reply.status == 202, reply.body
        for number, order in enumerate(reply.body["orders"]):
            ids[what if number == 0 else f"{what}_{number}"] = order["id"]

    keep("renewed_domain", world.order_domain("renewed-example.com"))
    world.run()
    world.live(600, every=60)
    order = world.order(ids["renewed_domain"])
    assert order.subscription is not None
    end = world.stripe.get(order.subscription.id)["items"]["data"][0]["current_period_end"]
    world.advance(end - world.stripe.clock.time() - 60)
    world.reconcile()
    world.run()
    world.live(2 * DAY, every=3600)
    assert world.registrar.renewals("renewed-example.com") == 1

    keep("delivered_site", world.place(callback=True, key="kept-1"))
    keep("site_paid_by_credit", world.place("credit"))
    keep("mixed_cart", world.place_cart(world.site(), world.domain("mixed-example.com")))
    keep("declined", world.place("declined_recoverable"))
    world.run()
    world.live(1200, every=60)
    keep("refunded_site", world.place(callback=True))
    refuse(world, ids["refunded_site"])
    keep("canceled", world.place("authentication_required"))
    world.run()
    reply = world.request("DELETE", f"/api/orders/{ids['canceled']}", account="authentication_required")
    assert reply.status == 202, reply.body
    keep("expired", world.place("authentication_required"))
    world.run()
    world.live(2 * DAY, every=DAY / 2)
    keep("refund_refused", world.place())
    world.stripe.controls.set(refunds="refuse")
    refuse(world, ids["refund_refused"])
    keep("awaiting_authentication", world.place("authentication_required", callback=True))
    keep("debit_under_way", world.place("sepa"))
    transfer = {"action": "transfer", "authcode": "secret-1"}
    keep("transferring_domain", world.order_domain("moving-example.com", **transfer))
    world.run()
    keep("being_delivered", world.place(callback=True))
    keep("mixed_cart_under_way", world.place_cart(world.site(), world.domain("later-example.com")))
    world.run(finish=False)
    return ids


def refuse(world: World, order_id: str) -> None:
    world.run(finish=False)
    world.platform.fail(order_id)
    world.platform_webhook(order_id)
    world.run()


def answers(world: World) -> dict[str, Any]:
    """What the API shows each account about its orders. Maps "account path" to [status, body]."""
    read: dict[str, Any] = {}
    for account in world.accounts:
        listing = world.request("GET", "/api/orders?per_page=100", account=account)
        paths = ["/api/orders"]
        for order in listing.body.get("orders", []):
            paths += [f"/api/orders/{order['id']}{more}" for more in ("", "/events", "/callbacks")]
            paths.append(f"/api/carts/{world.order(order['id'], account).cart_token}")
        for path in dict.fromkeys(paths):
            reply = world.request("GET", path, account=account)
            read[f"{account} {path}"] = [reply.status, reply.body]
    return read


def main() -> None:
    with redirect_stdout(sys.stderr), a_world() as world:
        use_open_cipher(world)
        ids = ordered(world)
        recording: dict[str, Any] = {
            "now": world.clock.now(),
            "orders": {what: [order_id, status(world, order_id)] for what, order_id in ids.items()},
            "answers": answers(world),
            "items": [item for item in world.items("") if item["SK"]["S"] != "EVENT"],
        }
    lines = ["{", f'"now": {recording["now"]},']
    for part in ("orders", "answers"):
        rows = [f"{json.dumps(name)}: {json.dumps(value)}" for name, value in recording[part].items()]
        lines += [f'"{part}": {{', ",\n".join(rows), "},"]
    lines += ['"items": [', ",\n".join(json.dumps(item) for item in recording["items"]), "]}", ""]
    sys.stdout.write("\n".join(lines))


def status(world: World, order_id: str) -> str:
    for account in world.accounts:
        try:
            return world.order(order_id, account).status.value
        except AssertionError:
            continue
    raise AssertionError(order_id)


if __name__ == "__main__":
    main()
