"""A seeded history of the whole system under faults, and what must be true at its end (docs/design.md).

While the storm lasts, every side effect may fail, lose its answer or kill its process; webhooks come twice, late, in
any order or never; clients repeat their POSTs and cancel; executions, webhooks and the schedule take turns at random.
Clients order sites, domains and carts of both; the registrar is slow, throttles, loses names and answers.
Then the storm is over, time passes, and `violations` says what is wrong. The same seed is the same history.
"""

from __future__ import annotations

import logging
import random
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from hosting_orders.adapters.dynamodb.codec import decode
from hosting_orders.adapters.dynamodb.items import order_from_item
from hosting_orders.domain.cart import Cart, PaymentStatus, roll_up
from hosting_orders.domain.catalogue import Variant
from hosting_orders.domain.ids import callback_message_id
from hosting_orders.domain.order import ENDS, Order, OrderStatus
from hosting_orders.domain.products import DomainItem
from hosting_orders.domain.providers import CallbackAnswer, OperationStatus
from tests.support.domain_books import claims, contacts, zones
from tests.support.mishaps import Mishap
from tests.support.world import World, a_world

ACCOUNTS = ("ready", "ready", "credit", "sepa", "sepa", "authentication_required", "declined_final", "trial")
DAY = 86_400

# How a name begins says what the registrar's stand-in makes of it (local/registrar_standin).
NAMES = ("", "", "", "", "slow-", "action-", "lost-", "gone-", "fail-")
ASKED_OF_THE_REGISTRAR = (
    *("RegisterDomain", "RegisterDomain", "TransferDomain", "ListOperations"),
    *("GetOperationDetail", "GetDomainDetail"),
)


