"""The whole system in one process and in virtual time: real handlers, workflow definition and adapters.

The functions, the routes of template.yaml, the state machine and the adapters are real. The adapters of DynamoDB, KMS
and DNS zones use moto. Those of Stripe, the platforms and the registrar use our stand-ins, without a socket.
Callbacks, alerts and metrics are recorded in memory. Time passes only when a test advances the clock.
"""

from __future__ import annotations

import hashlib
import hmac
import importlib
import json
import os
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Protocol

import boto3
import yaml
from aws_lambda_powertools.utilities.feature_flags import ConfigurationStoreError
from aws_lambda_powertools.utilities.feature_flags.base import StoreProvider
from botocore.exceptions import EndpointConnectionError
from moto import mock_aws
from moto.core import DEFAULT_ACCOUNT_ID
from moto.dynamodb import dynamodb_backends
from stripe import RequestsClient, StripeClient

from hosting_orders import bootstrap, settings
from hosting_orders.adapters.dynamodb.tokens import DynamoTokenStore
from hosting_orders.adapters.features import AppConfigFeatures
from hosting_orders.adapters.page_tokens import SignedPageTokens
from hosting_orders.adapters.platforms import RoutedPlatform
from hosting_orders.adapters.quotes import SignedQuotes
from hosting_orders.adapters.route53.registrar import Route53Registrar
from hosting_orders.adapters.route53.zones import Route53Zones
from hosting_orders.adapters.sqs_webhooks import SqsWebhookQueue
from hosting_orders.adapters.stepfunctions import StepFunctionsWorkflow
from hosting_orders.adapters.stripe.client import StripeApi
from hosting_orders.adapters.stripe.collection import StripeCollection
from hosting_orders.adapters.stripe.refunds import StripeRefunds
from hosting_orders.adapters.stripe.renewals import StripeRenewals
from hosting_orders.adapters.stripe.webhooks import StripeWebhooks
from hosting_orders.domain.cart import Cart
from hosting_orders.domain.features import DOMAIN_REGISTRATION
from hosting_orders.domain.ids import callback_message_id, parse_order_id
from hosting_orders.domain.order import Order
from hosting_orders.domain.providers import CallbackAnswer, CallbackRequest
from local.platform_standin import PlatformStandIn
from local.registrar_standin import RegistrarStandIn
from local.seed import ACCOUNTS, create_customer, seed_table
from local.stripe_standin import StripeStandIn
from tests.support import mishaps, permissions
from tests.support.asl_runner import AslRunner, InvocationError, StateMachine, VirtualClock
from tests.support.lightsail_in_process import LightsailInProcess
from tests.support.mishaps import Crash, Mishaps
from tests.support.platform_in_process import in_process
from tests.support.quick_moto import on_the_wire
from tests.support.seeded import demo_data
from tests.support.stripe_in_process import connect
from tests.support.table import REGION, TABLE_NAME, AtomicClient, BatchingClient, create_table
from tests.support.table_stream import StreamsClient

ROOT = Path(__file__).parents[2]
STRIPE_WEBHOOK_SECRET = "whsec_test_0123456789abcdef"
REGISTRATION_SECONDS = 120.0
TRANSFER_SECONDS = 10 * 86_400.0


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Reads CloudFormation's short tags, such as `!Ref Api`, as text."""


_Loader.add_multi_constructor("!", lambda _loader, suffix, node: f"!{suffix} {node.value}")


@cache
def routes() -> dict[tuple[str, str], str]:
    template = yaml.load((ROOT / "template.yaml").read_text(), _Loader)
    found: dict[tuple[str, str], str] = {}
    for resource in template["Resources"].values():
        if resource["Type"] != "AWS::Serverless::Function":
            continue
        folder = resource["Properties"]["CodeUri"].removeprefix("functions/")
        for event in (resource["Properties"].get("Events") or {}).values():
            if event["Type"] == "HttpApi":
                given = event["Properties"]
                found[given.get("Method", "*"), given.get("Path", "*")] = folder
    return found


