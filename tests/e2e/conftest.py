"""One local stack for all end-to-end tests. If the stack cannot start, all tests fail with the reason."""

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


# With `--dist loadgroup`, one process runs all tests of a group, so there is only one stack. `tryfirst` makes this hook
# run before pytest-xdist reads the marks.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.e2e)
            item.add_marker(pytest.mark.xdist_group("local-stack"))


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The whole system as `make run` starts it, with shorter waits. A `make run` may be running at the same time."""
    state = tmp_path_factory.mktemp("stack")
    with running_stack(
        state, wait_scale=0.1, platform_delay=0.3, registrar_delay=0.3, schedule_seconds=1.0
    ) as stack:
        yield stack


@pytest.fixture(scope="session")
def accounts(stack: Stack) -> DemoAccounts:
    """The demo accounts by name, each with its `id` and its API keys."""
    return write_demo_file(stack)


@pytest.fixture(scope="session")
def forget_payments(stack: Stack, accounts: DemoAccounts) -> Callable[[str], None]:
    """Return a function that gives an account a new Stripe customer without a saved payment method.

    The account's next order then has a payment page again.
    """
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
