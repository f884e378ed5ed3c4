"""Stacks that `make smoke` refuses before it writes anything. tests/e2e/test_smoke.py runs the whole command."""

from __future__ import annotations

import pytest

from operate.errors import OperateError
from operate.smoke import smoke
from tests.support.deployed import a_deployed_stack

PLATFORM = {"api_key": "key", "webhook_secrets": "whsec_bmV3LXNlY3JldA=="}


@pytest.mark.parametrize(
    ("stripe", "platform", "said"),
    [
        ({}, PLATFORM, "make connect-stripe"),
        ({"api_key": "sk_test_abcdefgh"}, {}, "make connect-platform"),
        ({"api_key": "sk_live_abcdefgh"}, PLATFORM, "live key"),
    ],
)
def test_a_stack_that_is_not_connected_or_has_a_live_key_is_refused(
    stripe: dict[str, str], platform: dict[str, str], said: str
) -> None:
    """The stack has no table here, so a write would fail."""
    with a_deployed_stack() as deployed:
        if stripe:
            deployed.store(stripe)
        if platform:
            deployed.store(platform, "PlatformSecret")
        with pytest.raises(OperateError, match=said):
            smoke(deployed.account, deployed.stack, deployed.said.append)
        assert (deployed.said, deployed.stripe.objects("customer")) == ([], [])