def matched(method: str, path: str) -> tuple[str, str, dict[str, str]]:
    """Return the folder, route key and path parameters of the route that API Gateway would choose."""
    parts = path.split("/")
    for (wanted, template), folder in routes().items():
        pattern = template.split("/")
        if wanted != method or len(pattern) != len(parts):
            continue
        pairs = list(zip(pattern, parts, strict=True))
        if all(a == b or (a.startswith("{") and b) for a, b in pairs):
            return folder, f"{wanted} {template}", {a[1:-1]: b for a, b in pairs if a.startswith("{")}
    return routes()["*", "*"], "$default", {}


@cache
def handler_of(folder: str) -> Any:
    handler = importlib.import_module(f"functions.{folder}.app").handler

    def watched(event: Any, context: Any) -> Any:
        with permissions.running(folder):
            return handler(event, context)

    return watched


def step_functions() -> dict[str, Any]:
    return {
        f"{name}FunctionArn": handler_of(folder)
        for name, folder in (
            ("ChargeOrder", "charge_order"),
            ("ProvisionHosting", "provision_hosting"),
            ("RegisterDomain", "register_domain"),
            ("RefundOrder", "refund_order"),
            ("SendCallback", "send_callback"),
        )
    }


@cache
def the_machine() -> StateMachine:
    return StateMachine.load(
        ROOT / "statemachines" / "fulfil_order.asl.yaml",
        step_functions(),
    )


@cache
def boto3_client(service: str) -> Any:
    """One client for all worlds of this process, because a client is slow to build and keeps no data of a world."""
    return boto3.client(service, region_name=REGION)


@cache
def registrar_clients() -> tuple[Any, Any]:
    """The registrar's two clients, for all worlds of this process. Each world attaches its stand-in to them."""
    maker = RegistrarStandIn()
    clients = maker.clients()
    for client in clients:
        maker.detach(client)
    return clients


@dataclass(frozen=True, slots=True)
class Reply:
    """A response. Header names are lower case. `body` is parsed JSON, or the text of an HTML page."""

    status: int
    body: Any
    headers: Mapping[str, str]


@dataclass
class FakeCallbacks:
    """Receives callbacks. Returns the `answers` in turn, then always 204."""

    received: list[CallbackRequest] = field(default_factory=list)
    answers: list[CallbackAnswer] = field(default_factory=list)

    def send(self, request: CallbackRequest) -> CallbackAnswer:
        self.received.append(request)
        return self.answers.pop(0) if self.answers else CallbackAnswer(204)

    def secret_for(self, account_id: str) -> str:
        return f"whsec_{account_id}"


class FakeWebhookQueue:
    """The queue of webhooks. `waiting` has the bodies of its messages, and `broken` makes the queue unreachable."""

    def __init__(self) -> None:
        self.waiting: list[str] = []
        self.broken = False

    def send_message(self, *, QueueUrl: str, MessageBody: str, MessageGroupId: str) -> None:  # noqa: N803
        if self.broken:
            raise EndpointConnectionError(endpoint_url=QueueUrl)
        self.waiting.append(MessageBody)


class Platform(Protocol):
    """What a platform's stand-in has built, to compare with the orders (tests/support/invariants.py)."""

    def standing(self) -> Mapping[str, Mapping[str, int]]:
        """Existing resources by order id: how many of each kind, such as `vm`."""
        ...

    def built(self, item_id: str) -> int: ...


