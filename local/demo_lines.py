"""The last lines of `make run`: the addresses of everything, and commands to paste into a second shell."""

from __future__ import annotations

import json
import shlex
import shutil
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

from hosting_orders.domain.ids import parse_order_id
from local.aws import REGION
from local.demo import SAMPLE_ACCOUNT, DemoAccounts, Sample
from local.demo_domains import CONTACT
from local.stack import Stack
from local.terminal import Terminal


def show_how_to_go_on(stack: Stack, accounts: DemoAccounts, sample: Sample, terminal: Terminal) -> None:
    terminal.heading("Addresses")
    terminal.fact("API", stack.api)
    terminal.fact("Stripe", f"{stack.stripe}/" if stack.stripe else "Stripe's own test mode")
    terminal.fact("hosting platform", f"{stack.platform}/")
    terminal.fact("Lightsail", f"{stack.lightsail}/")
    terminal.fact("registrar", f"{stack.registrar}/")
    terminal.fact("callbacks", f"{stack.callbacks}/")
    terminal.fact("OAuth issuer", f"{stack.issuer}/")
    terminal.fact("AWS", f"{stack.aws.endpoint}  (region {REGION}, any credentials, table {stack.table})")
    terminal.fact("demo accounts", str(stack.state / "demo.json"))
    terminal.line(
        "The stand-ins' addresses are pages. Open one in a browser to see its data and to make requests"
    )
    terminal.line("fail.")
    terminal.heading("To try it yourself, paste this into a second shell, then any of the commands below")
    for line in _preparation(stack.api, accounts[SAMPLE_ACCOUNT]):
        terminal.line(line)
    for title, line in _lines(stack, sample):
        terminal.line()
        terminal.line(f"{title}:")
        terminal.line(line)
    terminal.line()


def _preparation(api: str, account: Mapping[str, str]) -> Iterator[str]:
    yield f"export API={api} ACCOUNT={account['id']} KEY={account['user_key']} KEY_V1={account['user_key_v1']}"
    yield f"export KEY_000={account['api_key_000']} KEY_001={account['api_key_001']}"
    yield f"export AGENT={account['agent_key']}"
    yield f"export CONTACT={shlex.quote(json.dumps(CONTACT))}"
    yield f"pretty() {{ {_prettier()}; }}"
    yield (
        'api() { ROUTE=$1; shift; curl -s "$API$ROUTE" -H "Authorization: Bearer $KEY" -H "X-Auth-Account: $ACCOUNT" '
        "-H 'Content-Type: application/json' \"$@\" | pretty; }"
    )
    call = '{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "\'$1\'", "arguments": \'"$2"\'}}'
    yield (
        'tool() { curl -s "$API/mcp" -H "Authorization: Bearer $AGENT" -H \'Content-Type: application/json\' '
        f"-d '{call}' | pretty; }}"
    )


def _prettier() -> str:
    if shutil.which("jq"):
        return "jq ."
    if shutil.which("python3"):
        return "python3 -m json.tool --no-ensure-ascii"
    return "cat"


def _lines(stack: Stack, sample: Sample) -> Iterator[tuple[str, str]]:
    yield "The sample order", f"api /api/orders/{sample.order_id}"
    yield "Its cart", f"api {sample.cart_path}"
    yield "Every order of the account", "api /api/orders"
    yield "Another site", _post("/api/orders", _quoted({"site": {**sample.site, "name": "my-own-site"}}))
    domain = '{"domain": {"name": "my-own-domain.com", "contact": '
    yield "A domain", _post("/api/orders/domain", f"'{domain}'\"$CONTACT\"'}}}}'")
    machine = {
        "vm": {
            "hostname": "my-own-server.example.com",
            "plan": "vps-1",
            "image": "debian-13",
            "location": "ams",
            "term": "monthly",
        }
    }
    yield "A virtual machine", _post("/api/carts", _quoted({"items": [machine]}))
    yield "The sample order in version 1 of the API", f"KEY=$KEY_V1 api /api/orders/{sample.order_id}"
    status = f'curl -s "$API/api/v1/orders/{sample.order_id}" -H "Authorization: Bearer $KEY_000" | pretty'
    yield "The sample order in contract 000", status
    number = parse_order_id(sample.order_id)
    billing = f'curl -s "$API/api/billing/order/{number}" -H "X-API-Key: $KEY_001" | pretty'
    yield "The sample order in contract 001", billing
    yield "The callbacks received", f"curl -s {stack.callbacks}/received | pretty"
    user = f"usr_{SAMPLE_ACCOUNT}"
    yield (
        "An OAuth token for a user of the account",
        f"curl -s {stack.issuer}/token -d user={user} -d account=$ACCOUNT | pretty",
    )
    yield (
        "What an agent sees of the sample order",
        f"tool get_order_status {_quoted({'order': sample.order_id})}",
    )
    yield (
        "An agent's quote (docs/agents.md orders with it)",
        f"tool quote_order {_quoted({'items': [machine]})}",
    )


def _post(path: str, body: str) -> str:
    return f"api {path} -H 'Idempotency-Key: {uuid.uuid4()}' -d {body}"


def _quoted(document: Any) -> str:
    return shlex.quote(json.dumps(document))
