"""The real adapters, each built on first use."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

from hosting_orders import settings

if TYPE_CHECKING:
    from hosting_orders.adapters.access_tokens import JwtAccessTokens
    from hosting_orders.adapters.addresses import GoogleAddresses
    from hosting_orders.adapters.callbacks import HttpsCallbacks, HttpsSender
    from hosting_orders.adapters.dynamodb.api_keys import DynamoKeyStore, DynamoKeyUses
    from hosting_orders.adapters.dynamodb.callbacks import DynamoCallbackStore
    from hosting_orders.adapters.dynamodb.catalogue import DynamoCatalogueStore
    from hosting_orders.adapters.dynamodb.counts import DynamoRequestCounts
    from hosting_orders.adapters.dynamodb.directory import DynamoDirectory
    from hosting_orders.adapters.dynamodb.events import DynamoEventStore
    from hosting_orders.adapters.dynamodb.known_offers import DynamoKnownOffers
    from hosting_orders.adapters.dynamodb.orders import DynamoOrderStore
    from hosting_orders.adapters.dynamodb.stream import DynamoOrderStream
    from hosting_orders.adapters.dynamodb.webhooks import DynamoWebhookStore
    from hosting_orders.adapters.features import AppConfigFeatures
    from hosting_orders.adapters.hosting_platform import HttpHostingPlatform
    from hosting_orders.adapters.issuer_keys import IssuerKeys
    from hosting_orders.adapters.kms_cipher import KmsCipher
    from hosting_orders.adapters.lightsail.platform import LightsailPlatform
    from hosting_orders.adapters.metrics import LogMetrics
    from hosting_orders.adapters.page_tokens import SignedPageTokens
    from hosting_orders.adapters.platforms import RoutedPlatform
    from hosting_orders.adapters.quotes import SignedQuotes
    from hosting_orders.adapters.route53.registrar import Route53Registrar
    from hosting_orders.adapters.route53.rules import TableRegistryRules
    from hosting_orders.adapters.route53.zones import Route53Zones
    from hosting_orders.adapters.secrets import SecretsManager
    from hosting_orders.adapters.sns_alerts import SnsAlerts
    from hosting_orders.adapters.sqs_webhooks import SqsWebhookQueue
    from hosting_orders.adapters.stepfunctions import StepFunctionsWorkflow
    from hosting_orders.adapters.stripe.client import StripeApi
    from hosting_orders.adapters.stripe.collection import StripeCollection
    from hosting_orders.adapters.stripe.refunds import StripeRefunds
    from hosting_orders.adapters.stripe.renewals import StripeRenewals
    from hosting_orders.adapters.stripe.webhooks import StripeWebhooks
    from hosting_orders.adapters.system_clock import SystemClock
    from hosting_orders.domain.listing import Publisher
    from hosting_orders.domain.order import Order
    from hosting_orders.usecases.ports import Services

# A running function uses a rotated secret after at most this many seconds. No deployment is needed.
_SECRETS_LIVE_SECONDS = 600


@cache
def aws_client(service: str) -> Any:
    """The client gives up before the Lambda function times out."""
    return _new_aws_client(service, connect_timeout=2, read_timeout=5, attempts=4)


def _new_aws_client(
    service: str, *, connect_timeout: float, read_timeout: float, attempts: int, **place: str | None
) -> Any:
    import boto3
    from botocore.config import Config

    config = Config(
        connect_timeout=connect_timeout,
        read_timeout=read_timeout,
        retries={"mode": "standard", "total_max_attempts": attempts},
        user_agent_extra="hosting-orders",
    )
    return boto3.client(service, config=config, **place)


@cache
def _issuer_keys(issuer: str, stack: str, allow_loopback: bool) -> IssuerKeys:
    # The process has one object, so the issuer's keys are not fetched again when `services` rebuilds the adapters.
    from hosting_orders.adapters.issuer_keys import IssuerKeys
    from hosting_orders.adapters.metrics import LogMetrics

    return IssuerKeys(issuer, LogMetrics(stack), allow_loopback=allow_loopback)


class AwsServices:
    def __init__(self, values: settings.Settings) -> None:
        self._settings = values

    @cached_property
    def clock(self) -> SystemClock:
        from hosting_orders.adapters.system_clock import SystemClock

        return SystemClock()

    @cached_property
    def directory(self) -> DynamoDirectory:
        from hosting_orders.adapters.dynamodb.directory import DynamoDirectory

        return DynamoDirectory(aws_client("dynamodb"), self._settings.table_name)

    @cached_property
    def keys(self) -> DynamoKeyStore:
        from hosting_orders.adapters.dynamodb.api_keys import DynamoKeyStore

        return DynamoKeyStore(aws_client("dynamodb"), self._settings.table_name)

    @cached_property
    def key_uses(self) -> DynamoKeyUses:
        from hosting_orders.adapters.dynamodb.api_keys import DynamoKeyUses

        return DynamoKeyUses(aws_client("dynamodb"), self._settings.table_name)

    @cached_property
    def access_tokens(self) -> JwtAccessTokens | None:
        values = self._settings
        if values.oauth_issuer is None:
            return None
        # joserfc and cryptography are slow to import, so only a request with a token imports them.
        from hosting_orders.adapters.access_tokens import JwtAccessTokens, TokenRules

        rules = TokenRules(
            issuer=values.oauth_issuer,
            audiences=values.oauth_audiences,
            audience_claim=values.oauth_audience_claim,
            user_claim=values.oauth_user_claim,
            account_claim=values.oauth_account_claim,
            scope_prefix=values.oauth_scope_prefix,
        )
        keys = _issuer_keys(values.oauth_issuer, values.stack_name, values.allow_loopback_callbacks)
        return JwtAccessTokens(rules, keys)

    @cached_property
    def catalogue(self) -> DynamoCatalogueStore:
        from hosting_orders.adapters.dynamodb.catalogue import DynamoCatalogueStore

        return DynamoCatalogueStore(aws_client("dynamodb"), self._settings.table_name, self.clock)

    @cached_property
    def orders(self) -> DynamoOrderStore:
        from hosting_orders.adapters.dynamodb.orders import DynamoOrderStore

        return DynamoOrderStore(aws_client("dynamodb"), self._settings.table_name)

    @cached_property
    def stream(self) -> DynamoOrderStream:
        from hosting_orders.adapters.dynamodb.stream import DynamoOrderStream

        return DynamoOrderStream(aws_client("dynamodbstreams"))

    @cached_property
    def events(self) -> DynamoEventStore:
        from hosting_orders.adapters.dynamodb.events import DynamoEventStore

        return DynamoEventStore(aws_client("dynamodb"), self._settings.table_name)

    @cached_property
    def counts(self) -> DynamoRequestCounts:
        from hosting_orders.adapters.dynamodb.counts import DynamoRequestCounts

        return DynamoRequestCounts(aws_client("dynamodb"), self._settings.table_name)

    @cached_property
    def deliveries(self) -> DynamoCallbackStore:
        from hosting_orders.adapters.dynamodb.callbacks import DynamoCallbackStore

        return DynamoCallbackStore(aws_client("dynamodb"), self._settings.table_name)

    @cached_property
    def webhooks(self) -> DynamoWebhookStore:
        from hosting_orders.adapters.dynamodb.webhooks import DynamoWebhookStore

        return DynamoWebhookStore(aws_client("dynamodb"), self._settings.table_name)

    @cached_property
    def webhook_queue(self) -> SqsWebhookQueue:
        from hosting_orders.adapters.sqs_webhooks import SqsWebhookQueue

        return SqsWebhookQueue(aws_client("sqs"), self._settings.webhook_queue_url)

    @cached_property
    def webhook_sender(self) -> HttpsSender:
        from hosting_orders.adapters.callbacks import HttpsSender

        return HttpsSender(allow_loopback=self._settings.allow_loopback_callbacks)

    @cached_property
    def workflow(self) -> StepFunctionsWorkflow:
        from hosting_orders.adapters.dynamodb.tokens import DynamoTokenStore
        from hosting_orders.adapters.stepfunctions import StepFunctionsWorkflow

        return StepFunctionsWorkflow(
            aws_client("stepfunctions"),
            self._settings.state_machine_arn,
            DynamoTokenStore(aws_client("dynamodb"), self._settings.table_name),
            self.clock,
        )

    @cached_property
    def alerts(self) -> SnsAlerts:
        from hosting_orders.adapters.sns_alerts import SnsAlerts

        return SnsAlerts(aws_client("sns"), self._settings.alarm_topic_arn)

    @cached_property
    def payments(self) -> StripeCollection:
        from hosting_orders.adapters.stripe.collection import StripeCollection

        return StripeCollection(self._stripe)

    @cached_property
    def refunds(self) -> StripeRefunds:
        from hosting_orders.adapters.stripe.refunds import StripeRefunds

        return StripeRefunds(self._stripe)

    @cached_property
    def renewals(self) -> StripeRenewals:
        from hosting_orders.adapters.stripe.renewals import StripeRenewals

        return StripeRenewals(self._stripe)

    @cached_property
    def payment_news(self) -> StripeWebhooks:
        from hosting_orders.adapters.stripe.webhooks import StripeWebhooks

        return StripeWebhooks(self._stripe, secret_values(self._stripe_secret["webhook_secrets"]))

    @cached_property
    def platform(self) -> RoutedPlatform:
        from hosting_orders.adapters.platforms import RoutedPlatform

        return RoutedPlatform(lambda: self._http_platform, lambda: self._lightsail)

    @cached_property
    def addresses(self) -> GoogleAddresses:
        from hosting_orders.adapters.addresses import GoogleAddresses

        return GoogleAddresses()

    @cached_property
    def registry_rules(self) -> TableRegistryRules:
        from hosting_orders.adapters.route53.rules import TableRegistryRules

        return TableRegistryRules()

    @cached_property
    def registrar(self) -> Route53Registrar:
        from hosting_orders.adapters.route53.registrar import Route53Registrar

        # Route 53 Domains exists in one region only.
        place = {"region_name": "us-east-1", "endpoint_url": self._settings.registrar_endpoint}
        return Route53Registrar(
            # The registrar throttles us for short times ("Rate exceeded"). Four attempts last longer than that, and
            # still end within API Gateway's 30 seconds.
            _new_aws_client("route53domains", connect_timeout=2, read_timeout=5, attempts=4, **place),
            # Submissions are not retried: if the response was lost, the submission may have succeeded. Before the next
            # submission, we read the registrar's list of operations.
            _new_aws_client("route53domains", connect_timeout=2, read_timeout=30, attempts=1, **place),
        )

    @cached_property
    def known_offers(self) -> DynamoKnownOffers:
        from hosting_orders.adapters.dynamodb.known_offers import DynamoKnownOffers

        return DynamoKnownOffers(aws_client("dynamodb"), self._settings.table_name)

    @cached_property
    def zones(self) -> Route53Zones:
        from hosting_orders.adapters.route53.zones import Route53Zones

        return Route53Zones(aws_client("route53"))

    @cached_property
    def callbacks(self) -> HttpsCallbacks:
        from hosting_orders.adapters.callbacks import HttpsCallbacks

        master = self._secrets.text(self._settings.callback_secret_arn)
        return HttpsCallbacks(master, allow_loopback=self._settings.allow_loopback_callbacks)

    @cached_property
    def page_tokens(self) -> SignedPageTokens:
        from hosting_orders.adapters.page_tokens import SignedPageTokens

        return SignedPageTokens(secret_values(self._secrets.text(self._settings.page_secret_arn)))

    @cached_property
    def quotes(self) -> SignedQuotes:
        from hosting_orders.adapters.quotes import SignedQuotes

        return SignedQuotes(secret_values(self._secrets.text(self._settings.page_secret_arn)))

    @cached_property
    def cipher(self) -> KmsCipher:
        from hosting_orders.adapters.kms_cipher import KmsCipher

        return KmsCipher(aws_client("kms"), self._settings.data_key_arn)

    @cached_property
    def features(self) -> AppConfigFeatures:
        from hosting_orders.adapters.features import AppConfigFeatures, app_config_store

        def open_store() -> Any:
            # The shared client is not used, because Powertools changes the user agent of the client that it gets.
            # The time-outs are short because an API client waits for the answer.
            return app_config_store(
                _new_aws_client("appconfigdata", connect_timeout=1, read_timeout=2, attempts=2),
                application=self._settings.features_application,
                environment=self._settings.features_environment,
                profile=self._settings.features_profile,
                max_age=self._settings.features_max_age,
            )

        return AppConfigFeatures(open_store)

    @cached_property
    def metrics(self) -> LogMetrics:
        from hosting_orders.adapters.metrics import LogMetrics

        return LogMetrics(self._settings.stack_name)

    @cached_property
    def _http_platform(self) -> HttpHostingPlatform:
        from hosting_orders.adapters.hosting_platform import HttpHostingPlatform

        secret = self._secrets.document(
            self._settings.platform_secret_arn, ("api_key", "webhook_secrets"), "make connect-platform"
        )
        return HttpHostingPlatform(
            self._settings.platform_url, secret["api_key"], secret_values(secret["webhook_secrets"])
        )

    @cached_property
    def _lightsail(self) -> LightsailPlatform:
        from hosting_orders.adapters.lightsail.platform import LightsailPlatform

        def client_of(region: str) -> Any:
            # Each machine needs several requests, and the function must finish them within a minute.
            place = {"region_name": region, "endpoint_url": self._settings.lightsail_endpoint}
            return _new_aws_client("lightsail", connect_timeout=2, read_timeout=6, attempts=2, **place)

        return LightsailPlatform(client_of, self.metrics)

    @cached_property
    def _stripe(self) -> StripeApi:
        from hosting_orders.adapters.stripe.client import StripeApi

        return StripeApi(
            self._stripe_secret["api_key"],
            api_base=self._settings.stripe_api_base,
            automatic_tax=self._settings.stripe_automatic_tax,
        )

    @cached_property
    def _stripe_secret(self) -> Mapping[str, str]:
        return self._secrets.document(
            self._settings.stripe_secret_arn, ("api_key", "webhook_secrets"), "make connect-stripe"
        )

    @cached_property
    def _secrets(self) -> SecretsManager:
        from hosting_orders.adapters.secrets import SecretsManager

        return SecretsManager(aws_client("secretsmanager"))


def secret_values(text: str) -> tuple[str, ...]:
    """A secret in rotation has two values, separated by a comma."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _import_stripe() -> None:
    import stripe  # noqa: F401

    from hosting_orders.adapters.stripe import collection, refunds, renewals, webhooks  # noqa: F401