class FakeAlerts:
    """Alerts for the operators: (subject, text)."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str]] = []

    def send(self, subject: str, text: str) -> None:
        self.sent.append((subject, text))


class FakeMetrics:
    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def count(self, name: str, amount: int = 1) -> None:
        self.counts[name] += amount


class Switches(StoreProvider):
    """The feature switches, in Powertools' schema. If `readable` is False, AppConfig is unavailable."""

    def __init__(self) -> None:
        self.document: Any = {DOMAIN_REGISTRATION: {"default": True}}
        self.readable = True

    @property
    def get_raw_configuration(self) -> Any:
        return self.get_configuration()

    def get_configuration(self) -> Any:
        if not self.readable:
            raise ConfigurationStoreError("AppConfig does not answer")
        return self.document


class _Counts:
    """Counts requests in the real store.

    While `world.limited` is False, `add` always returns 1, so no rate limit is reached.
    """

    def __init__(self, counts: Any, world: World) -> None:
        self._counts, self._world = counts, world

    def add(self, bucket: str, ends_at: int, number: int = 1) -> int:
        made = int(self._counts.add(bucket, ends_at, number))
        return made if self._world.limited else 1


class WorldServices(bootstrap.AwsServices):
    def __init__(self, world: World) -> None:
        super().__init__(settings.load())
        self._world = world

    @cached_property
    def clock(self) -> Any:
        return self._world.clock

    @cached_property
    def counts(self) -> Any:
        return _Counts(super().counts, self._world)

    @cached_property
    def workflow(self) -> Any:
        client = mishaps.workflow(self._world.runner.as_client(), self._world.mishaps)
        tokens = DynamoTokenStore(bootstrap.aws_client("dynamodb"), TABLE_NAME)
        return StepFunctionsWorkflow(
            permissions.WatchedClient(client), self._world.runner.arn, tokens, self.clock
        )

    @cached_property
    def payments(self) -> Any:
        return StripeCollection(self.stripe)

    @cached_property
    def refunds(self) -> Any:
        return StripeRefunds(self.stripe)

    @cached_property
    def renewals(self) -> Any:
        return StripeRenewals(self.stripe)

    @cached_property
    def payment_news(self) -> Any:
        return StripeWebhooks(self.stripe, self._world.webhook_secrets)

    @cached_property
    def stripe(self) -> StripeApi:
        api = StripeApi(
            "sk_test_world",
            api_base=self._world.stripe.url,
            retries=0,
            now=lambda: self._world.clock.now() / 1000,
            automatic_tax=self._world.automatic_tax,
        )
        mishaps.stripe_client(connect(api.client, self._world.stripe), self._world.mishaps)
        return api

    @cached_property
    def platform(self) -> Any:
        world = self._world
        http = in_process(world.platform, world.mishaps, now=lambda: world.clock.now() / 1000)
        lightsail = world.lightsail.platform(world.metrics)
        return RoutedPlatform(lambda: http, lambda: lightsail)

    @cached_property
    def registrar(self) -> Any:
        clients = self._world.attached = registrar_clients()
        for client in clients:
            self._world.registrar.attach(client)
        registrar = Route53Registrar(*clients, pause=lambda seconds: None)
        return mishaps.registrar(registrar, self._world.mishaps)

    @cached_property
    def zones(self) -> Any:
        return mishaps.zones(Route53Zones(bootstrap.aws_client("route53")), self._world.mishaps)

    @cached_property
    def callbacks(self) -> Any:
        return mishaps.callbacks(self._world.callbacks, self._world.mishaps)

    @cached_property
    def webhook_sender(self) -> Any:
        return mishaps.callbacks(self._world.webhooks, self._world.mishaps)

    @cached_property
    def webhook_queue(self) -> Any:
        return SqsWebhookQueue(self._world.webhook_queue, "https://sqs.example/webhooks")

    @cached_property
    def page_tokens(self) -> Any:
        return SignedPageTokens(["page-secret-of-the-world"])

    @cached_property
    def access_tokens(self) -> Any:
        return self._world.access_tokens

    @cached_property
    def quotes(self) -> Any:
        return SignedQuotes(["page-secret-of-the-world"])

    @cached_property
    def features(self) -> Any:
        return AppConfigFeatures(lambda: self._world.features)

    @cached_property
    def metrics(self) -> Any:
        return self._world.metrics

    @cached_property
    def alerts(self) -> Any:
        return self._world.alerts


