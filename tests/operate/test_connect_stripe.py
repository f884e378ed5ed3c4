"""`make connect-stripe` against Stripe's stand-in and Secrets Manager in moto."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest
import stripe

from hosting_orders.adapters.stripe.client import StripeApi
from hosting_orders.adapters.stripe.webhooks import EVENTS, StripeWebhooks
from local.stripe_standin.sdk_types import params
from operate import connect_stripe as command
from operate.errors import OperateError
from operate.stripe_keys import RIGHTS, is_live
from tests.structure.project import PACKAGE, ROOT
from tests.support.deployed import TEST_KEY, WEBHOOK_URL, Deployed, a_deployed_stack

RESTRICTED = "rk_test_of_the_operator"


@pytest.fixture
def deployed() -> Iterator[Deployed]:
    with a_deployed_stack() as deployed:
        yield deployed


def connect(deployed: Deployed, key: str = TEST_KEY, *, agreed: bool = False, **stack: Any) -> None:
    command.connect_stripe(
        deployed.account, replace(deployed.stack, **stack), key, lambda question: agreed, deployed.said.append
    )


def client_of(deployed: Deployed) -> stripe.StripeClient:
    return stripe.StripeClient(TEST_KEY, base_addresses={"api": deployed.stripe.url})


def test_the_first_run_creates_the_endpoint(
    deployed: Deployed,
) -> None:
    connect(deployed)
    (endpoint,) = deployed.endpoints()
    assert (endpoint["url"], endpoint["status"]) == (WEBHOOK_URL, "enabled")
    assert sorted(endpoint["enabled_events"]) == sorted(EVENTS)
    assert endpoint["api_version"] == stripe.api_version
    assert endpoint["metadata"] == {"stack": "shop-prod"}
    secret = deployed.stripe.state.endpoint_secrets[endpoint["id"]]
    assert deployed.stored() == {
        "api_key": TEST_KEY,
        "webhook_secrets": secret,
        "webhook_endpoint": endpoint["id"],
    }
    assert not any(TEST_KEY in line or secret in line for line in deployed.said)


def test_a_second_run_repairs_the_endpoints_settings(deployed: Deployed) -> None:
    connect(deployed)
    (endpoint,) = deployed.endpoints()
    change: Any = {"enabled_events": ["invoice.paid"], "disabled": True}
    client_of(deployed).v1.webhook_endpoints.update(endpoint["id"], change)
    before = deployed.stored()
    connect(deployed)
    assert deployed.stored() == before
    (again,) = deployed.endpoints()
    assert (again["id"], again["status"]) == (endpoint["id"], "enabled")
    assert sorted(again["enabled_events"]) == sorted(EVENTS)


def test_a_new_public_address_changes_the_endpoints_url(deployed: Deployed) -> None:
    connect(deployed)
    before = deployed.stored()
    connect(deployed, outputs={"StripeWebhookUrl": "https://shop.example/webhooks/stripe"})
    assert [each["url"] for each in deployed.endpoints()] == ["https://shop.example/webhooks/stripe"]
    assert deployed.stored() == before


def test_an_endpoint_with_an_unknown_secret_is_replaced(deployed: Deployed) -> None:
    """The endpoint was made in the dashboard, or an earlier run stopped before it stored the secret."""
    lost = client_of(deployed).v1.webhook_endpoints.create({"url": WEBHOOK_URL, "enabled_events": ["*"]})
    connect(deployed)
    (endpoint,) = deployed.endpoints()
    assert endpoint["id"] != lost.id
    assert deployed.stored()["webhook_endpoint"] == endpoint["id"]


def test_a_new_api_version_keeps_the_old_signing_secret(
    deployed: Deployed,
) -> None:
    connect(deployed)
    old = deployed.stored()
    with deployed.stripe.state.lock:
        deployed.stripe.state.get("webhook_endpoint", old["webhook_endpoint"])["api_version"] = (
            "2025-01-27.acacia"
        )
    connect(deployed)
    (endpoint,) = deployed.endpoints()
    new = deployed.stripe.state.endpoint_secrets[endpoint["id"]]
    assert endpoint["api_version"] == stripe.api_version
    assert deployed.stored()["webhook_secrets"] == f"{new},{old['webhook_secrets']}"


@pytest.mark.parametrize("step", ["create", "store", "delete"])
def test_a_crash_at_any_step_loses_no_event(
    deployed: Deployed, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the crash, Stripe still has an endpoint whose secret is stored. The next run completes the work."""
    connect(deployed)
    first = deployed.stored()["webhook_endpoint"]
    with deployed.stripe.state.lock:
        deployed.stripe.state.get("webhook_endpoint", first)["api_version"] = "2025-01-27.acacia"
    if step == "store":
        monkeypatch.setattr(command, "write_secret", crash)
    else:
        method = "POST" if step == "create" else "DELETE"
        deployed.stripe.controls.add_fault(
            "error", "/v1/webhook_endpoints.*", method=method, times=3, after=0
        )
    if step == "create":
        # The fault must hit the creation of the endpoint. So skip the check of the rights, which sends a POST first.
        monkeypatch.setattr(command, "_check_rights", lambda client: None)
    with pytest.raises((OperateError, KeyboardInterrupt)):
        connect(deployed)
    monkeypatch.undo()
    deployed.stripe.controls.clear_faults()
    assert receives_what_it_can_verify(deployed)
    connect(deployed)
    assert receives_what_it_can_verify(deployed)
    (endpoint,) = deployed.endpoints()
    assert endpoint["api_version"] == stripe.api_version


