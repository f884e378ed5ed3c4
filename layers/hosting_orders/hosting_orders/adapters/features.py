"""The Features port on AWS AppConfig, with Powertools' schema:
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
    """`max_age` is in seconds, at least 1."""
    from aws_lambda_powertools.utilities.feature_flags import AppConfigStore

    return AppConfigStore(
        environment=environment, application=application, name=profile, max_age=max_age, boto3_client=client
    )


class AppConfigFeatures:
    def __init__(self, open_store: Callable[[], StoreProvider]) -> None:
        self._open_store = open_store
        self._engine: FeatureFlags | None = None

    def enabled(self, feature: str, account_id: str | None) -> bool:
        """Raises ProviderUnavailableError when the document cannot be read, is invalid or lacks the feature."""
        from aws_lambda_powertools.utilities.feature_flags import FeatureFlags
        from aws_lambda_powertools.utilities.feature_flags.exceptions import (
            ConfigurationStoreError,
            SchemaValidationError,
            StoreClientError,
        )

        engine = self._engine or FeatureFlags(self._open_store())
        # Each token of an AppConfig session is valid for one call, so a failed call needs a new session.
        self._engine = None
        try:
            # If the document cannot be read, this call raises an error. `evaluate` would return its default.
            engine.get_configuration()
            answer = engine.evaluate(
                name=feature,
                context={} if account_id is None else {"account_id": account_id},
                default=None,
            )
        except (
            *(ConfigurationStoreError, StoreClientError, SchemaValidationError),
            # Powertools raises these for invalid documents that it does not check.
            *(AttributeError, TypeError, ValueError),
        ) as error:
            raise ProviderUnavailableError(f"the switch {feature} cannot be read now") from error
        if not isinstance(answer, bool):
            raise ProviderUnavailableError(f"the switches' document does not say whether {feature} is on")
        self._engine = engine
        return answer
