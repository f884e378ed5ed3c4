"""`make smoke` against the local stack. The same code runs against a stack on AWS."""

from __future__ import annotations

import json
from typing import Any

import pytest

from local.demo import DemoAccounts
from local.stack import STACK_NAME, Stack
from operate import smoke as command
from operate.stacks import LOCAL, Stage, read_stack


@pytest.mark.usefixtures("accounts")
def test_the_smoke_test_passes_and_deletes_what_it_created(stack: Stack, accounts: DemoAccounts) -> None:
    before = items(stack)
    said: list[str] = []
    passed = command.smoke(stack.aws, read_stack(stack.aws, Stage(LOCAL, STACK_NAME)), said.append)
    assert passed, said
    assert [line.split()[0] for line in said] == ["OK"] * 6 + ["The"], said
    assert items(stack) == before


@pytest.mark.usefixtures("accounts")
def test_after_ctrl_c_the_smoke_test_deletes_what_it_created(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = items(stack)

    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(command._Run, "_follow", interrupted)
    said: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        command.smoke(stack.aws, read_stack(stack.aws, Stage(LOCAL, STACK_NAME)), said.append)
    assert said == []
    assert items(stack) == before


def items(stack: Stack) -> list[str]:
    """The items of API keys, users, the catalogue and the smoke test, without capacity counters."""
    pages = stack.aws.client("dynamodb").get_paginator("scan").paginate(TableName=stack.table)
    found = [item for page in pages for item in page["Items"]]
    kept = ("KEY#", "CATALOGUE", "USER#")
    ours = [item for item in found if item["PK"]["S"].startswith(kept) or "smoke" in json.dumps(item)]
    return sorted(
        json.dumps(item, sort_keys=True) for item in ours if not item["SK"]["S"].startswith("CAPACITY#")
    )
