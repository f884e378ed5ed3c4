"""Domain orders on the whole local stack: the commands in docs/domains.md, carts, lost responses and renewals."""

from __future__ import annotations

import json
import re
import subprocess
import time
import uuid
from pathlib import Path
from typing import Any

from local.client import call
from local.demo import DemoAccounts
from local.demo_domains import CONTACT
from local.logs import log_lines
from local.paths import ROOT
from local.stack import Stack
from tests.e2e.test_orders import ENDS, PATIENCE_SECONDS, Client

PAGE = (ROOT / "docs" / "domains.md").read_text()
FIRST_BLOCK = re.findall(r"```sh\n(.*?)```", PAGE, re.S)[0]
LINES = re.findall(r"^\| \d{3} \| `(\w+)` \| `(.*)` \|$", PAGE, re.M)
CONTRACT_CODES = {
    *(
        "user_required",
        "feature_disabled",
        "trial_account",
        "invalid_action",
        "invalid_domain",
        "unsupported_tld",
    ),
    *("pricing_unavailable", "authcode_required", "incomplete_contact", "invalid_contact"),
    *("invalid_contact_source", "no_default_payment_method", "domain_unavailable", "domain_add_failed"),
    *("domain_contact_invalid", "domain_contact_needs_augmentation", "cart_pay_failed"),
}


def test_docs_domains_has_every_error_code_of_the_contract() -> None:
    assert {code for code, _ in LINES} >= CONTRACT_CODES


def test_every_line_of_docs_domains_produces_its_error(
    stack: Stack, accounts: DemoAccounts, tmp_path: Path
) -> None:
    (tmp_path / ".local").symlink_to(stack.state, target_is_directory=True)
    for folder in (".venv", "local", "layers", "operate"):
        (tmp_path / folder).symlink_to(ROOT / folder, target_is_directory=True)
    first = """domain '"name": "my-first-name.com", '"$CONTACT" > /dev/null\n"""
    lines = "\n".join(f"echo '#### {code}'; {line}" for code, line in LINES)
    ran = subprocess.run(
        ["bash", "-c", f"{FIRST_BLOCK}\n{first}{lines}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stderr == ""
    answers = [part.partition("\n") for part in ran.stdout.split("#### ")[1:]]
    assert [code for code, _, _ in answers] == [code for code, _ in LINES]
    for code, _, answer in answers:
        assert json.loads(answer)["code"] == code, answer


def domain(name: str) -> dict[str, Any]:
    return {"domain": {"name": name, "contact": CONTACT}}


def until_the_cart_ends(client: Client, path: str) -> Any:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        cart = client.get(path)
        if (
            all(order["status"] in ENDS for order in cart["orders"])
            and cart["cart"]["rollup_status"] != "processing"
        ):
            return cart
        assert time.monotonic() < deadline, cart
        time.sleep(0.2)


def test_only_the_failed_order_of_a_cart_is_refunded(stack: Stack, accounts: DemoAccounts) -> None:
    client = Client(stack, accounts, "ready")
    before = client.money()
    tail = uuid.uuid4().hex[:6]
    site = {"name": "Shop", "variant": "vanilla", "location": "ams", "plan": "basic", "term": "monthly"}
    items = [{"site": site}, domain(f"shop-{tail}.com"), domain(f"lost-{tail}.com")]
    answer = call("POST", f"{stack.api}/api/carts", {"items": items}, headers=client.headers)
    assert answer.status == 202, answer.body

    cart = until_the_cart_ends(client, answer.json()["cart"]["poll_url"])

    assert [order["status"] for order in cart["orders"]] == ["completed", "completed", "failed"]
    assert cart["cart"]["rollup_status"] == "partial"
    lost = client.get(cart["orders"][2]["poll_url"])
    assert lost["payment"]["refunded_cents"] == 1200
    assert lost["failure"]["code"] == "registration_failed"
    after = client.money()
    from_card = after["net_paid"] - before["net_paid"]
    from_credit = after["balance"] - before["balance"]
    assert from_card + from_credit == 2400  # the prices of the delivered site and domain


def test_a_domain_is_registered_once_after_a_lost_response(stack: Stack, accounts: DemoAccounts) -> None:
    client = Client(stack, accounts, "ready")
    name = f"answer-{uuid.uuid4().hex[:6]}.com"
    fault = {"operation": "RegisterDomain", "answer": "lose", "times": 1}
    assert call("POST", f"{stack.registrar}/_standin/faults", fault).status == 200
    answer = call("POST", f"{stack.api}/api/orders/domain", domain(name), headers=client.headers)
    assert answer.status == 202, answer.body
    path = answer.json()["orders"][0]["poll_url"]

    shown = client.until(path, *ENDS)

    assert shown["domain"]["status"] == "active", shown
    assert shown["payment"]["refunded_cents"] == 0
    books = call("GET", f"{stack.registrar}/_standin/state").json()
    taken = [one for one in books["operations"] if one["name"] == name]
    assert len(taken) == 1, taken
    said = "\n".join(log_lines(stack.state, shown["order"]["id"]))
    assert "found the registration whose answer was lost" in said
    assert CONTACT["email"] not in said
    assert CONTACT["street_address"] not in said


def test_a_paid_renewal_adds_a_year_at_the_registrar(stack: Stack, accounts: DemoAccounts) -> None:
    client = Client(stack, accounts, "ready")
    name = f"year-{uuid.uuid4().hex[:6]}.com"
    answer = call("POST", f"{stack.api}/api/orders/domain", domain(name), headers=client.headers)
    path = answer.json()["orders"][0]["poll_url"]
    before = client.until(path, *ENDS)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while "subscription" not in before:  # the renewal begins after the delivery
        assert time.monotonic() < deadline, before
        time.sleep(0.2)
        before = client.get(path)

    renew = {"subscription": before["subscription"]["stripe_id"]}
    assert call("POST", f"{stack.stripe}/_standin/renew", renew).status == 200

    after = before
    while after["domain"]["expires_at"] == before["domain"]["expires_at"]:
        assert time.monotonic() < deadline, after
        time.sleep(0.2)
        after = client.get(path)
    years = [int(shown["domain"]["expires_at"][:4]) for shown in (before, after)]
    assert years[1] == years[0] + 1
    assert after["order"]["status"] == "completed"
    books = call("GET", f"{stack.registrar}/_standin/state").json()
    asked = [one for one in books["operations"] if (one["name"], one["type"]) == (name, "RENEW_DOMAIN")]
    assert len(asked) == 1
