"""Every number in the operations pages matches the code, comes from a vendor, or is listed below with its reason.

The log lines that the runbooks quote exist in the code.
"""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml

from hosting_orders import bootstrap
from hosting_orders.adapters import access_tokens, callbacks, hosting_platform, issuer_keys, standard_webhooks
from hosting_orders.adapters.dynamodb import api_keys, keys, pages
from hosting_orders.adapters.lightsail import platform as lightsail
from hosting_orders.adapters.stripe import patient
from hosting_orders.contracts import rate_limits
from hosting_orders.contracts.billing_order import requests as billing_order
from hosting_orders.contracts.order_status import operations as order_status
from hosting_orders.contracts.order_status import orders as status_orders
from hosting_orders.contracts.orders_v1 import requests as orders_v1
from hosting_orders.contracts.orders_v2 import domain_requests, key_requests, webhook_requests
from hosting_orders.contracts.orders_v2 import requests as orders_v2
from hosting_orders.contracts.vendor import requests as vendor
from hosting_orders.domain import api_key, callback, callback_url, deadlines, ssh_keys, webhook
from hosting_orders.domain.cart import MAX_ITEMS
from hosting_orders.domain.catalogue import PlatformName, Term
from hosting_orders.domain.durations import DAY, HOUR, MINUTE, SECOND
from hosting_orders.domain.products import DomainItem, SiteItem, VmItem
from hosting_orders.domain.registration import DomainAction
from hosting_orders.entrypoints import http, strict_json
from hosting_orders.usecases import (
    check_domains,
    list_orders,
    list_tasks,
    manage_webhooks,
    report_failed_execution,
    requeue_webhooks,
    sealed_password,
    show_pending_order,
    unpaid_domains,
)
from hosting_orders.usecases.limit_rate import Bucket
from hosting_orders.usecases.products import vm
from local import stack
from local.registrar_standin import registry
from tests.structure.project import PACKAGE, ROOT, STATE_MACHINE, listed, plain, read_template
from tests.structure.test_workflow_retries import last_try
from tests.workflow import test_stripe_requests as stripe_requests

Value = int | float
Claims = list[tuple[str, tuple[Value, ...]]]

PAGES = (
    *("contracts", "domains", "errors", "hosting-platform-contract", "keys"),
    *("lightsail", "money", "oauth", "order-life", "runbooks", "webhooks"),
)
TEMPLATE = read_template()
STATES = yaml.safe_load(STATE_MACHINE.read_text(encoding="utf-8"))["States"]

SITE = SiteItem("Shop", "vanilla", "ams", "basic", Term.MONTHLY)
REGISTRATION = DomainItem("x.com", "x.com", "com", DomainAction.REGISTER, renewal_amount=1)
TRANSFER = DomainItem("x.com", "x.com", "com", DomainAction.TRANSFER, renewal_amount=1)
MACHINE = VmItem("web-1", "vps-1", "debian-13", "ams", Term.MONTHLY)
ON_LIGHTSAIL = VmItem("web-1", "vps-1", "debian-13", "ams", Term.MONTHLY, platform=PlatformName.LIGHTSAIL)


# -- values of the code ---------------------------------------------------------------------------------


def whole(value: float) -> Value:
    return int(value) if value == int(value) else value


def step_hours(state: str) -> int:
    """Hours from the first failure of a step to its last retry, on average."""
    return round(last_try(STATES[state]["Retry"][-1]) / 3600)


def time_out(state: str) -> int:
    """The time limit of a state, in milliseconds."""
    return int(STATES[state]["TimeoutSeconds"]) * SECOND


def in_template(name: str, path: str) -> Any:
    found = TEMPLATE["Resources"][name]["Properties"]
    for step in path.split("/"):
        found = found[step]
    return plain(found, TEMPLATE)


def schedule_minutes() -> int:
    rate = in_template("ReconcileFunction", "Events/Schedule/Properties/ScheduleExpression")
    found = re.fullmatch(r"rate\((\d+) minutes?\)", rate)
    assert found, rate
    return int(found[1])


def limits(model: Any, name: str) -> tuple[int, ...]:
    """The least and greatest length of a text field, from the JSON Schema of its model."""
    schema = model.model_json_schema()["properties"][name]
    choice = next(each for each in (schema, *schema.get("anyOf", ())) if {"maxLength", "pattern"} & set(each))
    if "pattern" in choice:
        return of_pattern(choice["pattern"])
    return (choice.get("minLength", 0), choice["maxLength"])