def _import_platform() -> None:
    import requests  # noqa: F401

    from hosting_orders.adapters import hosting_platform  # noqa: F401


def _import_callbacks() -> None:
    from hosting_orders.adapters import callbacks  # noqa: F401


def _import_page_tokens() -> None:
    from hosting_orders.adapters import page_tokens  # noqa: F401


def _import_quotes() -> None:
    from hosting_orders.adapters import quotes  # noqa: F401


def _import_features() -> None:
    import aws_lambda_powertools.utilities.feature_flags  # noqa: F401

    from hosting_orders.adapters import features  # noqa: F401


# Building or using these ports calls AWS, so `prepare` only imports their modules.
_FROM_STRIPE = ("payments", "refunds", "renewals", "payment_news")
_IMPORTED: Mapping[str, Callable[[], None]] = {
    **dict.fromkeys(_FROM_STRIPE, _import_stripe),
    "platform": _import_platform,
    "callbacks": _import_callbacks,
    "page_tokens": _import_page_tokens,
    "quotes": _import_quotes,
    "features": _import_features,
}


def prepare(*ports: str) -> None:
    """Import and build these ports, without network calls. Outside Lambda, do nothing (docs/decisions.md, 42)."""
    if not settings.load().on_lambda:
        return
    current = services()
    for port in ports:
        if port in _IMPORTED:
            _IMPORTED[port]()
        else:
            getattr(current, port)
    if {*_FROM_STRIPE, "platform", "callbacks", "page_tokens", "quotes"} & set(ports):
        aws_client("secretsmanager")