class History:
    """One seed's history. `log` tells what was done, for whoever replays a failing seed."""

    def __init__(
        self, world: World, seed: int, *, orders: int = 3, steps: int = 70, risk: float = 0.12
    ) -> None:
        self.world = world
        self.chance = random.Random(seed)
        world.runner._chance = random.Random(seed)
        self.seed, self.steps, self.risk = seed, steps, risk
        self.log: list[str] = []
        self.clients = [
            {
                "account": self.chance.choice(ACCOUNTS),
                "key": f"seed-{seed}-{n}",
                "cart": None,
                "answers": [],
                "items": self._wanted(n),
                "policy": self.chance.choice(("keep", "cancel_all")),
            }
            for n in range(orders)
        ]
        self.events: list[Mapping[str, Any]] = []
        self._orders: dict[int, Order] = {}
        self._read = 0
        self._alone = True
        self.statuses: dict[str, list[OrderStatus]] = defaultdict(list)
        self.webhooks_work = self.chance.random() < 0.7
        world.services.catalogue.put_variant(Variant("scarce", capacity=50))
        self.world.callbacks.answers = [
            CallbackAnswer(self.chance.choice((204, 204, 500))) for _ in range(orders)
        ]

    def run(self) -> None:
        """The storm, then the calm after it."""
        self.world.fresh_stripe_events()
        self.world.mishaps.watch(self._choose)
        actions = (
            *[self._post] * 3,
            self._cancel,
            *[self._workflow] * 5,
            *[self._hear_stripe] * 3,
            *[self._platform] * 2,
            *[self._registrar] * 3,
            self._platform_webhook,
            self._time_out,
            self._customer,
            *[self._roll_up] * 2,
            self._schedule,
            self._time,
        )
        for _ in range(self.steps):
            self.chance.choice(actions)()
        self.world.mishaps.none()
        self.world.registrar.clear_faults()
        self._calm()

    def _wanted(self, client: int) -> list[dict[str, Any]]:
        """What a client orders: a site, a name, or a cart of up to three."""
        items = []
        for item in range(self.chance.choice((1, 1, 2, 3))):
            if self.chance.random() < 0.4:
                items.append(self.world.site(variant="scarce"))
                continue
            # Now and then two clients want one and the same name.
            whose = 0 if self.chance.random() < 0.2 else 10 * client + item
            name = f"{self.chance.choice(NAMES)}example-{whose}.com"
            transfer = {"action": "transfer", "authcode": "Secret-1"} if self.chance.random() < 0.3 else {}
            items.append(self.world.domain(name, **transfer))
        return items

    def _choose(self, name: str) -> Mishap | None:
        if self._alone and self.chance.random() < self.risk:
            # Another process does something in the very moment before this side effect.
            self._alone = False
            self.log.append(f"    meanwhile, before {name}:")
            self.chance.choice(
                (self._cancel, self._hear_stripe, self._platform_webhook, self._schedule, self._post)
            )()
            self.log.append(f"    now {name}")
            self._alone = True
        if self.chance.random() >= self.risk:
            return None
        mishap = self.chance.choice(list(Mishap))
        self.log.append(f"    {mishap} at {name}")
        return mishap

    # -- what may happen ---------------------------------------------------------------------------------------

    def _post(self) -> None:
        client = self.chance.choice(self.clients)
        if client["answers"] and client["answers"][-1] < 500 and self.chance.random() < 0.8:
            return
        self._order(client)

    def _order(self, client: dict[str, Any]) -> None:
        items = client["items"]
        body: dict[str, Any] = {"items": items, "on_item_failure": client["policy"]}
        path = "/api/carts"
        if len(items) == 1:
            path = "/api/orders" if "site" in items[0] else "/api/orders/domain"
            body = dict(items[0])
        body["callback"] = {"url": "https://client.example/hook"}
        headers = {"Idempotency-Key": client["key"]}
        reply = self.world.request("POST", path, body, account=client["account"], headers=headers)
        client["answers"].append(reply.status)
        if reply.status == 202:
            client["cart"] = reply.body["cart"]["token"]
        wanted = [item["domain"]["name"] if "domain" in item else "site" for item in items]
        self.log.append(f"POST {client['key']} {client['account']} {wanted}: {reply.status}")

    def _cancel(self) -> None:
        if self.chance.random() < 0.7 or not (orders := self.orders()):
            return
        order = self.chance.choice(orders)
        account = order.account_id.removeprefix("acc_")
        reply = self.world.request("DELETE", f"/api/orders/{order.uuid}", account=account)
        self.log.append(f"DELETE {order.number} ({order.status}): {reply.status}")

    def _workflow(self) -> None:
        if self.world.runner.ready:
            self.world.runner.run_one(self.chance.randrange(self.world.runner.ready))
            self.log.append("workflow step")

    def _time_out(self) -> None:
        """Now and then a step that waits comes to its end without an answer, as its time-out or a fault ends it."""
        waiting = [
            execution
            for execution in self.world.runner.executions.values()
            if execution.waiting_token is not None
        ]
        if waiting and self.chance.random() < 0.7:
            execution = self.chance.choice(waiting)
            self.log.append(f"{execution.states[-1]} of {execution.name} comes to its end")
            assert execution.waiting_token is not None
            if execution.states[-1] != "RefundOrder":  # the last resort: after it an operator is called
                self.world.runner.send_task_failure(execution.waiting_token, "States.Timeout", "made up")

    def _hear_stripe(self) -> None:
        self.events += self.world.fresh_stripe_events()
        if not self.webhooks_work or not self.events:
            return
        event = self.chance.choice(self.events)
        status = self.world.stripe_webhook(event).status
        self.log.append(f"webhook {event['type']}: {status}")
        if status == 200 and self.chance.random() < 0.7 and event in self.events:
            self.events.remove(event)  # unless another did, who told it at the same time

    def _platform(self) -> None:
        running = [
            item_id
            for item_id, service in self.world.platform.services.items()
            if service.operation.status is OperationStatus.RUNNING
        ]
        if running and self.chance.random() < 0.6:
            item_id = self.chance.choice(running)
            what = self.chance.choice(("finish", "finish", "fail", "fail for now", "hang"))
            self.log.append(f"platform: {what} {item_id}")
            if what == "hang":
                self.world.platform.services[item_id].held = True
            elif what == "finish":
                self.world.platform.finish(item_id)
            else:
                self.world.platform.fail(item_id, retryable=what == "fail for now")

    def _registrar(self) -> None:
        """The registrar ends some work, or refuses or loses its next answers, or somebody else takes a name."""
        registrar = self.world.registrar
        running = sorted({operation.name for operation in registrar.operations if operation.is_running})
        what = self.chance.choice(("finish", "finish", "fail", "lose", "lose", "throttle", "take"))
        if what in ("finish", "fail") and running:
            name = self.chance.choice(running)
            self.log.append(f"registrar: {what} {name}")
            registrar.finish(name) if what == "finish" else registrar.fail(name)
        elif what in ("lose", "throttle"):
            operation, times = self.chance.choice(ASKED_OF_THE_REGISTRAR), self.chance.choice((1, 1, 3))
            self.log.append(f"registrar: {what} {operation} {times} times")
            if what == "lose":
                registrar.lose_next_answer(operation, times)
            else:
                registrar.fail_next(operation, times=times)
        elif what == "take" and self.chance.random() < 0.3:
            names = [item["domain"]["name"] for c in self.clients for item in c["items"] if "domain" in item]
            if names:
                name = self.chance.choice(names)
                self.log.append(f"registrar: somebody else takes {name}")
                registrar.take(name)

    def _platform_webhook(self) -> None:
        ended = [
            item_id
            for item_id, service in self.world.platform.services.items()
            if service.operation.status is not OperationStatus.RUNNING
        ]
        if ended and self.webhooks_work:
            item_id = self.chance.choice(ended)
            self.log.append(f"platform webhook {item_id}: {self.world.platform_webhook(item_id).status}")

    def _customer(self) -> None:
        """Somebody pays on the hosted page, or a bank settles or returns a debit."""
        what = self.chance.choice(("pay", "settle", "fail"))
        controls = self.world.stripe.controls
        if what == "pay":
            for order in self.orders():
                cart = self.world.services.orders.cart(order.account_id, order.cart_token)
                waits = cart is not None and cart.payment.status is PaymentStatus.AWAITING_AUTHENTICATION
                if waits and self.world.stripe.get(cart.payment.reference)["status"] == "open":
                    self.log.append(f"customer pays for {order.number}")
                    controls.pay(cart.payment.reference, self.chance.choice((None, "4242424242424242")))
            return
        for intent in self.world.stripe.objects("payment_intent", status="processing")[:1]:
            self.log.append(f"bank: {what} {intent['id']}")
            controls.settle(intent["id"]) if what == "settle" else controls.fail(intent["id"])

    def _roll_up(self) -> None:
        self.world.pump_stream()

    def _schedule(self) -> None:
        self.log.append(f"reconciled {self.world.reconcile()}")

    def _time(self) -> None:
        seconds = self.chance.choice((1, 10, 60, 180, 600, 3600))
        self.log.append(f"{seconds} s pass")
        self.world.advance(seconds)

    def _calm(self) -> None:
        """No faults any more; some webhooks are lost for ever. Half of the clients who got no answer ask again."""
        if self.webhooks_work:
            for event in self.events + self.world.fresh_stripe_events():
                if self.chance.random() < 0.7:
                    self.world.stripe_webhook(event)
        self.world.webhooks_on = self.world.platform_webhooks_on = self.webhooks_work
        for client in self.clients:
            if self.chance.random() < 0.5:
                self._order(client)
        # A debit may take two weeks, and a transfer that does not end is waited for thirty days after it.
        for seconds, every in ((3600, 600), (12 * 3600, 3600), (20 * DAY, DAY), (33 * DAY, 3 * DAY)):
            self.log.append(f"calm at {self.world.clock.now()}: {[str(o.status) for o in self.orders()]}")
            left = float(seconds)
            while left > 0:
                self.world.advance(every)
                self.world.reconcile()
                self.world.run()
                left -= every
            for service in self.world.platform.services.values():
                service.held = service.held and every < 3600  # what hung for half a day is built all the same

    # -- what is there -----------------------------------------------------------------------------------------

    def orders(self) -> list[Order]:
        """All orders as stored. Read from the stream, which is much faster than a scan of moto's table."""
        records = self.world._stream().items
        for record in records[self._read :]:
            change = record.to_json()["dynamodb"]
            if change["Keys"]["SK"]["S"].startswith("ORDER#") and "NewImage" in change:
                order = order_from_item(decode(change["NewImage"]))
                self._orders[order.number] = order
                seen = self.statuses[order.uuid]
                if not seen or seen[-1] is not order.status:
                    seen.append(order.status)
        self._read = len(records)
        return list(self._orders.values())

    def violations(self) -> list[str]:
        """Each invariant that does not hold, in a sentence."""
        orders = self.orders()
        carts: dict[tuple[str, str], list[Order]] = defaultdict(list)
        for order in orders:
            carts[order.account_id, order.cart_token].append(order)
        wrong: list[str] = []
        for (account_id, token), ordered in carts.items():
            cart = self.world.services.orders.cart(account_id, token)
            assert cart is not None
            wrong += self._wrong_with_cart(cart, ordered)
        messages = {request.message_id for request in self.world.callbacks.received}
        for order in orders:
            wrong += self._wrong_with_order(order, messages)
        if messages - {self._message_of(order) for order in orders}:
            wrong.append("a message that is no order's")
        wrong += self._wrong_with_names(orders)
        holding = sum(order.status is OrderStatus.COMPLETED and order.kind == "site" for order in orders)
        (counter,) = self.world.items("CAPACITY#")
        used = int(counter["used"]["N"])
        if used != holding:
            wrong.append(f"{used} places are taken by {holding} orders")
        for execution in self.world.runner.executions.values():
            if execution.status != "SUCCEEDED":
                wrong.append(f"execution {execution.name} is {execution.status}")
        for client in self.clients:
            if client["cart"] is None and 202 in client["answers"]:
                wrong.append(f"{client['key']} got no cart")
        return wrong

    def _wrong_with_cart(self, cart: Cart, orders: list[Order]) -> list[str]:
        wrong = []
        stripe = self.world.stripe
        name = f"cart {cart.token} {[str(order.status) for order in orders]}"
        invoices = [i for i in stripe.invoices() if i["metadata"].get("cart_token") == cart.token]
        paid = [invoice for invoice in invoices if invoice["status"] == "paid"]
        if any(invoice["status"] in ("open", "draft") for invoice in invoices):
            wrong.append(f"{name} has an invoice that can still be paid")
        notes = [n for n in stripe.credit_notes() if n["invoice"] in {i["id"] for i in paid}]
        kept = sum(i["total"] for i in paid) - sum(note["total"] for note in notes)
        delivered = sum(order.price.amount for order in orders if order.status is OrderStatus.COMPLETED)
        if len(paid) > 1:
            wrong.append(f"{name} was paid {len(paid)} times")
        if kept != delivered:
            wrong.append(f"{name}: {kept} kept for {delivered} delivered")
        returned = [order.refund for order in orders if order.refund is not None]
        if cart.payment.refunded != sum(refund.amount + refund.to_credit for refund in returned):
            wrong.append(f"{name} says that {cart.payment.refunded} went back")
        if not cart.payment.settled:
            wrong.append(f"{name}: its payment is {cart.payment.status}")
        if sorted(cart.orders) != sorted(order.number for order in orders):
            wrong.append(f"{name} has other orders")
        if cart.rollup_status is not roll_up([order.status for order in orders]):
            wrong.append(f"{name}: rolled up as {cart.rollup_status}")
        if cart.due_at is not None:
            wrong.append(f"{name} is still due")
        return wrong

    def _wrong_with_order(self, order: Order, messages: set[str]) -> list[str]:
        wrong = []
        name = f"{order.account_id} {order.number} {order.status}"
        delivered = order.status is OrderStatus.COMPLETED
        if order.status not in ENDS:
            wrong.append(f"{name} has no end")
        if delivered and (order.refund is not None or order.resource is None):
            wrong.append(f"{name} was given back, or has nothing")
        if order.refund is not None and order.refund.amount + order.refund.to_credit != order.price.amount:
            wrong.append(f"{name}: {order.refund} of {order.price} went back")
        service = self.world.platform.services.get(order.uuid)
        stands = service is not None and service.built > 0 and not service.deleted
        if stands != (delivered and order.kind == "site") or (service is not None and service.built > 1):
            wrong.append(f"{name}: the platform built {service and service.built}, stands {stands}")
        renewals = [
            one
            for one in self.world.stripe.subscriptions()
            if one["metadata"].get("order_id") == order.uuid and one["status"] != "canceled"
        ]
        if len(renewals) != delivered:
            wrong.append(f"{name} has {len(renewals)} renewals")
        if self._message_of(order) not in messages:
            wrong.append(f"{name}: its client was never told")
        history = self.statuses[order.uuid]
        if any(status in ENDS for status in history[:-1]):
            wrong.append(f"{name}: left an end: {history}")
        # A name is looked at again when its next year is charged; nothing else is.
        if (order.due_at or 0) > self.world.clock.now() + 200 * DAY * 1000 and order.renewal_is_watched:
            return wrong
        if order.due_at is not None or order.renewal_is_watched:
            wrong.append(f"{name} is due at {order.due_at}")
        return wrong

    def _wrong_with_names(self, orders: list[Order]) -> list[str]:
        """The registrar's books against ours: nobody's money for nothing, no name for nobody's money."""
        wrong = []
        registrar = self.world.registrar
        domains = [order for order in orders if order.kind == "domain"]
        for name in sorted({order.item_as(DomainItem).ascii_name for order in domains}):
            ours = [order for order in domains if order.item_as(DomainItem).ascii_name == name]
            asked = sum(order.domain_record.submission is not None for order in ours)
            delivered = sum(order.status is OrderStatus.COMPLETED for order in ours)
            if registrar.submissions(name) > asked:
                wrong.append(f"{name}: {registrar.submissions(name)} submissions for {asked} orders")
            if registrar.registrations(name) != delivered or len(zones(self.world, name)) != delivered:
                wrong.append(
                    f"{name}: {registrar.registrations(name)} registrations and {len(zones(self.world, name))} "
                    f"zones for {delivered} delivered orders"
                )
        held = [order for order in domains if order.status is OrderStatus.COMPLETED]
        if claims(self.world) != {order.item_as(DomainItem).ascii_name for order in held}:
            wrong.append(f"claims: {sorted(claims(self.world))}")
        if contacts(self.world) != {order.number for order in held}:
            wrong.append(f"contacts of {len(contacts(self.world))} orders are kept, {len(held)} have names")
        if self.world.metrics.counts["DomainWithoutOrder"]:
            wrong.append("a name came for an order that was given up")
        return wrong

    def _message_of(self, order: Order) -> str:
        return callback_message_id(order.number)


def simulate(seed: int, **settings: Any) -> History:
    """Live through a seed's history in a world of its own."""
    logging.disable(logging.CRITICAL)
    try:
        with a_world() as world:
            history = History(world, seed, **settings)
            history.run()
            history.wrong = history.violations()  # type: ignore[attr-defined]
            return history
    finally:
        logging.disable(logging.NOTSET)


if __name__ == "__main__":
    import sys
    import traceback

    first, count = int(sys.argv[1]), int(sys.argv[2])
    for number in range(first, first + count):
        try:
            lived = simulate(number)
            found = lived.wrong  # type: ignore[attr-defined]
        except Exception:
            lived, found = None, [traceback.format_exc()[-1500:]]
        sys.stdout.write(f"seed {number}: {found or 'ok'}\n")
        if count == 1 and lived is not None:
            sys.stdout.write("\n".join(lived.log) + "\n")
        sys.stdout.flush()
