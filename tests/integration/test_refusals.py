"""The response when an endpoint refuses a caller or an order: status, code and fields of the body."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from hosting_orders import bootstrap
from hosting_orders.contracts.operation import Access, Operation
from hosting_orders.contracts.orders_v2.operations import CONTRACT
from hosting_orders.domain import errors
from hosting_orders.domain.account import Account, Credential, CredentialKind
from hosting_orders.domain.codes import Code
from hosting_orders.entrypoints.http import Call, Reply, serves
from hosting_orders.usecases.authenticate import hash_key
from hosting_orders.usecases.ports import Services

ACCOUNT = Account("acc_1", "One", "EUR", "retail", created_at=0, updated_at=0)
CREDENTIALS = {
    hash_key(kind.value): Credential(
        hash_key(kind.value),
        kind.value,
        kind,
        (ACCOUNT.id,),
        user_id=None if kind is CredentialKind.SYSTEM else "usr_1",
    )
    for kind in CredentialKind
}


@pytest.fixture(autouse=True)
def services() -> Iterator[None]:
    directory = SimpleNamespace(credential=CREDENTIALS.get, account={ACCOUNT.id: ACCOUNT}.get)
    counts = SimpleNamespace(add=lambda bucket, ends_at, number: 1)
    key_uses = SimpleNamespace(note=lambda key_hash, now: None)
    clock = SimpleNamespace(now=lambda: 0)
    bootstrap.use(SimpleNamespace(directory=directory, counts=counts, key_uses=key_uses, clock=clock))
    yield
    bootstrap.use(None)


def answer(handler: Callable[[Any, Any], Any], key: str, account: str | None = ACCOUNT.id) -> Any:
    headers = {"Authorization": f"Bearer {key}"}
    if account:
        headers["X-Auth-Account"] = account
    http = {"method": "POST", "path": "/api/x", "sourceIp": "203.0.113.7"}
    found = handler({"routeKey": "POST /api/x", "headers": headers, "requestContext": {"http": http}}, None)
    return {**found, "body": json.loads(found["body"])}


def operation(**access: bool) -> Operation[Any]:
    return Operation(route="POST /api/x", heading="Try", contract=CONTRACT, access=Access(**access))


@serves(operation(user=True))
def for_persons(call: Call[Any], services: Services) -> Reply:
    return Reply(200, {"user": call.caller.user_id})


def refused_with(error: Exception) -> Any:
    @serves(operation())
    def handler(call: Call[Any], services: Services) -> Reply:
        raise error

    return answer(handler, "user")


def test_an_operation_for_users_accepts_a_users_key() -> None:
    found = answer(for_persons, "user")
    assert (found["statusCode"], found["body"]) == (200, {"user": "usr_1"})


@pytest.mark.parametrize(
    ("key", "account", "status", "code"),
    [
        ("unknown", None, 401, "unauthorized"),
        ("oauth", None, 403, "oauth_not_allowed"),
        ("system", None, 401, "user_required"),
        ("system", ACCOUNT.id, 401, "user_required"),
        ("user", None, 400, "missing_account"),
    ],
)
def test_C13_O2_114_the_checks_of_the_caller_have_a_fixed_sequence(
    key: str, account: str | None, status: int, code: str
) -> None:
    found = answer(for_persons, key, account)
    assert (found["statusCode"], found["body"]["code"]) == (status, code)
    assert ("WWW-Authenticate" in found["headers"]) is (status == 401)


def test_an_operation_that_needs_no_user_accepts_a_system_key() -> None:
    @serves(operation())
    def handler(call: Call[Any], services: Services) -> Reply:
        return Reply(200, {})

    assert answer(handler, "system")["statusCode"] == 200


def test_O2_116_a_disabled_feature_gets_a_503_without_retry_after() -> None:
    found = refused_with(errors.FeatureDisabledError("Domain registration is switched off."))
    assert (found["statusCode"], found["body"]["code"]) == (503, "feature_disabled")
    assert found["body"]["errors"] == ["Domain registration is switched off."]
    assert "Retry-After" not in found["headers"]


def test_an_unreadable_feature_switch_gets_503_with_retry_after() -> None:
    found = refused_with(errors.ProviderUnavailableError("AppConfig: timed out"))
    assert (found["statusCode"], found["body"]["code"]) == (503, "temporarily_unavailable")
    assert found["headers"]["Retry-After"] == "5"
    assert "AppConfig" not in json.dumps(found["body"])


@pytest.mark.parametrize("code", [Code.DOMAIN_UNAVAILABLE, Code.DOMAIN_ADD_FAILED])
def test_O2_149_a_refused_domain_gets_a_422_that_names_its_field(code: Code) -> None:
    found = refused_with(errors.DomainRefusedError(code, "example.com is taken.", "/name"))
    assert (found["statusCode"], found["body"]["code"]) == (422, code)
    assert found["body"]["details"] == [
        {"code": code, "message": "example.com is taken.", "pointer": "/name"}
    ]


@pytest.mark.parametrize(
    ("code", "member"),
    [
        (Code.DOMAIN_CONTACT_INVALID, "violations"),
        (Code.DOMAIN_CONTACT_NEEDS_AUGMENTATION, "needs_augmentation"),
    ],
)
def test_O2_151_O2_152_a_refusal_of_contacts_lists_all_findings(code: Code, member: str) -> None:
    findings: list[dict[str, object]] = [
        {"pointer": "/contact/state", "message": "a province"},
        {"pointer": "/contact/phone", "message": "a number"},
    ]
    found = refused_with(errors.ContactsRefusedError(code, "The contact does not fit .es.", findings))
    assert (found["statusCode"], found["body"]["code"]) == (422, code)
    assert found["body"][member] == findings
    assert [detail.get("pointer") for detail in found["body"]["details"]] == [
        None,
        "/contact/state",
        "/contact/phone",
    ]
    assert {"violations", "needs_augmentation"} & set(found["body"]) == {member}
