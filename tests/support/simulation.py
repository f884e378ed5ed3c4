"""Run the whole system through a random history of orders and faults, and check its invariants (docs/design.md).

In the first part, every side effect may fail, lose its response or kill its process. Webhooks arrive twice, late,
in any order or never. Clients repeat their POSTs and cancel orders. The registrar and the platforms are slow, throttle,
refuse and lose responses. Workflow steps, webhooks and scheduled runs happen in random order.

Then the faults stop, time passes, and `violations` lists what is wrong. The same seed gives the same history.
"""

from __future__ import annotations

import logging
import random
from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any

from hosting_orders.adapters.dynamodb.codec import decode
from hosting_orders.adapters.dynamodb.items import order_from_item
from hosting_orders.domain.cart import Cart, PaymentStatus
from hosting_orders.domain.catalogue import Variant
from hosting_orders.domain.order import Order, OrderStatus
from hosting_orders.domain.products import ProductKind
from hosting_orders.domain.providers import CallbackAnswer
from local.stripe_standin.errors import StripeError
from tests.support.checkout import order_site, sessions, site
from tests.support.invariants import Invariants
from tests.support.machines import MACHINES, order_machine
from tests.support.mishaps import Mishap
from tests.support.spending import cap_key
from tests.support.world import World, a_world

# These accounts have no saved payment method. They order through version 1 of the API, which opens a payment page.
WITHOUT_METHOD = ("no_method", "no_method", "no_customer", "no_customer")
ACCOUNTS = (
    *("ready", "ready", "credit", "sepa", "sepa", "authentication_required", "declined_final", "trial"),
    *WITHOUT_METHOD,
)
DAY = 86_400
INVOICE_LAGS = 600  # seconds from a payment on a page until its invoice exists

# The kinds of product in an order of one item, and in a cart.
ALONE = ("site", "domain", "vm", "vm")
IN_A_CART = ("site", "site", "domain", "domain", "domain")

# The start of a host name decides what the platform's stand-in does (local/platform_standin).
HOST_NAMES = ("", "", "", "", "lost-", "retry-", "refuse-")

# The start of a domain decides what the registrar's stand-in does (local/registrar_standin).
NAMES = ("", "", "", "", "slow-", "action-", "lost-", "gone-", "fail-")
ASKED_OF_THE_REGISTRAR = (
    *("RegisterDomain", "RegisterDomain", "TransferDomain", "ListOperations"),
    *("GetOperationDetail", "GetDomainDetail"),
)

# The platform may refuse an order permanently. It must not refuse a deletion: a refunded order would keep
# its service.
ANSWERS_OF_THE_PLATFORM = (
    ("PUT", "422"),
    *(("PUT", answer) for answer in ("503", "lose", "garbage")),
    *(("*", answer) for answer in ("429", "500", "503", "drop", "lose", "garbage", "html")),
)

ASKED_OF_LIGHTSAIL = (
    *("*", "CreateInstances", "GetInstance", "DeleteInstance", "AllocateStaticIp", "AttachStaticIp"),
    *("ReleaseStaticIp", "PutInstancePublicPorts", "GetOperationsForResource"),
)
# None is a lost response. Each other fault is (error code, HTTP status).
FAULTS_OF_LIGHTSAIL = (
    *(None, ("ThrottlingException", 400), ("ServiceException", 500), ("AccessDeniedException", 400)),
    *(("AccountSetupInProgressException", 400),),
)


