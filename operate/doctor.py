"""`make doctor`: check what docs/go-live.md lists, as far as APIs allow. It changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from hosting_orders.adapters.dynamodb.catalogue import DynamoCatalogueStore
from hosting_orders.adapters.stripe.webhooks import EVENTS
from hosting_orders.adapters.system_clock import SystemClock
from operate.secrets import API_KEY, WEBHOOK_ENDPOINT, WEBHOOK_SECRETS, read_secret
from operate.smoke import PASSED_TAG
from operate.smoke_account import CATALOGUE_PAGE, missing_of
from operate.stacks import LOCAL, Cloud, Stack, Stage, ringing_alarms
from operate.stripe_keys import is_live, mode_of, stripe_client

LEAST_CONCURRENCY = 100
"""Concurrent executions that the account should allow. A new AWS account may allow only 10."""
OAUTH_PAGE = "docs/oauth.md#set-up-an-issuer"
FULL = 0.8
"""When this part of a quota is in use, the quota should be raised."""


class State(StrEnum):
    OK = "OK"
    TO_DO = "TO DO"
    CANNOT_TELL = "CANNOT TELL"


@dataclass(frozen=True, slots=True)
class Finding:
    """`remedy` is empty when there is nothing to do."""

    state: State
    text: str
    remedy: str = ""


def ok(text: str) -> Finding:
    return Finding(State.OK, text)


def to_do(text: str, remedy: str) -> Finding:
    return Finding(State.TO_DO, text, remedy)


def cannot_tell(text: str, remedy: str) -> Finding:
    return Finding(State.CANNOT_TELL, text, remedy)


@dataclass(frozen=True, slots=True)
class Patient:
    cloud: Cloud
    stage: Stage
    stack: Stack

    def stored(self, secret: str) -> dict[str, str]:
        return read_secret(self.cloud.client("secretsmanager"), self.stack.resources[secret])

    def stripe(self) -> Any:
        return stripe_client(self.stored("StripeSecret")[API_KEY], self.stack)

    def make(self, command: str) -> str:
        return f"make {command} STAGE={self.stage.name}"


def _stack(patient: Patient) -> Finding:
    status = patient.stack.status
    if status in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
        return ok(status)
    return to_do(status, patient.make("deploy"))


def _secret(patient: Patient, secret: str, command: str) -> Finding:
    stored = patient.stored(secret)
    if stored.get(API_KEY) and stored.get(WEBHOOK_SECRETS):
        return ok("key and signing secret are stored")
    return to_do("empty or incomplete", patient.make(command))


def _catalogue(patient: Patient) -> Finding:
    dynamodb = patient.cloud.client("dynamodb")
    catalogue = DynamoCatalogueStore(dynamodb, patient.stack.resources["OrdersTable"], SystemClock()).load()
    missing = missing_of(catalogue)
    if missing:
        return to_do(f"a site cannot be ordered without {missing}", CATALOGUE_PAGE)
    unlimited = sorted(name for name, tld in catalogue.tlds.items() if tld.max_cost is None)
    without = f"; without a maximum cost: {', '.join(unlimited)}" if unlimited else ""
    counted = f"{len(catalogue.plans)} site plans, {len(catalogue.vm_plans)} machine plans"
    return ok(f"{counted}, {len(catalogue.tlds)} TLDs{without}")


def _stripe_mode(patient: Patient) -> Finding:
    live = is_live(patient.stored("StripeSecret")[API_KEY])
    if live and patient.stack.stand_ins:
        return to_do("the key is live, but the stack uses stand-ins", patient.make("connect-stripe"))
    if not live and patient.stage.name == "prod":
        return to_do("a test key: no real money moves", patient.make("connect-stripe"))
    return ok(f"{mode_of(live)} mode")


def _webhook_endpoint(patient: Patient) -> Finding:
    import stripe

    stored, url = patient.stored("StripeSecret"), patient.stack.output("StripeWebhookUrl")
    pages = patient.stripe().v1.webhook_endpoints.list({"limit": 100}).auto_paging_iter()
    found = [
        each for each in (page.to_dict() for page in pages) if each["id"] == stored.get(WEBHOOK_ENDPOINT)
    ]
    remedy = patient.make("connect-stripe")
    if not found:
        return to_do(f"no webhook endpoint at Stripe for {url}", remedy)
    endpoint = found[0]
    wrong = {
        "its address": endpoint["url"] != url,
        "its events": sorted(endpoint["enabled_events"]) != sorted(EVENTS),
        "its API version": endpoint["api_version"] != stripe.api_version,
        "it is disabled": endpoint["status"] != "enabled",
    }
    if any(wrong.values()):
        return to_do(f"wrong: {', '.join(name for name, is_wrong in wrong.items() if is_wrong)}", remedy)
    return ok(f"{endpoint['id']} sends {len(EVENTS)} types of events to {url}")


def _stripe_tax(patient: Patient) -> Finding:
    if patient.stack.parameters.get("StripeAutomaticTax") != "true":
        return ok("not used (parameter StripeAutomaticTax)")
    status = patient.stripe().v1.tax.settings.retrieve().status
    if status == "active":
        return ok("active")
    return to_do(f"{status}: finalizing an invoice fails", "https://dashboard.stripe.com/settings/tax")


def _oauth_issuer(patient: Patient) -> Finding:
    from hosting_orders.adapters.issuer_keys import KeysUnreadableError, read_keys

    parameters = patient.stack.parameters
    issuer, audience = parameters.get("OAuthIssuer", ""), parameters.get("OAuthAudience", "")
    if not issuer:
        return ok("not used (parameter OAuthIssuer)")
    if not audience.replace(",", " ").split():
        remedy = patient.make("deploy") + ' ARGS="OAuthAudience=…"'
        return to_do("no audience: every token gets a 401", remedy)
    try:
        keys = read_keys(issuer, allow_loopback=parameters.get("AllowLoopbackCallbacks") == "true")
    except KeysUnreadableError as fault:
        return to_do(str(fault), OAUTH_PAGE)
    if not keys:
        return to_do(f"{issuer} publishes no key that can verify a token", OAUTH_PAGE)
    return ok(f"{len(keys)} keys of {issuer}, audience {audience}")


def _alarm_subscription(patient: Patient) -> Finding:
    topic = patient.stack.output("AlarmTopicArn")
    pages = patient.cloud.client("sns").get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic)
    arns = [each["SubscriptionArn"] for page in pages for each in page["Subscriptions"]]
    confirmed = [arn for arn in arns if arn.startswith("arn:")]
    if confirmed:
        return ok(f"{len(confirmed)} confirmed")
    if arns:
        return to_do("not confirmed yet", "follow the link in the mail from AWS")
    return to_do("no address receives alarms", patient.make("deploy") + ' ARGS="AlarmEmail=…"')


def _alarms(patient: Patient) -> Finding:
    ringing = ringing_alarms(patient.cloud, patient.stack)
    return to_do(", ".join(ringing), "docs/runbooks.md") if ringing else ok("none is ringing")


def _schedule(patient: Patient) -> Finding:
    name = patient.stack.resources["ReconcileFunctionSchedule"]
    state = patient.cloud.client("scheduler").get_schedule(Name=name)["State"]
    if state == "ENABLED":
        return ok(f"{name} is enabled")
    return to_do(
        f"{name} is {state}: the reconciler does not run", "enable it in the EventBridge Scheduler console"
    )


def _concurrency(patient: Patient) -> Finding:
    limit = patient.cloud.client("lambda").get_account_settings()["AccountLimit"]["ConcurrentExecutions"]
    if limit >= LEAST_CONCURRENCY:
        return ok(f"{limit} concurrent executions")
    return to_do(
        f"{limit} concurrent executions",
        "raise it: https://console.aws.amazon.com/servicequotas/home/services/lambda",
    )


def _hosted_zones(patient: Patient) -> Finding:
    answer = patient.cloud.client("route53").get_account_limit(Type="MAX_HOSTED_ZONES_BY_OWNER")
    used, limit = answer["Count"], answer["Limit"]["Value"]
    if used < limit * FULL:
        return ok(f"{used} of {limit}")
    return to_do(
        f"{used} of {limit}", "raise it: https://console.aws.amazon.com/servicequotas/home/services/route53"
    )


def _domains(patient: Patient) -> Finding:
    return cannot_tell(
        "AWS publishes no quota of domains through an API; new accounts have 20",
        "https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/DNSLimitations.html",
    )


def _smoke(patient: Patient) -> Finding:
    arn = patient.stack.resources["StripeSecret"]
    tags = patient.cloud.client("secretsmanager").describe_secret(SecretId=arn).get("Tags", [])
    passed = [tag["Value"] for tag in tags if tag["Key"] == PASSED_TAG]
    if passed:
        return ok(f"passed on {passed[0]}")
    return to_do(
        "no order has been delivered and refunded in test mode", patient.make("smoke") + ", with a test key"
    )


CHECKS: dict[str, Callable[[Patient], Finding]] = {
    "stack": _stack,
    "stripe secret": lambda patient: _secret(patient, "StripeSecret", "connect-stripe"),
    "platform secret": lambda patient: _secret(patient, "PlatformSecret", "connect-platform"),
    "catalogue": _catalogue,
    "stripe mode": _stripe_mode,
    "webhook endpoint": _webhook_endpoint,
    "stripe tax": _stripe_tax,
    "oauth issuer": _oauth_issuer,
    "alarm subscription": _alarm_subscription,
    "alarms": _alarms,
    "schedule": _schedule,
    "lambda concurrency": _concurrency,
    "hosted zones": _hosted_zones,
    "domains": _domains,
    "smoke test": _smoke,
}

ONLY_ON_AWS = ("alarm subscription", "lambda concurrency", "hosted zones", "domains")
"""Checks of the AWS account. The stage `local` has no AWS account."""


def examine(patient: Patient, report: Callable[[str], None]) -> bool:
    """Return False when a check finds something to do."""
    healthy = True
    for name, check in CHECKS.items():
        elsewhere = patient.stage.name == LOCAL and name in ONLY_ON_AWS
        finding = cannot_tell("needs an AWS account", "") if elsewhere else _found(check, patient)
        healthy = healthy and finding.state is not State.TO_DO
        remedy = f"\n{'':34}→ {finding.remedy}" if finding.remedy else ""
        report(f"{finding.state:<12} {name:<20} {finding.text}{remedy}")
    return healthy


def _found(check: Callable[[Patient], Finding], patient: Patient) -> Finding:
    import stripe
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return check(patient)
    except KeyError:
        return cannot_tell("an earlier check found something missing", "fix the lines above first")
    except ClientError as error:
        return cannot_tell(error.response["Error"].get("Code", "AWS refused"), "look in the AWS console")
    except (BotoCoreError, stripe.StripeError) as error:
        return cannot_tell(type(error).__name__, "look in the console of the provider")