def crash(*_: Any) -> None:
    raise KeyboardInterrupt


def receives_what_it_can_verify(deployed: Deployed) -> bool:
    stored = deployed.stored()["webhook_secrets"].split(",")
    secrets = deployed.stripe.state.endpoint_secrets
    return any(secrets[endpoint["id"]] in stored for endpoint in deployed.endpoints())


def test_an_endpoint_with_another_address_is_not_deleted(deployed: Deployed) -> None:
    other = client_of(deployed).v1.webhook_endpoints.create(
        {"url": "https://other.example/hook", "enabled_events": ["*"], "metadata": {"stack": "shop-prod"}}
    )
    connect(deployed)
    connect(deployed)
    assert other.id in [endpoint["id"] for endpoint in deployed.endpoints()]


# -- keys -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("pk_test_abcdefgh", "publishable"),
        ("whsec_abcdefgh", "signing secret"),
        ("", "not a secret or restricted key"),
        ("sk_test_", "not a secret or restricted key"),
        ("sk_prod_abcdefgh", "not a secret or restricted key"),
    ],
)
def test_only_a_secret_or_restricted_key_is_accepted(deployed: Deployed, key: str, reason: str) -> None:
    with pytest.raises(OperateError, match=reason) as refusal:
        connect(deployed, key)
    assert not key or key not in str(refusal.value)
    assert deployed.stored() == {}


@pytest.mark.parametrize(
    "parameter", ["StripeApiBase", "RegistrarEndpoint", "LightsailEndpoint", "AllowLoopbackCallbacks"]
)
def test_a_stack_with_stand_ins_refuses_a_live_key(deployed: Deployed, parameter: str) -> None:
    value = "true" if parameter == "AllowLoopbackCallbacks" else "http://127.0.0.1:1"
    with pytest.raises(OperateError, match=parameter):
        connect(deployed, "sk_live_abcdefgh", parameters={parameter: value})
    assert deployed.stored() == {}


def test_a_change_from_test_to_live_mode_must_be_confirmed(deployed: Deployed) -> None:
    connect(deployed)
    before = deployed.stored()
    with pytest.raises(OperateError, match="Nothing was changed"):
        connect(deployed, "sk_live_abcdefgh", parameters={})
    assert deployed.stored() == before


def test_a_key_of_another_account_must_be_confirmed(deployed: Deployed) -> None:
    connect(deployed)
    before = deployed.stored()
    client_of(deployed).v1.webhook_endpoints.delete(before["webhook_endpoint"])
    with pytest.raises(OperateError, match="Nothing was changed"):
        connect(deployed, "sk_test_of_another_account")
    assert deployed.stored() == before
    connect(deployed, "sk_test_of_another_account", agreed=True)
    assert deployed.stored()["api_key"] == "sk_test_of_another_account"