class _Current:
    services: Services | None = None
    built_at = 0.0
    given = False


def services() -> Services:
    """The adapters. They are rebuilt regularly, to read rotated secrets."""
    stale = time.monotonic() - _Current.built_at > _SECRETS_LIVE_SECONDS
    if _Current.services is None or (stale and not _Current.given):
        _Current.services = AwsServices(settings.load())
        _Current.built_at = time.monotonic()
        _Current.given = False
    return _Current.services


def use(replacement: Services | None) -> None:
    """Replace the services in a test. None restores them."""
    _Current.services = replacement
    _Current.given = replacement is not None


def allow_loopback_callbacks() -> bool:
    return settings.load().allow_loopback_callbacks


def public_url() -> str | None:
    return settings.load().public_url


def oauth_issuer() -> str | None:
    return settings.load().oauth_issuer


def oauth_scope(scope: str) -> str:
    return settings.load().oauth_scope_prefix + scope


def tax_is_added() -> bool:
    return settings.load().stripe_automatic_tax


def order_of_record(record: Mapping[str, Any]) -> Order | None:
    from hosting_orders.adapters.dynamodb.stream import order_of_record as read

    return read(record)


def publisher_of_record(record: Mapping[str, Any]) -> Publisher | None:
    from hosting_orders.adapters.dynamodb.stream import publisher_of_record as read

    return read(record)