def of_pattern(pattern: str | re.Pattern[str]) -> tuple[int, ...]:
    """The limits in a pattern such as `{1,255}`.

    In a pattern with `{0,99}`, one more character comes first, so each limit is one higher.
    """
    text = pattern if isinstance(pattern, str) else pattern.pattern
    found = re.search(r"\{(\d+),(\d+)\}", text)
    assert found, text
    first = 1 if found[1] == "0" else 0
    return int(found[1]) + first, int(found[2]) + first


def longest(model: Any, name: str) -> int:
    return limits(model, name)[-1]


def default(function: Callable[..., Any], name: str) -> Value:
    return whole(inspect.signature(function).parameters[name].default)


MINUTES, HOURS, DAYS = (lambda span, unit=unit: whole(span / unit) for unit in (MINUTE, HOUR, DAY))
AGAIN = MINUTES(deadlines.COMPENSATION_CHECK)
SILENT = (
    in_template("OAuthIssuerSilentAlarm", "Period")
    * in_template("OAuthIssuerSilentAlarm", "EvaluationPeriods")
    / 60
)
STUCK = MINUTES(deadlines.SUBMISSION_STUCK)
DOMAIN_DAYS = DAYS(REGISTRATION.deadline()), DAYS(TRANSFER.deadline())
CARD, SEPA = DAYS(deadlines.CARD_EXPIRY), DAYS(deadlines.SEPA_EXPIRY)
PAGE_OPEN = HOURS(deadlines.CHECKOUT_EXPIRY)
KEY = of_pattern(http._IDEMPOTENCY_KEY)
BODY_KIB = http.MAX_BODY // 1024
OFTEN, SOME, RARE = (callback.SCHEDULE[:3], callback.SCHEDULE[3:-4], callback.SCHEDULE[-4:])
RATE = order_status.CONTRACT.limits[Bucket.ALL]
READS, WRITES, ASKS = (rate_limits.LIMITS[kind] for kind in (Bucket.READ, Bucket.WRITE, Bucket.REGISTRAR))
assert {RATE.seconds, READS.seconds, WRITES.seconds, ASKS.seconds} == {60}

