"""OAuth on the deployed template. The functions read the issuer's keys, and the commands in docs/oauth.md work."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from local.client import call
from local.demo import DemoAccounts
from local.stack import Stack
from tests.structure.project import ROOT

PAGE = (ROOT / "docs" / "oauth.md").read_text(encoding="utf-8")
LINES = re.findall(r"^\| `(as .*?)` \| (\d{3})", PAGE, re.MULTILINE)


def test_the_oauth_page_has_commands_to_try() -> None:
    assert {status for _, status in LINES} == {"200", "401", "403"}


@pytest.mark.parametrize(("line", "status"), LINES)
def test_a_command_of_the_oauth_page_gets_the_stated_response(
    stack: Stack, accounts: DemoAccounts, tmp_path: Path, line: str, status: str
) -> None:
    (prepared,) = re.findall(r"```sh\n(of\(\).*?)```", PAGE, re.DOTALL)
    script = prepared.replace(".local/demo.json", str(stack.state / "demo.json")) + line
    said = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert said.stdout.startswith(f"HTTP/1.1 {status}"), (line, said.stdout, said.stderr)


def test_every_function_that_accepts_tokens_answers_a_get(stack: Stack, accounts: DemoAccounts) -> None:
    account = accounts["ready"]["id"]
    asked = call("POST", f"{stack.issuer}/token", {"user": "usr_ready", "account": account})
    headers = {"Authorization": f"Bearer {asked.json()['access_token']}", "X-Auth-Account": account}
    for path in ("/api/orders", "/api/tasks", "/api/about", "/api/tlds", "/api/webhooks/endpoints"):
        assert call("GET", f"{stack.api}{path}", headers=headers).status == 200, path
    assert call("GET", f"{stack.api}/api/v1/nothing", headers=headers).status == 404
