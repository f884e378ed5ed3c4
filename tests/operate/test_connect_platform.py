"""`make connect-platform` against Secrets Manager in moto."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from operate.connect_platform import connect_platform
from operate.errors import OperateError
from tests.support.deployed import Deployed, a_deployed_stack

SECRET, OLD = "whsec_bmV3LXNlY3JldA==", "whsec_b2xkLXNlY3JldA=="


@pytest.fixture
def deployed() -> Iterator[Deployed]:
    with a_deployed_stack() as deployed:
        yield deployed


def connect(deployed: Deployed, key: str, secrets: str) -> None:
    connect_platform(deployed.account, deployed.stack, key, secrets, deployed.said.append)


def test_key_and_secrets_are_stored_and_not_shown(deployed: Deployed) -> None:
    connect(deployed, "key-of-the-platform", f"{SECRET}, {OLD}")
    assert deployed.stored("PlatformSecret") == {
        "api_key": "key-of-the-platform",
        "webhook_secrets": f"{SECRET},{OLD}",
    }
    assert any("https://api.example.com/webhooks/platform" in line for line in deployed.said)
    assert not any("key-of-the-platform" in line or SECRET in line for line in deployed.said)


def test_an_empty_input_keeps_the_stored_value(deployed: Deployed) -> None:
    connect(deployed, "key-of-the-platform", OLD)
    connect(deployed, "", SECRET)
    connect(deployed, "another-key", "")
    assert deployed.stored("PlatformSecret") == {"api_key": "another-key", "webhook_secrets": SECRET}


def test_a_signing_secret_without_an_api_key_is_refused(deployed: Deployed) -> None:
    with pytest.raises(OperateError) as refusal:
        connect(deployed, "", SECRET)
    assert str(refusal.value) == "The API key is missing."
    assert deployed.stored("PlatformSecret") == {}


@pytest.mark.parametrize(
    ("key", "secrets"),
    [("", SECRET), ("key", ""), ("key", " , "), ("key", "whsec_!"), ("key", "secret"), ("two words", SECRET)],
)
def test_an_unusable_value_is_refused(deployed: Deployed, key: str, secrets: str) -> None:
    with pytest.raises(OperateError) as refusal:
        connect(deployed, key, secrets)
    assert "!" not in str(refusal.value)
    assert deployed.stored("PlatformSecret") == {}