CLAIMS: dict[str, Claims] = {
    "contracts": [
        ("that orders: {} to {} visible ASCII characters", KEY),
        ("returned if it has {} to {} characters", of_pattern(http._REQUEST_ID)),
        ("in UTF-8, at most {} KiB", (BODY_KIB,)),
        ("more than {} levels", (strict_json.MAX_DEPTH,)),
        ("tasks of the last {} days, at most {} |", (DAYS(list_tasks.WINDOW), list_tasks.MAX_TASKS)),
        ("required; {} to {} characters in any script", limits(orders_v2.Site, "name")),
        ("HTTPS, port {} or {}, at most", tuple(sorted(callback_url.PORTS))),
        ("at most {} characters, without credentials", (callback_url.MAX_URL_LENGTH,)),
        ("at most {} characters, without credentials", (longest(vendor.Callback, "url"),)),
        ("`Authorization` header, at most {} characters", (callback_url.MAX_AUTHORIZATION_LENGTH,)),
        ("`Authorization` header, at most {} characters", (longest(vendor.Callback, "authorization"),)),
        ("HTTPS URL of at most {} characters", (longest(orders_v1.PlaceOrder, "return_url"),)),
        ("HTTPS URL of at most {} characters", (longest(billing_order.ClientData, "returnUrl"),)),
        ("a page of Stripe Checkout, open for {} hours", (PAGE_OPEN,)),
        ("the TLD requires one; at most {} characters", (longest(domain_requests.Domain, "authcode"),)),
        ("| {} to {}, each with exactly one of", (1, MAX_ITEMS)),
        ("holds the prices for {} minutes", (MINUTES(deadlines.QUOTE),)),
        ("is older than {} minutes", (MINUTES(deadlines.QUOTE),)),
        ("`names` has {} to {} domains", (1, check_domains.MAX_NAMES)),
        ("| {} to {}, each with `type`", (1, MAX_ITEMS)),
        ("required; at most {} characters (Linux allows no more)", (vm._MAX_HOSTNAME,)),
        ("line break, at most {} characters", (ssh_keys.MAX_LENGTH,)),
        ("of {} to {} bits", (ssh_keys.MIN_RSA_BITS, ssh_keys.MAX_RSA_BITS)),
        ("`per_page` (default {}, at most {})", (list_orders.DEFAULT_PAGE, list_orders.MAX_PAGE)),
        ("`attempts[]` (the newest {})", (callback.KEPT_ATTEMPTS,)),
        ("with the {} fields", (len(status_orders.OrderStatusData.__annotations__),)),
        ("A key may make {} requests in each minute", (RATE.requests,)),
        ("| every `GET` | {} |", (READS.requests,)),
        ("| every other request | {} |", (WRITES.requests,)),
        ("`/api/orders/:id/resend-verification` | {} |", (ASKS.requests,)),
        ("is {} requests of the kind `read` in a window of {} seconds", (READS.requests, READS.seconds)),
        ("Only the newest {} orders of the account are searched", (show_pending_order._LOOKED_AT,)),
        ("the idempotency key, {} to {} visible ASCII", limits(billing_order.CreateOrder, "attemptKey")),
    ],
    "domains": [
        ("on AWS every {} minute at first", (schedule_minutes(),)),
        ("locally every {} seconds", (default(stack.running_stack, "schedule_seconds"),)),
        ("abandoned and refunded: {} days", (DAYS(TRANSFER.deadline()),)),
        ("once a year, {} days before the domain expires", (DAYS(REGISTRATION.renews_before()),)),
        ("for all other orders: for {} day", (CARD,)),
        ("after {} days. The order is `completed`", (DAYS(deadlines.VERIFICATION_ENDS),)),
        ("at most {} unpaid domains on order", (unpaid_domains.MAX_UNPAID_DOMAINS,)),
        ("accepts up to {} items", (MAX_ITEMS,)),
        ("expires within {} days and is not paid", (DAYS(deadlines.EXPIRY_WATCH),)),
        ("read the date again {} day later before", (DAYS(deadlines.STALE_EXPIRY),)),
        ("unless the domain expires within {} days.", (DAYS(deadlines.EXPIRES_TOO_SOON),)),
        ("is still ours: {} days before each charge", (DAYS(deadlines.DEPARTURE_CHECK),)),
        ("The domain expired more than {} days ago", (DAYS(deadlines.REDEMPTION_OVER),)),
        ("removed {} days after the departure", (DAYS(deadlines.ZONE_GRACE),)),
        ("checked again every {} days, and a zone", (DAYS(deadlines.ZONE_STAYS),)),
        ("takes {} times as long", (registry.SLOW,)),
        ("abandoned after {} days and a transfer after {} days", DOMAIN_DAYS),
    ],
    "errors": [
        ("the quote's {} minutes are over", (MINUTES(deadlines.QUOTE),)),
        ("more than {} levels deep", (strict_json.MAX_DEPTH,)),
        ("not {} to {} visible ASCII characters", KEY),
        ("`page` has more than {} digits", (list_orders.MAX_DIGITS,)),
        ("| more than {} KiB |", (BODY_KIB,)),
        ("has {} unpaid domains on order", (unpaid_domains.MAX_UNPAID_DOMAINS,)),
        ("has {} active keys", (api_key.MAX_KEYS,)),
    ],
    "keys": [
        ("the first {} characters of each secret", (api_key.PREFIX_LENGTH,)),
        ("stays in the list for {} days", (DAYS(api_key.KEPT),)),
        ("at most {} active keys", (api_key.MAX_KEYS,)),
        ("More than {} active keys", (api_key.MAX_KEYS,)),
        ("required; {} to {} characters", limits(key_requests.MakeKey, "name")),
        ("up to {} addresses", (key_requests.MAX_BLOCKS,)),
        ("{} to {} days. If neither", (1, DAYS(api_key.MAX_LIFE))),
        ("a time up to {} hours before it", (2 * api_key.USE_NOTED_EVERY / HOUR,)),
        ("or not used for more than {} days", (api_keys.USE_KEPT / (24 * 3600),)),
        ("and at most {} seconds ({} days)", (api_key.MAX_OVERLAP / SECOND, DAYS(api_key.MAX_OVERLAP))),
    ],
    "hosting-platform-contract": [
        ("in UTF-8, at most {} KiB", (hosting_platform.MAX_ANSWER_BYTES // 1024,)),
        ("Answer within {} seconds", (whole(hosting_platform.READ_SECONDS),)),
        ("a text of up to {} characters", (longest(hosting_platform._Operation, "reference"),)),
        ("digits, hyphens and dots, at most {} characters", (vm._MAX_HOSTNAME,)),
        ("Ids are {} to {} characters", limits(hosting_platform._Operation, "id")),
        ("more than {} minutes off", (standard_webhooks.TOLERANCE_SECONDS / 60,)),
        ("`code` is {} to {} characters", limits(hosting_platform._Error, "code")),
        ("`message` is {} to {} characters", limits(hosting_platform._Error, "message")),
    ],
    "lightsail": [
        ("is due {} seconds after delivery began", (ON_LIGHTSAIL.first_look() / SECOND,)),
        ("is due {} seconds after that call", (deadlines.DELIVERY_CHECK / SECOND,)),
        ("the reconciler runs every {} minute", (schedule_minutes(),)),
        ("the next call is due {} minutes later", (MINUTES(deadlines.RECONCILE_AGAIN),)),
        ("are {}, {} and {}, for everyone", lightsail.OPEN_PORTS),
        ("as `root` on port {}", (lightsail.SSH_PORT,)),
        (
            "has {} bits of entropy",
            (int(math.log2(len(sealed_password._SIGNS)) * sealed_password._LENGTH),),
        ),
    ],
    "money": [
        ("delivered domains that expire within {} days", (DAYS(deadlines.EXPIRY_WATCH),)),
        ("or a machine, the tries end after {} days", (DAYS(deadlines.RENEWAL_GRACE),)),
        ("within {} hours (`deadline_at`)", (HOURS(deadlines.CARD_EXPIRY),)),
        ("a page of Stripe Checkout that is open for {} hours", (PAGE_OPEN,)),
        ("on the page until {} days after the order", (SEPA,)),
        ("tries again every {} minutes", (AGAIN,)),
        ("asks Stripe within {} hour", (HOURS(deadlines.PAYMENT_CHECK),)),
        ("about an order, from {} minutes after its delivery", (STUCK,)),
        ("not begun after {} minutes, at each check", (MINUTES(deadlines.DELIVERY_NOT_BEGUN),)),
        ("we send {} requests, including", (stripe_requests.AN_ORDER,)),
        ("{} of them go to one endpoint", (stripe_requests.TO_ONE_ENDPOINT,)),
        ("about {} orders per second", (stripe_requests.ORDERS_LIVE,)),
        ("about {} in a sandbox", (stripe_requests.ORDERS_SANDBOX,)),
        ("idempotency key, at most {} times", (len(patient.WAITS),)),
        (
            "In any {} seconds, the waits of a process take at most {} seconds",
            (patient.PERIOD, patient.LONGEST),
        ),
        ("has not accepted after {} minutes", (STUCK,)),
    ],
    "order-life": [
        ("queries it for {} more day", (DAYS(deadlines.REGISTRAR_SILENT),)),
        ("the limit of {} unpaid domains", (unpaid_domains.MAX_UNPAID_DOMAINS,)),
        ("payment lease of {} minutes", (MINUTES(deadlines.PAYMENT_LEASE),)),
        ("due in {} minutes |", (MINUTES(deadlines.LOST_START),)),
        ("due in {} minutes, first timeline", (MINUTES(deadlines.LOST_START),)),
        ("reconciler continues the payment after {} minutes", (MINUTES(deadlines.LOST_START),)),
        ("the reconciler (every {} minutes) repeats", (MINUTES(deadlines.PROVISIONING_CHECK),)),
        ("with the first check after {} minutes", (MINUTES(MACHINE.first_look()),)),
        ("does not run after {} hours is refunded", (HOURS(MACHINE.given_up()),)),
        ("submission with a lease of {} minutes", (MINUTES(deadlines.SUBMISSION_LEASE),)),
        (
            "at first after {} seconds, later at most {} hour apart",
            (
                deadlines.domain_renewal_check(0, 0) / SECOND,
                HOURS(deadlines.domain_renewal_check(0, 10 * DAY) - 10 * DAY),
            ),
        ),
        ("a refund only after {} minutes", (MINUTES(deadlines.SUBMISSION_DOUBT),)),
        ("order once more after {} minutes. It", (MINUTES(deadlines.CLOSING_CHECK),)),
        ("of ours ends in less than {} minutes", (MINUTES(deadlines.CLOSING_CHECK),)),
        (
            "Lambda retries the record {} times",
            (in_template("RollUpCartFunction", "Events/Stream/Properties/MaximumRetryAttempts"),),
        ),
        ("callback is due {} minutes after the end", (MINUTES(deadlines.CALLBACK_GRACE),)),
        ("attempts: after {}, {} and {} minutes", tuple(wait / 60 for wait in OFTEN)),
        ("minutes, {} times every {} minutes, then", (len(SOME), SOME[0] / 60)),
        ("then after {}, {}, {} and {} hours", tuple(wait / 3600 for wait in RARE)),
        ("`Retry-After` by up to {} hours", (callback.MAX_RETRY_AFTER / 3600,)),
        ("tries again every {} minutes, and an operator", (AGAIN,)),
        ("retry (about {} hours)", (step_hours("RefundOrder"),)),
        ("the reconciler (every {} minutes) continue", (AGAIN,)),
        ("asks the registrar {} days before each", (DAYS(deadlines.DEPARTURE_CHECK),)),
        ("reads Stripe's invoices {} hours after", (HOURS(deadlines.RENEWAL_MONEY),)),
        ("then every {} hours while money is missing", (HOURS(deadlines.RENEWAL_AGAIN),)),
        ("without a subscription | tried every {} hours;", (HOURS(deadlines.RENEWAL_AGAIN),)),
        ("machine's renewal ends after {} days |", (DAYS(deadlines.RENEWAL_GRACE),)),
        ("the order is due in {} minutes, and", (AGAIN,)),
        ("no report from the platform for {} hours", (HOURS(time_out("ProvisionHosting")),)),
        ("retries: about {} hours, RegisterDomain", (step_hours("ProvisionHosting"),)),
        ("retries: about {} hours, RegisterDomain", (step_hours("ChargeOrder"),)),
        ("RegisterDomain {}, RefundOrder {} |", (step_hours("RegisterDomain"), step_hours("RefundOrder"))),
        ("| payment lease | {} minutes |", (MINUTES(deadlines.PAYMENT_LEASE),)),
        ("since it was placed | {} minutes |", (MINUTES(deadlines.LOST_START),)),
        ("checked every {} hour and at its deadline", (HOURS(deadlines.PAYMENT_CHECK),)),
        ("expires after {} day, a debit after {} days", (CARD, SEPA)),
        (
            "then at most {} hour apart; closes after {} hours",
            (HOURS(deadlines.PAYMENT_CHECK), PAGE_OPEN),
        ),
        ("ChargeOrder's token | {} days |", (DAYS(time_out("ChargeOrder")),)),
        ("| a site's delivery | checked every {} minutes", (MINUTES(SITE.first_look()),)),
        ("| a site's delivery | checked every {} minutes", (MINUTES(deadlines.PROVISIONING_CHECK),)),
        (
            "the step ends after {} hours, and the order is refunded; "
            "if the workflow fails, the reconciler refunds after {} hours",
            (HOURS(time_out("ProvisionHosting")), HOURS(SITE.given_up())),
        ),
        (
            "checked after {} minutes, then every {} minutes",
            (MINUTES(MACHINE.first_look()), MINUTES(deadlines.PROVISIONING_CHECK)),
        ),
        (
            "after {} and {} seconds, then at most {} minutes apart",
            (
                ON_LIGHTSAIL.first_look() / SECOND,
                deadlines.DELIVERY_CHECK / SECOND,
                MINUTES(deadlines.PROVISIONING_CHECK),
            ),
        ),
        ("the refund comes after {} hours | the reconciler |", (HOURS(MACHINE.given_up()),)),
        ("checked once more after {} minutes |", (MINUTES(deadlines.CLOSING_CHECK),)),
        ("lease for submitting a domain | {} minutes |", (MINUTES(deadlines.SUBMISSION_LEASE),)),
        ("for {} minutes an empty list or a refusal", (MINUTES(deadlines.SUBMISSION_DOUBT),)),
        ("alarm after {} minutes |", (STUCK,)),
        ("of a transfer | {} days, {} days;", DOMAIN_DAYS),
        ("RegisterDomain's token {} days", (DAYS(time_out("RegisterDomain")),)),
        ("| every {} minutes; RefundOrder's", (AGAIN,)),
        ("RefundOrder's token {} days", (DAYS(time_out("RefundOrder")),)),
        ("a callback after the end | {} minutes |", (MINUTES(deadlines.CALLBACK_GRACE),)),
        ("alarm after {} days |", (DAYS(deadlines.DOMAIN_RENEWAL_DEADLINE),)),
        ("| {} days before each charge |", (DAYS(deadlines.DEPARTURE_CHECK),)),
        ("a redrive is possible for {} days after", (DAYS(report_failed_execution.REDRIVABLE_FOR),)),
    ],
    "webhooks": [
        (
            "HTTPS, port {} or {}, at most {} characters",
            (*sorted(callback_url.PORTS), callback_url.MAX_URL_LENGTH),
        ),
        ("required; {} to {} patterns", (1, webhook.MAX_PATTERNS)),
        ("at most {} characters | | `enabled`", (longest(webhook_requests.CreateWebhook, "description"),)),
        ("can have at most {} endpoints", (webhook.MAX_ENDPOINTS,)),
        ("within {} seconds, and do slow", (callbacks.TOTAL_SECONDS,)),
        ("For {} hours, webhooks are also signed with the old secret", (HOURS(webhook.ROTATION),)),
        ("At most {} secrets are valid", (webhook.MAX_SECRETS,)),
        ("The key is known for {} days", (DAYS(webhook.CREATION_KEPT),)),
        ("can send {} tests a minute", (manage_webhooks.TESTS.requests,)),
        ("keeps each delivery for {} days", (DAYS(webhook.KEPT),)),
        ("Nothing is lost for {} days", (DAYS(webhook.KEPT),)),
        ("has failed for {} days without", (DAYS(webhook.OFF_AFTER),)),
        ("One request handles {} entries", (manage_webhooks.REPLAYED,)),
        ("a scheduled function sends its webhooks, at most {} a minute", (requeue_webhooks.PER_ENDPOINT,)),
    ],
    "oauth": [
        ("has at least {} bits", (issuer_keys.MIN_RSA_BITS,)),
        ("Clocks may differ by {} seconds", (access_tokens.LEEWAY_SECONDS,)),
        ("has at most {} characters", (access_tokens.MAX_TOKEN,)),
        ("and again after {} minutes", (issuer_keys.FRESH_SECONDS / 60,)),
        ("a withdrawn key stops within {} minutes", (issuer_keys.FRESH_SECONDS / 60,)),
        ("rings after {} minutes", (SILENT,)),
    ],
    "runbooks": [
        ("run this within {} days", (DAYS(webhook.PUBLISHED_FOR),)),
        (
            "{} or more log lines `webhooks could not be sent` within {} minutes",
            (
                in_template("WebhookFaultAlarm", "Threshold"),
                in_template("WebhookFaultAlarm", "Period") / 60,
            ),
        ),
        ("queued again after {} minutes. No delivery", (MINUTES(webhook.QUEUED_AGAIN),)),
        (
            "stream record after {} retries. No order",
            (in_template("PublishEventsFunction", "Events/Stream/Properties/MaximumRetryAttempts"),),
        ),
        ("It tries every {} minutes, as", (in_template("PublishDeadLetters", "VisibilityTimeout") / 60,)),
        ("counts each such domain every {} hours", (deadlines.VERIFICATION_CHECK / HOUR,)),
        ("that expire within {} days, when", (DAYS(deadlines.EXPIRY_WATCH),)),
        ("normally charged {} days before the expiry date", (DAYS(REGISTRATION.renews_before()),)),
        ("its money comes less than {} days before", (DAYS(deadlines.EXPIRY_MONEY),)),
        ("padded to {} digits", (len(str(keys.MAX_NUMBER)),)),
        ("tries again every {} minutes. The order", (AGAIN,)),
        ("has not begun {} minutes after the payment", (MINUTES(deadlines.DELIVERY_NOT_BEGUN),)),
        ("for about {} hours in `ChargeOrder`", (step_hours("ChargeOrder"),)),
        ("for about {} hours in `ChargeOrder`", (step_hours("ProvisionHosting"),)),
        ("for about {} hours in `ChargeOrder`", (step_hours("SendCallback"),)),
        (
            "{} hours in `RegisterDomain` and {} hours in `RefundOrder`",
            (step_hours("RegisterDomain"), step_hours("RefundOrder")),
        ),
        (
            "after {} hours for a site, {} hours for a machine, {} days for a registration and {} days for a",
            (HOURS(SITE.given_up()), HOURS(MACHINE.given_up()), *DOMAIN_DAYS),
        ),
        ("repeats a failed `RefundOrder` every {} minutes", (AGAIN,)),
        ("accepts a redrive for ⟦{} days⟧", (DAYS(report_failed_execution.REDRIVABLE_FOR),)),
        (
            "stream record after {} retries",
            (in_template("RollUpCartFunction", "Events/Stream/Properties/MaximumRetryAttempts"),),
        ),
        ("tries every {} minutes, as long", (in_template("RollUpDeadLetters", "VisibilityTimeout") / 60,)),
        ("has reached its deadline: {} days for a registration, {} days for a transfer", DOMAIN_DAYS),
        ("delivery began more than {} minutes ago", (STUCK,)),
        ("deadline, {} days for a registration and {} days for a transfer", DOMAIN_DAYS),
        ("suspends the domain {} days after its delivery", (DAYS(deadlines.VERIFICATION_ENDS),)),
        ("counts each such domain every {} hours", (HOURS(deadlines.VERIFICATION_CHECK),)),
        ("tries again every {} hour and then fills", (HOURS(deadlines.ZONE_AGAIN),)),
        ("has not finished after {} days", (DAYS(deadlines.DOMAIN_RENEWAL_DEADLINE),)),
        ("machine's renewal ends {} days after the first refusal", (DAYS(deadlines.RENEWAL_GRACE),)),
        ("or has not run, for {} days.", (in_template("DomainsSweptAlarm", "EvaluationPeriods"),)),
        ("left us more than {} days ago", (DAYS(deadlines.ZONE_GRACE),)),
        ("The metric counts the zone every {} days", (DAYS(deadlines.ZONE_STAYS),)),
        ("expires {} days after the renewal was charged", (DAYS(REGISTRATION.renews_before()),)),
        ("tries again every {} hours, and the alarm", (HOURS(deadlines.RENEWAL_AGAIN),)),
        ("refunds the order {} hours after delivery began", (HOURS(ON_LIGHTSAIL.given_up()),)),
        ("Delivery began more than {} minutes ago, and the latest request", (STUCK,)),
        ("The refund began more than {} minutes ago", (STUCK,)),
        (
            "{} or more log lines `could not reconcile` within {} minutes",
            (
                in_template("ReconcileFailedAlarm", "Threshold"),
                in_template("ReconcileFailedAlarm", "Period") / 60,
            ),
        ),
        ("the OAuth issuer cannot be read`, for {} minutes or longer", (SILENT,)),
        ("tries each failed item again after {} minutes", (MINUTES(deadlines.RECONCILE_AGAIN),)),
        ("expires after {} day, or after {} days with a SEPA", (CARD, SEPA)),
        ("can hold all places for {} hours", (PAGE_OPEN,)),
        ("wrong by more than {} minutes", (MINUTES(deadlines.ORDER_WRITTEN),)),
        (
            "up to {} marks again, which cover {} orders",
            (pages.MAX_NEW_MARKS, pages.MAX_NEW_MARKS * pages.MARK_EVERY),
        ),
        ("read secrets again after {} minutes", (bootstrap._SECRETS_LIVE_SECONDS / 60,)),
        (
            "again after {} seconds (parameter `FeaturesMaxAgeSeconds`)",
            (TEMPLATE["Parameters"]["FeaturesMaxAgeSeconds"]["Default"],),
        ),
    ],
}
"""For each page: its sentences, with `{}` in place of each number, and the values of these numbers in the code."""

NOT_OURS: dict[str, list[str]] = {
    # Requirements for a platform that implements the contract, and quotations from published contracts.
    "hosting-platform-contract": ["for at least 30 days", "for at least 3 days"],
    "money": ["The bank takes 1 to 5 business days (contract 002)"],
    "runbooks": ["before 2026-11-27", "until 2026-11-27"],  # dates
    "lightsail": ["(uid 1000)", "Amazon Linux 2 "],
    "contracts": ["24 hex digits", "24-hex id", "1200 yen", "counts from 1", "fieldupgrades`: 1,"],
}

# Numbers in names. They are not quantities.
NAMES = re.compile(
    r"\b(?:20[0124]|304|40[0134589]|41[03]|42[259]|429|50[03]|[2-5]xx)\b"  # HTTP statuses
    r"|\b00[0-3]\b|\b[Vv]ersions? [12](?: and 2)?\b|\b[Cc]hecks? \d+(?: to \d+)?\b"
    r"|\b(?:decision|sections?|steps) \d+(?: and \d+)?\b"
    r"|Route 53|RFC 9457|ISO (?:8601|4217)|UTS 46|UTF-8|SHA-\d+|3-D Secure|\bEC2\b|base64|HMAC-SHA256"
    r"|whole number of 1 or more|\(from 1\)|\b0 (?:until|by default|for a currency)|, 1: no amount"
)
COUNT = re.compile(
    r"(?<![\w.-])\d[\d.,]*"
    r"|\b(?:two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|twenty|half|quarter|tenth)"
    r"\b(?= (?:an? |of an? )*(?:second|minute|hour|day|week|month|year|retr|function|alarm|secret)s?\b)"
)
CHECK_ROW = re.compile(r"^\| (?:(?:SQ|HU|O1|O2)-\d|C\d\d ).*$", re.MULTILINE)
VERSIONS_CELL = re.compile(r"\| (?:1, 2|2|1) \| (?=yes|optional)")


# -- the rules ----------------------------------------------------------------------------------------


def prose(text: str) -> str:
    """Return the page as one line, without examples, generated tables, rows of checks and targets of links. The text
    of a link to a vendor's page is enclosed in `⟦⟧`."""
    text = re.sub(r"^ *```.*?^ *```$", "", text, flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"<!-- dialects.*?<!-- end of dialects -->", "", text, flags=re.DOTALL)
    text = VERSIONS_CELL.sub("| ", CHECK_ROW.sub("", text))
    text = re.sub(r"^#.*$|^\| *\d{3} \| (?=`)", "", text, flags=re.MULTILINE)
    text = re.sub(r"^ *\d+\. ", "", text, flags=re.MULTILINE)
    text = re.sub(r"\[([^\]]*)\]\(https?:[^)]*\)", r"⟦\1⟧", text)
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)
    return " ".join(text.split())


def places(claim: str, text: str) -> list[re.Match[str]]:
    pattern = re.escape(claim).replace(r"\{\}", r"(\d[\d,]*(?:\.\d+)?|three|thirteen)")
    return list(re.finditer(pattern, text))


WORDS = {"three": 3, "thirteen": 13}


def number(said: str) -> float:
    return WORDS[said] if said in WORDS else float(said.replace(",", ""))


def wrong(text: str, claims: Claims) -> Iterator[str]:
    for claim, values in claims:
        found = places(claim, text)
        if not found:
            yield f"it does not say {claim!r}"
        for place in found:
            if [number(said) for said in place.groups()] != [float(value) for value in values]:
                yield f"it says {place[0]!r}; the code has {', '.join(f'{value:g}' for value in values)}"


def unheld(text: str, claims: Claims, not_ours: list[str]) -> Iterator[str]:
    """Find each number that no test checks. Exceptions, names, code and links to vendors' pages need no test."""
    held = [place.span() for claim, _ in claims for place in places(claim, text)]
    held += [place.span() for phrase in not_ours for place in re.finditer(re.escape(phrase), text)]
    held += [place.span() for place in re.finditer(r"⟦[^⟧]*⟧|`[^`]*`", text)]
    held += [place.span() for place in NAMES.finditer(text)]
    for place in COUNT.finditer(text):
        if not any(begin <= place.start() < end for begin, end in held):
            yield f"no test checks {place[0]!r} in {text[max(0, place.start() - 50) : place.end() + 30]!r}"


def page(name: str) -> str:
    return prose((ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8"))


# -- the pages ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PAGES)
def test_the_numbers_of_a_page_match_the_code(name: str) -> None:
    problems = list(wrong(page(name), CLAIMS[name]))
    assert not problems, listed(problems)


@pytest.mark.parametrize("name", PAGES)
def test_every_number_of_a_page_is_checked(name: str) -> None:
    problems = list(unheld(page(name), CLAIMS[name], NOT_OURS.get(name, [])))
    assert not problems, listed(problems)


@pytest.mark.parametrize("name", NOT_OURS)
def test_every_exception_is_still_on_its_page(name: str) -> None:
    assert [phrase for phrase in NOT_OURS[name] if phrase not in page(name)] == []


def test_every_function_ends_before_the_closing_check() -> None:
    """The closing check looks at an undelivered order once more after its end. By then, every function that worked on
    the order must have ended (docs/order-life.md).
    """
    longest_run = max(
        found["Properties"].get("Timeout", 0)
        for found in TEMPLATE["Resources"].values()
        if found["Type"] == "AWS::Serverless::Function"
    )
    assert longest_run * SECOND < deadlines.CLOSING_CHECK


def quoted_log_lines(text: str) -> list[str]:
    """The lines that a page names as `log line …` or `log lines … and …`."""
    quotes = re.findall(
        r"log lines? (`[^`]+`(?:(?:,| or| and) (?:the log line )?`[^`]+`)*)", " ".join(text.split())
    )
    return [line for quote in quotes for line in re.findall(r"`([^`]+)`", quote)]


def test_the_log_lines_of_the_runbooks_exist_in_the_code() -> None:
    sources = " ".join(path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py"))
    lines = quoted_log_lines((ROOT / "docs" / "runbooks.md").read_text(encoding="utf-8"))
    assert len(lines) > 12
    assert [line for line in lines if f'"{line}"' not in sources] == []


# -- the rules on small examples ----------------------------------------------------------------------

EXAMPLE: Claims = [("refunded after {} hours", (8,))]


@pytest.mark.parametrize("text", ["refunded after 9 hours", "refunded soon", "refunded after 8 h"])
def test_a_wrong_number_is_noticed(text: str) -> None:
    assert list(wrong(text, EXAMPLE))


@pytest.mark.parametrize(
    "text", ["every 5 minutes", "five minutes later", "half an hour", "at most 300 of them"]
)
def test_a_number_without_a_test_is_noticed(text: str) -> None:
    assert list(unheld(prose(f"It is refunded after 8 hours, {text}."), EXAMPLE, []))


@pytest.mark.parametrize(
    "text",
    [
        "a 404",
        "[14 days](https://docs.aws.amazon.com/x)",
        "`5 minutes`",
        "1. first",
        "```\n5\n```",
        "contract 002",
    ],
)
def test_numbers_in_names_code_and_vendor_links_need_no_test(text: str) -> None:
    assert list(unheld(prose(text), EXAMPLE, [])) == []
