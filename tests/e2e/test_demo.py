"""`make run` and `make demo`: their output, and the stack that they start."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from local.client import call
from local.demo import DemoAccounts, DemoFailedError, Sample, show_sample_order
from local.demo_checkout import ACCOUNT as CHECKOUT_ACCOUNT
from local.demo_lines import show_how_to_go_on
from local.errors import StackError
from local.paths import APP_PYTHON, ROOT
from local.stack import Stack, running_stack
from local.terminal import Terminal

PATIENCE_SECONDS = 90.0


@pytest.fixture
def broken_platform(stack: Stack) -> Iterator[None]:
    """During the test, the hosting platform refuses every service permanently."""
    fault = {"method": "PUT", "answer": 422, "times": 1000}
    assert call("POST", f"{stack.platform}/_standin/faults", fault).status == 200
    yield
    assert call("POST", f"{stack.platform}/_standin/faults", {}).status == 200


@pytest.fixture(scope="module")
def shown(stack: Stack, accounts: DemoAccounts, forget_payments: Callable[[str], None]) -> tuple[Sample, str]:
    """The sample orders and their printed output. All tests share one run, because a run takes a while."""
    forget_payments(CHECKOUT_ACCOUNT)
    with contextlib.redirect_stdout(io.StringIO()) as output:
        sample = show_sample_order(stack, accounts, Terminal())
    return sample, output.getvalue()


def test_the_sample_order_is_followed_until_it_is_completed(shown: tuple[Sample, str]) -> None:
    _, printed = shown
    for fact in (
        "payment succeeded (card), 12.00 EUR charged",
        "order completed (tasks: OK)",
        "callback received",
        "authorization: Bearer sample-client",
        "webhook-signature: v1,",
        '  "type": "order.completed"',
        "cart completed",
        "The domains are registered",
        "@203.0.113.",
        "with a password",
        "with its owner's SSH key",
        ".com: active until",
        ".de: active until",
        ".nl: transferring",
        ".nl: active until",
        "has no saved payment method: X-Api-Version: 1",
        "order pending, to be paid at ",
        "paid on that page; the customer is sent to ",
        "order completed; the page says: Uw website is klaar",
        " port 22",
    ):
        assert fact in printed
    assert "(pending)" not in printed


def test_the_printed_commands_work_when_pasted(
    stack: Stack, accounts: DemoAccounts, shown: tuple[Sample, str], capsys: pytest.CaptureFixture[str]
) -> None:
    show_how_to_go_on(stack, accounts, shown[0], Terminal())

    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    preparation = [line for line in lines if line.startswith(("export ", "pretty() ", "api() ", "tool() "))]
    pasted = [line for line in lines if line.startswith(("api /", "curl ", "tool "))]
    printed = [
        subprocess.run(
            ["bash", "-c", "\n".join([*preparation, line])], capture_output=True, text=True, check=True
        ).stdout
        for line in pasted
    ]
    answers = [json.loads(answer) for answer in printed]
    assert all(answer.count("\n") > 3 for answer in printed)  # on several lines, so people can read it
    assert answers[0]["order"]["status"] == "completed"
    assert answers[1]["cart"]["rollup_status"] == "completed"
    assert answers[0]["order"]["id"] in [order["id"] for order in answers[2]["orders"]]
    assert answers[3]["status"] == "accepted"
    assert answers[4]["status"] == "accepted"
    assert answers[5]["status"] == "accepted"
    assert answers[6]["data"]["status"] == "COMPLETED"
    assert answers[7]["data"]["order"]["status"] == "Active"
    assert answers[9]["token_type"] == "Bearer"
    seen, quoted = (answer["result"]["structuredContent"] for answer in answers[10:])
    assert seen == answers[6]["data"]
    assert quoted["gross_cents"] > 0 and quoted["quote"]
    assert 0 < quoted["spend_cap_left"]["day_cents"] <= 5_000  # other tests order with the same key
    assert len(answers) == 12
    key = accounts["ready"]["user_key"]
    assert [line for line in lines if key in line] == [line for line in preparation if key in line]
    assert all("Idempotency-Key: " in line for line in pasted if "api /" in line and " -d " in line)


@pytest.mark.usefixtures("broken_platform")
def test_a_failed_order_ends_the_demo_with_the_reason(stack: Stack, accounts: DemoAccounts) -> None:
    with pytest.raises(DemoFailedError, match="ended as failed") as failure:
        show_sample_order(stack, accounts, Terminal())

    assert '"refunded_cents": 1200' in str(failure.value)


def test_the_demo_file_has_all_addresses_and_accounts(stack: Stack, accounts: DemoAccounts) -> None:
    document = json.loads((stack.state / "demo.json").read_text())

    assert document["accounts"] == accounts
    assert set(accounts) == {
        *("ready", "credit", "no_method", "authentication_required"),
        *("declined_recoverable", "declined_final", "sepa", "trial", "no_customer", "dutch"),
    }
    api_keys = ("api_key_000", "api_key_000_domains", "api_key_001")
    keys = {"user_key", "user_key_v1", "system_key", "agent_key", *api_keys}
    assert all(set(account) == {"id", *keys} for account in accounts.values())
    addresses = {
        name: document[name]
        for name in ("api", "stripe", "platform", "lightsail", "registrar", "issuer", "aws", "callbacks")
    }
    assert set(document) == {*addresses, "accounts", "outputs"}
    for address in addresses.values():
        call("GET", address)  # the server responds


def test_a_second_stack_in_the_same_folder_is_refused(stack: Stack) -> None:
    with pytest.raises(StackError, match=f"already running here.*{os.getpid()}"), running_stack(stack.state):
        pass


def test_a_live_stripe_key_is_refused_at_the_start(tmp_path: Path) -> None:
    ended = subprocess.run(
        [str(APP_PYTHON), "-m", "local", "demo", "--state", str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "STRIPE_API_KEY": "sk_live_" + "0" * 24},
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == 1
    assert "With this key, the stack would move real money" in ended.stderr
    assert not (tmp_path / "logs").exists()


def start_run(state: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [str(APP_PYTHON), "-m", "local", "run", "--state", str(state)],
        cwd=ROOT,
        stdout=(state / "shown").open("wb"),
    )


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < deadline, "the condition did not become true in time"
        time.sleep(0.05)


def nobody_answers(address: str) -> bool:
    try:
        call("GET", address)
    except OSError:
        return True
    return False


def test_a_killed_run_does_not_block_the_next_run(tmp_path: Path) -> None:
    """The second run charges for an order. After that, SIGTERM stops all servers of the second run."""
    demo_file = tmp_path / "demo.json"
    killed = start_run(tmp_path)
    wait_until(demo_file.exists)
    killed.send_signal(signal.SIGKILL)
    killed.wait()

    second = start_run(tmp_path)
    try:
        wait_until(lambda: "payment succeeded" in (tmp_path / "shown").read_text())
    finally:
        second.terminate()
    assert second.wait(PATIENCE_SECONDS) == 0
    document = json.loads(demo_file.read_text())
    for name in ("api", "stripe", "platform", "registrar", "issuer", "aws", "callbacks"):
        assert nobody_answers(document[name])
