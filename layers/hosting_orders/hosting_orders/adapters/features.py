"""Switches that operators turn without a deployment: the port Features, on AWS AppConfig.

The document follows Powertools' schema of feature flags; rules know one thing, the `account_id`.
https://docs.aws.amazon.com/powertools/python/latest/utilities/feature_flags/
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from hosting_orders.domain.errors import ProviderUnavailableError

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.feature_flags import AppConfigStore, FeatureFlags
    from aws_lambda_powertools.utilities.feature_flags.base import StoreProvider


def app_config_store(
    client: Any, *, application: str, environment: str, profile: str, max_age: int
) -> AppConfigStore:
    """A session with AppConfig, begun by the first read; what was read is good for `max_age` seconds (1 or more).

    `client` is a boto3 AppConfigData client; the rest are ids or names.
    """
    from aws_lambda_powertools.utilities.feature_flags import AppConfigStore

    return AppConfigStore(
        environment=environment, application=application, name=profile, max_age=max_age, boto3_client=client
    )


class AppConfigFeatures:
    """`open_store` begins a session: `app_config_store`, or anything else that gives Powertools a document."""

    def __init__(self, open_store: Callable[[], StoreProvider]) -> None:
        self._open_store = open_store
        self._engine: FeatureFlags | None = None

    def enabled(self, feature: str, account_id: str | None) -> bool:
        """Whether the feature is on for the account; None asks what holds for accounts that no rule names.

        Raises ProviderUnavailableError when there is no document, one of another form, or one that does not name
        the feature: a switch that can't be read is neither on nor off.
        """
        from aws_lambda_powertools.utilities.feature_flags import FeatureFlags
        from aws_lambda_powertools.utilities.feature_flags.exceptions import (
            ConfigurationStoreError,
            SchemaValidationError,
            StoreClientError,
        )

        engine = self._engine or FeatureFlags(self._open_store())
        # A session's token is good for one call: after one that failed only a new session can go on.
        self._engine = None
        try:
            # `evaluate` alone would answer its default for a document that can't be read, and not say why.
            engine.get_configuration()
            answer = engine.evaluate(
                name=feature,
                context={} if account_id is None else {"account_id": account_id},
                default=None,
            )
        except (
            *(ConfigurationStoreError, StoreClientError, SchemaValidationError),
            # What Powertools stumbles over in a document that is wrong in ways it does not check.
            *(AttributeError, TypeError, ValueError),
        ) as error:
            raise ProviderUnavailableError(f"the switch {feature} cannot be read now") from error
        if not isinstance(answer, bool):
            raise ProviderUnavailableError(f"the switches' document does not say whether {feature} is on")
        self._engine = engine
        return answer