def test_a_new_key_of_the_same_account_keeps_the_endpoint(deployed: Deployed) -> None:
    connect(deployed)
    before = deployed.stored()
    connect(deployed, "sk_test_rotated_key")
    assert deployed.stored() == {**before, "api_key": "sk_test_rotated_key"}


def test_a_restricted_key_with_all_rights_is_accepted(deployed: Deployed) -> None:
    deployed.stripe.controls.set_rights(RESTRICTED, {right.path: right.access for right in RIGHTS})
    connect(deployed, RESTRICTED)
    assert deployed.stored()["api_key"] == RESTRICTED


@pytest.mark.parametrize("missing", RIGHTS, ids=lambda right: right.path)
def test_a_missing_right_is_named_and_nothing_is_stored(deployed: Deployed, missing: Any) -> None:
    rights = {right.path: right.access for right in RIGHTS if right is not missing}
    if missing.access == "write":
        rights[missing.path] = "read"
    deployed.stripe.controls.set_rights(RESTRICTED, rights)
    with pytest.raises(OperateError) as refusal:
        connect(deployed, RESTRICTED)
    assert re.findall(r"^  (.+?):", str(refusal.value), re.MULTILINE) == [missing.name]
    assert (deployed.stored(), deployed.endpoints()) == ({}, [])


# -- the lists of events and rights ---------------------------------------------------------------------------


def test_the_events_exist_and_do_not_delay_invoices() -> None:
    """Stripe delays the invoices of renewals while it cannot deliver `invoice.created`."""
    (kinds,) = get_args(params("WebhookEndpointCreateParams")["enabled_events"])
    known = set(get_args(kinds))
    assert set(EVENTS) <= known - {"*"}
    assert not {"invoice.created", "invoice.updated", "invoice.finalized"} & set(EVENTS)


@pytest.mark.parametrize("kind", EVENTS)
def test_the_adapter_understands_each_event(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(StripeWebhooks, "_verify", lambda *_: None)
    subject = {"id": "obj_1", "invoice": "in_1", "payment_intent": "pi_1"}
    event = {"id": "evt_1", "object": "event", "type": kind, "data": {"object": subject}}
    read = StripeWebhooks(StripeApi("sk_test_x"), ()).read_event(json.dumps(event).encode(), "")
    assert read.reference or read.payment_id or read.subscription_id


def test_the_rights_match_the_adapter_s_requests() -> None:
    """The key needs a right for each resource that the adapter uses. Changes need `write`. Other calls need `read`."""
    text = "".join(path.read_text() for path in (PACKAGE / "adapters" / "stripe").glob("*.py"))
    wanted: dict[str, str] = {}
    for resource, method in re.findall(r"\bv1\.([a-z_.]+)\.(\w+)\(", text):
        path = resource.removesuffix(".line_items").replace(".", "/").replace("invoice_payments", "invoices")
        reads = method in ("list", "retrieve", "search", "preview")
        wanted[path] = "read" if reads and wanted.get(path) != "write" else "write"
    given = {right.path: right.access for right in RIGHTS}
    # The pattern does not find the rights that expanded objects, inline prices and `make connect-stripe` itself need.
    extra = {"payment_intents": "read", "prices": "write", "webhook_endpoints": "write"}
    assert given == {**wanted, **extra}


def test_docs_go_live_lists_the_rights() -> None:
    page = (Path(ROOT) / "docs" / "go-live.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([A-Za-z ]+) \| (Read|Write) \|", page, re.MULTILINE)
    assert rows == [(right.name, right.access.capitalize()) for right in RIGHTS]


def test_live_and_test_keys_are_distinguished() -> None:
    assert is_live("sk_live_abcdefgh") and is_live("rk_live_abcdefgh")
    assert not is_live("sk_test_abcdefgh") and not is_live("rk_test_abcdefgh")