class History:
    """One seed's history. `log` lists the events, to show how a seed fails."""

    def __init__(
        self,
        world: World,
        seed: int,
        *,
        orders: int = 3,
        steps: int = 70,
        risk: float = 0.12,
        only_machines: bool = False,
    ) -> None:
        self.world = world
        self.only_machines = only_machines
        self.chance = random.Random(seed)
        world.runner._chance = random.Random(seed)
        self.seed, self.steps, self.risk = seed, steps, risk
        self.log: list[str] = []
        self.clients = [
            {
                "account": account,
                "key": f"seed-{seed}-{n}",
                "cart": None,
                "answers": [],
                "on_page": account in WITHOUT_METHOD,
                "items": [world.site(variant="scarce")] if account in WITHOUT_METHOD else self._wanted(n),
                "policy": self.chance.choice(("keep", "cancel_all")),
            }
            for n in range(orders)
            for account in [self.chance.choice(("ready", "sepa") if only_machines else ACCOUNTS)]
        ]
        world.stripe.controls.set(
            checkout_line_metadata=self.chance.random() < 0.5,
            checkout_credit_notes=self.chance.random() < 0.5,
            checkout_debit_invoice=self.chance.choice(("at settlement", "at completion")),
            checkout_invoice_lags=self.chance.choice((0, 0, INVOICE_LAGS)),
        )
        self.events: list[Mapping[str, Any]] = []
        self._orders: dict[int, Order] = {}
        self._read = 0
        self._alone = True
        self.statuses: dict[str, list[OrderStatus]] = defaultdict(list)
        self.most_spent: Counter[str] = Counter()
        self.webhooks_work = self.chance.random() < 0.7
        self._cap_keys()
        world.services.catalogue.put_variant(Variant("scarce", capacity=50))
        self.world.callbacks.answers = [
            CallbackAnswer(self.chance.choice((204, 204, 500))) for _ in range(orders)
        ]

    def _cap_keys(self) -> None:
        """Every key gets a spend cap. Some caps are lower than the cost of all the orders of the account."""
        chance = random.Random(f"caps of {self.seed}")
        self.caps = {}
        for account in sorted(set(ACCOUNTS)):
            for key in ("user_key", "user_key_v1", "api_key_000"):
                month = chance.choice((1300, 1_000_000, 1_000_000))
                capped = cap_key(self.world, account, key, day=chance.choice((None, month)), month=month)
                self.caps[capped.id] = month

    def run(self) -> None:
        self.world.fresh_stripe_events()
        self.world.mishaps.watch(self._choose)
        actions = (
            *[self._post] * 3,
            self._cancel,
            *[self._workflow] * 5,
            *[self._hear_stripe] * 3,
            *[self._platform] * 2,
            *[self._lightsail] * (6 if self.only_machines else 2),
            *[self._workflow] * (5 if self.only_machines else 0),
            *[self._registrar] * 3,
            self._platform_webhook,
            self._time_out,
            *[self._customer] * 2,
            *[self._roll_up] * 2,
            self._schedule,
            self._time,
        )
        for _ in range(self.steps):
            self.chance.choice(actions)()
        self.world.mishaps.none()
        self.world.registrar.clear_faults()
        self.world.platform.clear_faults()
        self.world.lightsail.standin.clear_faults()
        self._calm()

    def _wanted(self, client: int) -> list[dict[str, Any]]:
        """A client's order: a site, a domain, a machine, or a cart of up to three."""
        count = self.chance.choice((1, 1, 2, 3))
        kinds = ("vm",) if self.only_machines else ALONE if count == 1 else IN_A_CART
        return [self._item(10 * client + item, kinds) for item in range(count)]

    def _item(self, number: int, kinds: tuple[str, ...]) -> dict[str, Any]:
        kind = self.chance.choice(kinds)
        if kind == "site":
            return self.world.site(variant="scarce")
        if kind == "vm":
            host_name = f"{self.chance.choice(HOST_NAMES)}web-{number}.example.com"
            return {"vm": {"hostname": host_name, **self.chance.choice(MACHINES)}}
        # Sometimes two clients want the same domain.
        whose = 0 if self.chance.random() < 0.2 else number
        name = f"{self.chance.choice(NAMES)}example-{whose}.com"
        transfer = {"action": "transfer", "authcode": "Secret-1"} if self.chance.random() < 0.3 else {}
        return self.world.domain(name, **transfer)

    def _choose(self, name: str) -> Mishap | None:
        if self._alone and self.chance.random() < self.risk:
            # Another process acts right before this side effect.
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
        if client["on_page"]:
            self._order_on_page(client)
            return
        items = client["items"]
        if len(items) == 1 and "vm" in items[0]:
            self._order_machine(client)
            return
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
            self._accepted(client, reply.body["cart"]["token"])
        wanted = [item["domain"]["name"] if "domain" in item else next(iter(item)) for item in items]
        self.log.append(f"POST {client['key']} {client['account']} {wanted}: {reply.status}")

    def _order_machine(self, client: dict[str, Any]) -> None:
        machine, account = client["items"][0]["vm"], client["account"]
        reply = order_machine(self.world, machine, account, key=client["key"])
        client["answers"].append(reply.status)
        if reply.status == 202:
            self._accepted(client, self.world.order(reply.body["data"]["token"], account).cart_token)
        self.log.append(f"POST {client['key']} {account} {machine['hostname']}: {reply.status}")

    def _order_on_page(self, client: dict[str, Any]) -> None:
        account = client["account"]
        reply = order_site(self.world, account, key=client["key"], body=site(variant="scarce"))
        client["answers"].append(reply.status)
        if reply.status == 201:
            self._accepted(client, self.world.order(reply.body["order"]["id"], account).cart_token)
        self.log.append(f"POST {client['key']} {account} on a page: {reply.status}")

    def _accepted(self, client: dict[str, Any], cart: str) -> None:
        if client["cart"] is None and self.chance.random() < 0.2:
            for order in self.orders():
                if order.cart_token == cart and order.kind is not ProductKind.DOMAIN:
                    self.log.append(f"platform: will block on {order.uuid}")
                    self.world.platform.hold(order.uuid)
        client["cart"] = cart

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
        """Sometimes fail a waiting step, as its time-out or a fault does."""
        waiting = [
            execution
            for execution in self.world.runner.executions.values()
            if execution.waiting_token is not None
        ]
        if waiting and self.chance.random() < 0.7:
            execution = self.chance.choice(waiting)
            self.log.append(f"{execution.states[-1]} of {execution.name} is ended")
            assert execution.waiting_token is not None
            if execution.states[-1] != "RefundOrder":  # if RefundOrder fails, an operator must act
                self.world.runner.send_task_failure(execution.waiting_token, "States.Timeout", "made up")

    def _hear_stripe(self) -> None:
        self.events += self.world.fresh_stripe_events()
        if not self.webhooks_work or not self.events:
            return
        event = self.chance.choice(self.events)
        status = self.world.stripe_webhook(event).status
        self.log.append(f"webhook {event['type']}: {status}")
        if status == 200 and self.chance.random() < 0.7 and event in self.events:
            self.events.remove(event)

    def _platform(self) -> None:
        running = [service.item_id for service in self.world.platform.running]
        if running and self.chance.random() < 0.6:
            item_id = self.chance.choice(running)
            what = self.chance.choice(("finish", "finish", "fail", "fail for now", "hang"))
            self.log.append(f"platform: {what} {item_id}")
            if what == "hang":
                self.world.platform.hold(item_id)
            elif what == "finish":
                self.world.platform.finish(item_id)
            else:
                self.world.platform.fail(item_id, retryable=what == "fail for now")
        elif self.chance.random() < 0.2:
            method, answer = self.chance.choice(ANSWERS_OF_THE_PLATFORM)
            times = self.chance.choice((1, 1, 3))
            self.log.append(f"platform: {answer} for {method} {times} times")
            self.world.platform.fault(answer, method=method, times=times)

    def _lightsail(self) -> None:
        lightsail, pending = self.world.lightsail, self.world.lightsail.pending
        if pending and self.chance.random() < 0.9:
            item_id = self.chance.choice(pending)
            what = self.chance.choice(("finish", "fail", "fail for now", "hang"))
            self.log.append(f"Lightsail: {what} {item_id}")
            if what == "hang":
                lightsail.hold(item_id)
            elif what == "finish":
                lightsail.finish(item_id)
            else:
                code = "InsufficientInstanceCapacity" if what == "fail for now" else "InstanceCreationFailed"
                lightsail.standin.fail(f"ho-{item_id}", code, "in Lightsail's words")
        elif self.chance.random() < 0.3:
            operation, times = self.chance.choice(ASKED_OF_LIGHTSAIL), self.chance.choice((1, 1, 3))
            fault = self.chance.choice(FAULTS_OF_LIGHTSAIL)
            self.log.append(f"Lightsail: {fault or 'lose'} for {operation} {times} times")
            if fault is None:
                lightsail.standin.lose_next_answer(operation, times)
            else:
                code, status = fault
                lightsail.standin.fail_next(operation, code, status=status, times=times)

    def _registrar(self) -> None:
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
                self.log.append(f"registrar: a stranger registers {name}")
                registrar.take(name)

    def _platform_webhook(self) -> None:
        ended = [
            item_id
            for item_id, service in self.world.platform.services.items()
            if service.operations and service.operation.status != "running"
        ]
        if ended and self.webhooks_work:
            item_id = self.chance.choice(ended)
            self.log.append(f"platform webhook {item_id}: {self.world.platform_webhook(item_id).status}")

    def _customer(self) -> None:
        what = self.chance.choice(("pay", "settle", "fail"))
        controls = self.world.stripe.controls
        if what == "pay":
            for order in self.orders():
                cart = self.world.services.orders.cart(order.account_id, order.cart_token)
                if cart is not None and cart.checkout:
                    self._pay_on_page(cart)
                    continue
                waits = cart is not None and cart.payment.status is PaymentStatus.AWAITING_AUTHENTICATION
                if waits and self.world.stripe.get(cart.payment.reference)["status"] == "open":
                    self.log.append(f"customer pays for {order.number}")
                    controls.pay(cart.payment.reference, self.chance.choice((None, "4242424242424242")))
            return
        # Skip debits whose page may have no invoice yet. A real bank takes at least a day; by then the invoice exists.
        now = self.world.stripe.clock.now()
        debits = self.world.stripe.objects("payment_intent", status="processing")
        for intent in [debit for debit in debits if debit["created"] + INVOICE_LAGS <= now][:1]:
            self.log.append(f"bank: {what} {intent['id']}")
            controls.settle(intent["id"]) if what == "settle" else controls.fail(intent["id"])

    def _pay_on_page(self, cart: Cart) -> None:
        """For each open page of the cart, the customer pays by card or debit, is declined, or does nothing."""
        controls = self.world.stripe.controls
        for session in sessions(self.world, cart.token):
            if session["status"] != "open":
                continue
            what = self.chance.choice(("card", "card", "debit", "declined", "nothing"))
            self.log.append(f"customer on the page of {cart.token}: {what}")
            try:
                if what == "card":
                    controls.pay_checkout(session["id"])
                elif what == "debit":
                    controls.debit_checkout(session["id"])
                elif what == "declined":
                    controls.pay_checkout(session["id"], "4000000000000002")
            except StripeError as error:
                self.log.append(f"    {error}")

    def _roll_up(self) -> None:
        self.world.pump_stream()

    def _schedule(self) -> None:
        self.log.append(f"reconciled {self.world.reconcile()}")

    def _time(self) -> None:
        seconds = self.chance.choice((1, 10, 60, 180, 600, 3600))
        self.log.append(f"{seconds} s pass")
        self.world.advance(seconds)

    def _calm(self) -> None:
        """Let time pass without faults. Some webhooks are lost permanently, and about half of the clients retry."""
        if self.webhooks_work:
            for event in self.events + self.world.fresh_stripe_events():
                if self.chance.random() < 0.7:
                    self.world.stripe_webhook(event)
        self.world.webhooks_on = self.world.platform_webhooks_on = self.webhooks_work
        for client in self.clients:
            if self.chance.random() < 0.5:
                self._order(client)
        # A debit may take two weeks, and a transfer that never ends is abandoned after thirty days.
        for seconds, every in ((3600, 600), (12 * 3600, 3600), (20 * DAY, DAY), (33 * DAY, 3 * DAY)):
            self.log.append(f"calm at {self.world.clock.now()}: {[str(o.status) for o in self.orders()]}")
            left = float(seconds)
            while left > 0:
                self.world.advance(every)
                self.world.reconcile()
                self.world.run()
                left -= every
            for service in self.world.platform.services.values():
                service.held = service.held and every < 3600  # blocked for half a day, then built

    # -- the outcome -------------------------------------------------------------------------------------------

    def orders(self) -> list[Order]:
        """All orders as stored. They are read from the stream, which is much faster than a scan of moto's table."""
        records = self.world._stream().items
        for record in records[self._read :]:
            change = record.to_json()["dynamodb"]
            if change["Keys"]["SK"]["S"].startswith("ORDER#") and "NewImage" in change:
                order = order_from_item(decode(change["NewImage"]))
                self._orders[order.number] = order
                seen = self.statuses[order.uuid]
                if not seen or seen[-1] is not order.status:
                    seen.append(order.status)
            if change["Keys"]["SK"]["S"].startswith("SPENDING#") and "NewImage" in change:
                item = decode(change["NewImage"])
                key = item["SK"].split("#")[1]
                self.most_spent[key] = max(self.most_spent[key], item.get("month", 0))
        self._read = len(records)
        return list(self._orders.values())

    def violations(self) -> list[str]:
        wrong = Invariants(self.world, self.orders(), self.statuses).violations()
        wrong += [
            f"{key} spent {spent} cents of {self.caps[key]}"
            for key, spent in self.most_spent.items()
            if spent > self.caps[key]
        ]
        for client in self.clients:
            if client["cart"] is None and {201, 202} & set(client["answers"]):
                wrong.append(f"{client['key']} got no cart")
        return wrong


def simulate(seed: int, **settings: Any) -> History:
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

    first, count, machines = int(sys.argv[1]), int(sys.argv[2]), "machines" in sys.argv
    for number in range(first, first + count):
        try:
            lived = simulate(number, only_machines=machines)
            found = lived.wrong  # type: ignore[attr-defined]
        except Exception:
            lived, found = None, [traceback.format_exc()[-1500:]]
        sys.stdout.write(f"seed {number}: {found or 'ok'}\n")
        if count == 1 and lived is not None:
            sys.stdout.write("\n".join(lived.log) + "\n")
        sys.stdout.flush()
