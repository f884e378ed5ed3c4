"""One local stack for all end-to-end tests. When it cannot start, they fail and say why; none is skipped."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import stripe

from local.demo import DemoAccounts, write_demo_file
from local.seed import ACCOUNTS, create_customer
from local.stack import Stack, running_stack
from tests.support.browser import running_chromium

if TYPE_CHECKING:
    from playwright.sync_api import Browser

HERE = Path(__file__).parent


# Before pytest-xdist reads the marks: with `--dist loadgroup`, tests of one group run in one process, so that
# there is one stack however many processes share the tests.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.e2e)
            item.add_marker(pytest.mark.xdist_group("local-stack"))


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The whole system as `make run` starts it, but with short waits; it may run beside a `make run`."""
    state = tmp_path_factory.mktemp("stack")
    with running_stack(
        state, wait_scale=0.1, platform_delay=0.3, registrar_delay=0.3, schedule_seconds=1.0
    ) as stack:
        yield stack


@pytest.fixture(scope="session")
def accounts(stack: Stack) -> DemoAccounts:
    """The demo accounts by name, each with its `id`, `user_key` and `system_key`."""
    return write_demo_file(stack)


@pytest.fixture(scope="session")
def forget_payments(stack: Stack, accounts: DemoAccounts) -> Callable[[str], None]:
    """Makes an account what it was at first: a payment page leaves it a payment method, and is asked for only once."""
    client = stripe.StripeClient(stack.stripe_api_key, base_addresses={"api": stack.stripe})
    seeded = {account.name: account for account in ACCOUNTS}

    def forget(name: str) -> None:
        stack.aws.client("dynamodb").update_item(
            TableName=stack.table,
            Key={"PK": {"S": f"ACCOUNT#{accounts[name]['id']}"}, "SK": {"S": "ACCOUNT"}},
            UpdateExpression="SET stripe_customer_id = :customer",
            ExpressionAttributeValues={":customer": {"S": create_customer(client, seeded[name])}},
        )

    return forget


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with running_chromium() as browser:
        yield browser