class World:
    """Create it with `a_world()`. `accounts` maps each demo account's name to its id, keys and Stripe customer.

    `mishaps` decide which side effects fail. If `webhooks_on` is False, Stripe sends no webhooks.
    `platform_webhooks_on` does the same for the platform, and `stream_on` for the table's stream. A webhook that does
    not get a 200 is sent again in the next `run`. If `limited` is True, the rate limits apply. They are
    off by default, because time stands still here and tests would soon reach them. The feature switches in
    `features.document` are on at first.
    """

    def __init__(
        self,
        stripe: StripeStandIn,
        trouble: Mishaps,
        webhook_secrets: tuple[str, ...] = (STRIPE_WEBHOOK_SECRET,),
        automatic_tax: bool = False,
    ) -> None:
        self.stripe = stripe
        self.webhook_secrets = webhook_secrets
        self.automatic_tax = automatic_tax
        self.mishaps = trouble
        # The Stripe stand-in started with the computer's time. `advance` moves its clock and this clock together.
        self.clock = VirtualClock(time.time_ns() // 1_000_000)
        self.platform = PlatformStandIn(delay=None, now=lambda: self.clock.now() / 1000)
        self.lightsail = LightsailInProcess(self.mishaps, now=lambda: self.clock.now() / 1000)
        self.registrar = RegistrarStandIn(
            now=lambda: self.clock.now() / 1000,
            delay=REGISTRATION_SECONDS,
            transfer_delay=TRANSFER_SECONDS,
            create_zone=self._create_zone,
        )
        self.attached: tuple[Any, ...] = ()
        self.callbacks = FakeCallbacks()
        self.webhooks = FakeCallbacks()
        self.webhook_queue = FakeWebhookQueue()
        self.metrics = FakeMetrics()
        self.alerts = FakeAlerts()
        self.features = Switches()
        self.access_tokens: Any = None  # OAuth is off; tests/support/oauth.py switches it on
        self.dynamodb = bootstrap.aws_client("dynamodb")
        self.streams = StreamsClient(lambda: [record.to_json() for record in self._stream().items])
        self._read_records = 0
        self._published_records = 0
        self._told_events = 0
        self.webhooks_on = True
        self.platform_webhooks_on = True
        self._untold_operations: list[str] = []
        self._untold_events: list[dict[str, Any]] = []
        self.stream_on = True
        self.client_address = "203.0.113.7"
        self.limited = False
        self.runner = AslRunner(the_machine(), self.clock, invoke=_invoke)
        self.services = WorldServices(self)
        self.accounts = demo_data(stripe.state, self._make_demo_data)
        self._told_events = len(self._stripe_events())

    def _make_demo_data(self) -> dict[str, dict[str, str]]:
        client = connect(StripeClient("sk_test_world", http_client=RequestsClient()), self.stripe)
        customers = {demo.name: create_customer(client, demo) for demo in ACCOUNTS if demo.customer}
        batch = BatchingClient(self.dynamodb)
        accounts = seed_table(batch, TABLE_NAME, customers)
        batch.flush()
        for name, account in accounts.items():
            account["customer"] = customers.get(name, "")
        return accounts

    # -- the client ------------------------------------------------------------------------------------------

    def request(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        account: str | None = "ready",
        key: str = "user_key",
        headers: Mapping[str, str] | None = None,
        raw: str | bytes | None = None,
    ) -> Reply:
        """Call the real handler with API Gateway's event. If `account` is None, the request has no credential."""
        path, _, query = path.partition("?")
        sent = {"content-type": "application/json"}
        if account is not None:
            sent["authorization"] = f"Bearer {self.accounts[account][key]}"
            sent["x-auth-account"] = self.accounts[account]["id"]
        sent |= {name.lower(): value for name, value in (headers or {}).items()}
        sent = {name: value for name, value in sent.items() if value != ""}
        folder, route, parameters = matched(method, path)
        text = raw if raw is not None else (json.dumps(body) if body is not None else None)
        event = {
            "version": "2.0",
            "routeKey": route,
            "rawPath": path,
            "rawQueryString": query,
            "headers": sent,
            "queryStringParameters": dict(part.split("=", 1) for part in query.split("&") if "=" in part),
            "pathParameters": parameters,
            "requestContext": {
                "http": {"method": method, "path": path, "sourceIp": self.client_address},
                "domainName": "api.example.com",
                "requestId": str(uuid.uuid4()),
            },
            "body": text.decode() if isinstance(text, bytes) else text,
            "isBase64Encoded": False,
        }
        try:
            answer = handler_of(folder)(event, None)
        except Crash:
            return Reply(502, {"message": "Internal Server Error"}, {})
        lower = {name.lower(): value for name, value in answer["headers"].items()}
        page = lower.get("content-type", "").startswith("text/html")
        body = answer["body"] if page else json.loads(answer["body"]) if answer["body"] else None
        return Reply(answer["statusCode"], body, lower)

    def site(self, **changes: Any) -> dict[str, Any]:
        site = {
            "name": "My site",
            "variant": "vanilla",
            "location": "ams",
            "plan": "basic",
            "term": "monthly",
        }
        return {"site": {**site, **changes}}

    def place(
        self, account: str = "ready", *, key: str | None = None, callback: bool = False, **changes: Any
    ) -> Reply:
        body = self.site(**changes)
        if callback:
            body["callback"] = {"url": "https://client.example/hook", "authorization": "Bearer 12345"}
        headers = {"Idempotency-Key": key} if key else {}
        return self.request("POST", "/api/orders", body, account=account, headers=headers)

    def contact(self, **changes: Any) -> dict[str, Any]:
        """A registrant that every registry accepts, with these changes."""
        contact = {
            "first_name": "Ada",
            "last_name": "Lovelace",
            "street_address": "Keizersgracht 1",
            "post_code": "1015 CJ",
            "city": "Amsterdam",
            "country": "NL",
            "email": "ada@example.com",
            "phone": "+31.201234567",
        }
        return {**contact, **changes}

    def domain(self, name: str = "hosting-example.com", **changes: Any) -> dict[str, Any]:
        """The body of an ordinary domain order. A change to None leaves the field out."""
        domain = {"name": name, "contact": self.contact(), **changes}
        return {"domain": {field: value for field, value in domain.items() if value is not None}}

    def order_domain(
        self,
        name: str = "hosting-example.com",
        account: str = "ready",
        *,
        key: str | None = None,
        callback: bool = False,
        **changes: Any,
    ) -> Reply:
        headers = {"Idempotency-Key": key} if key else {}
        body = self.domain(name, **changes)
        if callback:
            body["callback"] = {"url": "https://client.example/hook"}
        return self.request("POST", "/api/orders/domain", body, account=account, headers=headers)

    def place_cart(
        self, *items: dict[str, Any], account: str = "ready", key: str | None = None, **fields: Any
    ) -> Reply:
        headers = {"Idempotency-Key": key} if key else {}
        body = {"items": list(items), **fields}
        return self.request("POST", "/api/carts", body, account=account, headers=headers)

    # -- what the world does ---------------------------------------------------------------------------------

    def run(self, *, finish: bool = True) -> None:
        """Run everything that can happen before time passes. With `finish`, the platforms also complete their work."""
        for _ in range(100):
            before = self._marks()
            self.runner.run_until_idle()
            self.hear_stripe()
            if finish:
                self._finish_operations()
            self.hear_platform()
            self.hear_workflow()
            if self.stream_on:
                self.pump_stream()
                self.publish()
                self.send_webhooks()
            self.runner.run_until_idle()
            if self._marks() == before:
                return
        raise AssertionError("the world does not become idle")

    def advance(self, seconds: float) -> None:
        """Let time pass. The workflow's retries and time-outs fire. The reconciler does not run."""
        self.runner.advance(seconds)
        self.stripe.clock.advance(seconds)

    def live(self, seconds: float, *, every: float = 900, finish: bool = True) -> None:
        """Let time pass. Every `every` seconds, run the reconciler and then call `run`."""
        left = seconds
        while left > 0:
            self.advance(min(every, left))
            left -= every
            self.reconcile()
            self.run(finish=finish)

    def live_until_settled(self, *order_ids: str, every: float, most: float, account: str = "ready") -> None:
        """Call `live` until these orders are settled, but stop after `most` seconds.

        The caller must check how the orders ended and whether more happens later.
        """
        lived = 0.0
        while lived < most and not all(self.settled(order_id, account) for order_id in order_ids):
            self.live(every, every=every)
            lived += every

    def settled(self, order_id: str, account: str = "ready") -> bool:
        """Whether the order, its cart and its workflow are done, and its callback, if any, was sent."""
        order = self.order(order_id, account)
        if not order.ended or (order.due_at is not None and not order.renewal_is_watched):
            return False
        execution = self.runner.executions.get(order.uuid)
        told = {request.message_id for request in self.callbacks.received}
        return (
            execution is not None
            and execution.status != "RUNNING"
            and (order.callback is None or callback_message_id(order.number) in told)
            and self.cart(order.cart_token, account).due_at is None
        )

    def reconcile(self) -> int:
        try:
            answer = handler_of("reconcile")({}, None)
        except Crash:
            return 0
        return int(answer["items"])

    def sweep(self) -> int:
        """Run the daily sweep of the domains. Return how many unpaid domains expire soon."""
        return int(handler_of("sweep_domains")({}, None)["unpaid"])

    def _create_zone(self, name: str) -> list[str]:
        zones = bootstrap.aws_client("route53")
        made = zones.create_hosted_zone(Name=name, CallerReference=f"RISWorkflow-RD:{name}-{uuid.uuid4()}")
        return list(made["DelegationSet"]["NameServers"])

    def _marks(self) -> tuple[int, ...]:
        """Counts that change when anything happens. The stream has every write, and is cheap to count."""
        return (
            len(self._stream().items),
            sum(execution.transitions for execution in self.runner.executions.values()),
            len(self._stripe_events()),
        )

    def _finish_operations(self) -> None:
        for service in self.platform.running:
            if not service.held:
                self.platform.finish(service.item_id)
                self._untold_operations.append(service.item_id)
        for item_id in self.lightsail.pending:
            self.lightsail.finish(item_id)  # Lightsail sends no webhooks

    def hear_platform(self) -> None:
        """The platform sends a webhook for every ended operation. If `platform_webhooks_on` is False, it sends none."""
        if not self.platform_webhooks_on:
            self._untold_operations.clear()
        waiting, self._untold_operations = self._untold_operations, []
        for item_id in waiting:
            if self.platform_webhook(item_id).status != 200:
                self._untold_operations.append(item_id)

    def hear_workflow(self) -> None:
        """Report every execution that ended without success, as EventBridge does by a rule in template.yaml."""
        waiting, self.runner.ended = self.runner.ended, []
        for execution in waiting:
            if execution.stopped_at is None or execution.status == "SUCCEEDED":
                continue
            detail = {
                "executionArn": execution.arn,
                "stateMachineArn": self.runner.arn,
                "name": execution.name,
                "status": execution.status,
                "startDate": execution.started_at,
                "stopDate": execution.stopped_at,
                "input": execution.input,
                "error": execution.error,
                "cause": execution.cause,
            }
            event = {
                "source": "aws.states",
                "detail-type": "Step Functions Execution Status Change",
                "detail": detail,
            }
            handler_of("report_failed_execution")(event, None)

    def platform_webhook(self, item_id: str) -> Reply:
        body, headers = self.platform.completion_webhook(item_id)
        return self.request("POST", "/webhooks/platform", account=None, headers=headers, raw=body)

    def _stripe_events(self) -> list[dict[str, Any]]:
        return list(self.stripe.events)

    def fresh_stripe_events(self) -> list[dict[str, Any]]:
        """The Stripe events since the last call, for tests that deliver them in their own way."""
        events = self._stripe_events()
        fresh, self._told_events = events[self._told_events :], len(events)
        return fresh

    def hear_stripe(self) -> None:
        """Stripe sends every new event. Events that occur while webhooks are off are never sent."""
        waiting, self._untold_events = self._untold_events + self.fresh_stripe_events(), []
        for event in waiting:
            if self.webhooks_on and self.stripe_webhook(event).status != 200:
                self._untold_events.append(event)

    def stripe_webhook(self, event: Mapping[str, Any]) -> Reply:
        body = json.dumps(event)
        at = self.clock.now() // 1000
        signed = hmac.new(STRIPE_WEBHOOK_SECRET.encode(), f"{at}.{body}".encode(), hashlib.sha256)
        signature = f"t={at},v1={signed.hexdigest()}"
        headers = {"Stripe-Signature": signature}
        reply = self.request("POST", "/webhooks/stripe", account=None, headers=headers, raw=body)
        assert reply.status == 200 or self.mishaps.choose is not None, reply.body
        return reply

    def pump_stream(self) -> list[dict[str, Any]]:
        position = self._read_records
        records = self.stream_records()
        orders = [r for r in records if r["dynamodb"]["Keys"]["SK"]["S"].startswith("ORDER#")]
        try:
            answer = handler_of("roll_up_cart")({"Records": orders}, None) if orders else None
        except Crash:
            self._read_records = position  # the stream sends the whole batch again
            return []
        failed = answer["batchItemFailures"] if answer else []
        assert not failed or self.mishaps.choose is not None, answer
        if failed:
            self._read_records = position
        return orders

    def publish(self) -> list[dict[str, Any]]:
        """Call `publish_events`, the stream's second reader. Return the records that pass the template's filter."""
        position = self._published_records
        fresh = self._stream().items[position:]
        self._published_records += len(fresh)
        records = [record.to_json() for record in fresh if _publishes(record.record)]
        try:
            answer = handler_of("publish_events")({"Records": records}, None) if records else None
        except Crash:
            self._published_records = position
            return []
        failed = answer["batchItemFailures"] if answer else []
        assert not failed or self.mishaps.choose is not None, answer
        if failed:
            self._published_records = position
        return records

    def send_webhooks(self) -> None:
        """SQS passes each message to the function. A failed message is lost, as in SQS after its retention period."""
        waiting, self.webhook_queue.waiting = self.webhook_queue.waiting, []
        for number, body in enumerate(waiting):
            message = {"messageId": str(number), "eventSource": "aws:sqs", "body": body}
            try:
                handler_of("send_webhooks")({"Records": [message]}, None)
            except Crash:
                continue

    def requeue_webhooks(self) -> int:
        try:
            return int(handler_of("requeue_webhooks")({}, None)["queued"])
        except Crash:
            return 0

    def stream_records(self) -> list[dict[str, Any]]:
        fresh = self._stream().items[self._read_records :]
        self._read_records += len(fresh)
        return [record.to_json() for record in fresh]

    def _stream(self) -> Any:
        # moto keeps the records but does not answer at the address that botocore now uses for streams.
        shard = dynamodb_backends[DEFAULT_ACCOUNT_ID][REGION].tables[TABLE_NAME].stream_shard
        assert shard is not None, "template.yaml gives the table no stream"
        return shard

    # -- the result ------------------------------------------------------------------------------------------

    @property
    def platforms(self) -> tuple[Platform, ...]:
        return (self.platform, self.lightsail)

    def order(self, order_id: str, account: str = "ready") -> Order:
        number = parse_order_id(order_id)
        assert number is not None
        order = self.services.orders.order(self.accounts[account]["id"], number)
        assert order is not None
        return order

    def cart(self, token: str, account: str = "ready") -> Cart:
        cart = self.services.orders.cart(self.accounts[account]["id"], token)
        assert cart is not None
        return cart

    def items(self, prefix: str) -> list[dict[str, Any]]:
        """Items of the table whose sort key has this prefix, in DynamoDB's JSON."""
        table = dynamodb_backends[DEFAULT_ACCOUNT_ID][REGION].tables[TABLE_NAME]
        # Read moto's memory, because a scan would serialize the whole table.
        found = [item for item in table.all_items() if item.attrs["SK"].value.startswith(prefix)]
        return [on_the_wire(item.attrs) for item in found]

    def net_paid(self, account: str = "ready") -> int:
        """Cents charged to the account's payment method and not refunded."""
        return int(self.stripe.net_paid(self.accounts[account]["customer"]))


def _publishes(record: Any) -> bool:
    return str(record["dynamodb"]["Keys"]["SK"]["S"]).startswith(("ORDER#", "CART#", "WEBHOOK#"))


def _invoke(function: Any, payload: Any) -> Any:
    try:
        return function(payload, None)
    except Crash as crash:
        raise InvocationError("Lambda.Unknown", str(crash)) from crash


@contextmanager
def a_world(
    *, webhook_secrets: tuple[str, ...] = (STRIPE_WEBHOOK_SECRET,), automatic_tax: bool = False
) -> Iterator[World]:
    """A new world, deleted afterwards. Stripe signs webhooks with STRIPE_WEBHOOK_SECRET."""
    environment = {
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "TABLE_NAME": TABLE_NAME,
        "WEBHOOK_QUEUE_URL": "https://sqs.example/webhooks",
        "POWERTOOLS_METRICS_NAMESPACE": "HostingOrders",
        "POWERTOOLS_SERVICE_NAME": "hosting-orders",
        "STRIPE_AUTOMATIC_TAX": "true" if automatic_tax else "false",
    }
    before = dict(os.environ)
    os.environ.update(environment)
    bootstrap.aws_client.cache_clear()
    original = bootstrap.aws_client
    try:
        # The registrar is our own stand-in, because moto's Route 53 Domains has no availability, transfers or prices.
        elsewhere: Any = {"core": {"passthrough": {"services": ["route53domains"]}}}
        with mock_aws(config=elsewhere), StripeStandIn(webhook_secret=STRIPE_WEBHOOK_SECRET) as stripe:
            os.environ["DATA_KEY_ARN"] = boto3_client("kms").create_key()["KeyMetadata"]["Arn"]
            create_table(boto3_client("dynamodb"))
            clients: dict[str, Any] = {}
            trouble = Mishaps()

            def aws_client(service: str) -> Any:
                if service == "dynamodbstreams":
                    return permissions.WatchedClient(world.streams)
                if service not in clients:
                    client: Any = AtomicClient(boto3_client(service))
                    if service == "dynamodb":
                        client = permissions.WatchedClient(mishaps.table(client, trouble))
                    clients[service] = client
                return clients[service]

            bootstrap.aws_client = aws_client  # type: ignore[assignment]
            world = World(stripe, trouble, webhook_secrets, automatic_tax)
            bootstrap.use(permissions.WatchedServices(world.services))
            permissions.missing.clear()
            try:
                yield world
            finally:
                for client in world.attached:
                    world.registrar.detach(client)
            assert not permissions.missing, f"rights used but not granted: {sorted(permissions.missing)}"
    finally:
        bootstrap.use(None)
        bootstrap.aws_client = original
        os.environ.clear()
        os.environ.update(before)
