from __future__ import annotations

import pytest

from tests.support import stripe_place


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    stripe_place.select(config, items)
