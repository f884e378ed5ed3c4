"""Environment variables. No other module reads them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field


class MissingSettingError(Exception):
    """An environment variable is missing, so template.yaml is wrong."""


@dataclass(frozen=True, slots=True)
class Settings:
    """`repr` does not show the values. If an endpoint is None, the real service is used."""

    values: Mapping[str, str] = field(repr=False)

    def _required(self, name: str) -> str:
        value = self.values.get(name, "")
        if not value:
            raise MissingSettingError(f"the environment variable {name} is not set")
        return value

    @property
    def on_lambda(self) -> bool:
        return bool(self.values.get("AWS_LAMBDA_FUNCTION_NAME"))

    @property
    def stack_name(self) -> str:
        """The CloudFormation stack's name, a dimension of all metrics."""
        return self._required("STACK_NAME")

    @property
    def table_name(self) -> str:
        return self._required("TABLE_NAME")

    @property
    def data_key_arn(self) -> str:
        return self._required("DATA_KEY_ARN")

    @property
    def state_machine_arn(self) -> str:
        return self._required("STATE_MACHINE_ARN")

    @property
    def alarm_topic_arn(self) -> str:
        return self._required("ALARM_TOPIC_ARN")

    @property
    def stripe_secret_arn(self) -> str:
        return self._required("STRIPE_SECRET_ARN")

    @property
    def stripe_api_base(self) -> str | None:
        return self.values.get("STRIPE_API_BASE") or None

    @property
    def stripe_automatic_tax(self) -> bool:
        return self.values.get("STRIPE_AUTOMATIC_TAX", "false") == "true"

    @property
    def platform_secret_arn(self) -> str:
        return self._required("PLATFORM_SECRET_ARN")

    @property
    def platform_url(self) -> str:
        return self._required("PLATFORM_URL")

    @property
    def registrar_endpoint(self) -> str | None:
        return self.values.get("REGISTRAR_ENDPOINT") or None

    @property
    def lightsail_endpoint(self) -> str | None:
        return self.values.get("LIGHTSAIL_ENDPOINT") or None

    @property
    def webhook_queue_url(self) -> str:
        return self._required("WEBHOOK_QUEUE_URL")

    @property
    def page_secret_arn(self) -> str:
        return self._required("PAGE_SECRET_ARN")

    @property
    def public_url(self) -> str | None:
        """Without a trailing slash. None: each request's own host is used."""
        return self.values.get("PUBLIC_URL") or None

    @property
    def oauth_issuer(self) -> str | None:
        """The authorization server whose access tokens are accepted. None: only API keys are accepted."""
        return self.values.get("OAUTH_ISSUER") or None

    @property
    def oauth_audiences(self) -> tuple[str, ...]:
        return tuple(self.values.get("OAUTH_AUDIENCE", "").replace(",", " ").split())

    @property
    def oauth_audience_claim(self) -> str:
        return self.values.get("OAUTH_AUDIENCE_CLAIM") or "aud"

    @property
    def oauth_user_claim(self) -> str:
        return self.values.get("OAUTH_USER_CLAIM") or "sub"

    @property
    def oauth_account_claim(self) -> str:
        return self.values.get("OAUTH_ACCOUNT_CLAIM") or "account_id"

    @property
    def oauth_scope_prefix(self) -> str:
        return self.values.get("OAUTH_SCOPE_PREFIX", "")

    @property
    def callback_secret_arn(self) -> str:
        return self._required("CALLBACK_SECRET_ARN")

    @property
    def allow_loopback_callbacks(self) -> bool:
        """For local use only: callbacks to this computer over plain HTTP."""
        return self.values.get("ALLOW_LOOPBACK_CALLBACKS", "false") == "true"

    @property
    def features_application(self) -> str:
        return self._required("FEATURES_APPLICATION")

    @property
    def features_environment(self) -> str:
        return self._required("FEATURES_ENVIRONMENT")

    @property
    def features_profile(self) -> str:
        return self._required("FEATURES_PROFILE")

    @property
    def features_max_age(self) -> int:
        return int(self._required("FEATURES_MAX_AGE_SECONDS"))


def load() -> Settings:
    return Settings(dict(os.environ))
