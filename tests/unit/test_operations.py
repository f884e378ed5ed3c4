"""The published operations are complete, and an OpenAPI generator can read them."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from pydantic import TypeAdapter

from hosting_orders.contracts import published, webhooks
from hosting_orders.contracts.operation import Access, Operation
from hosting_orders.contracts.order_page import operations as order_page
from hosting_orders.contracts.orders_v2 import operations as orders_v2
from hosting_orders.contracts.orders_v2 import requests
from hosting_orders.domain.codes import Code

OPERATIONS = [operation for module in published.PUBLISHED for operation in module.OPERATIONS]


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.route)
def test_an_operation_has_a_heading_and_responses_or_errors(operation: Operation[Any]) -> None:
    assert re.fullmatch(r"(GET|POST|PATCH|DELETE) /[a-z0-9/{}._-]+", operation.route)
    assert operation.heading[0].isupper()
    # HTML pages have no schema.
    pages = operation.contract is order_page.CONTRACT
    assert (operation.answers is None) is (operation.render is None or pages)
    assert operation.render is not None or operation.refuses


@pytest.mark.parametrize(
    "operation", [each for each in OPERATIONS if each.answers], ids=lambda operation: operation.route
)
def test_a_response_has_a_json_schema(operation: Operation[Any]) -> None:
    schema = TypeAdapter(operation.answers).json_schema(mode="serialization")
    assert schema["type"] == "object"
    assert schema["properties"]


def test_a_response_schema_marks_optional_and_null_fields() -> None:
    schema = TypeAdapter(orders_v2.SHOW_ORDER.answers).json_schema(mode="serialization")
    assert {"order", "tasks", "payment", "account", "user", "cancellation"} == set(schema["required"])
    assert {"site", "domain", "vm", "subscription", "callback", "failure"} == set(schema["properties"]) - set(
        schema["required"]
    )
    password = schema["$defs"]["SshData"]["properties"]["password"]
    assert [each["type"] for each in password["anyOf"]] == ["string", "null"]
    assert schema["$defs"]["SshData"]["description"].startswith("`password` is null")


@pytest.mark.parametrize("operation", [requests.PLACE_ORDER, requests.ORDER_DOMAIN, requests.PLACE_CART])
def test_a_request_body_has_a_json_schema(operation: Operation[Any]) -> None:
    assert operation.takes is not None
    schema = TypeAdapter(operation.takes.model).json_schema()
    assert schema["additionalProperties"] is False
    assert schema["required"]


def test_an_operations_error_codes_follow_from_its_declaration() -> None:
    shown = set(orders_v2.SHOW_ORDER.codes)
    assert {
        Code.INSUFFICIENT_SCOPE,
        Code.MISSING_ACCOUNT,
        Code.NOT_FOUND,
        Code.UNSUPPORTED_API_VERSION,
    } <= shown
    assert not {Code.OAUTH_NOT_ALLOWED, Code.USER_REQUIRED, Code.MALFORMED_JSON} & shown
    ordered = set(orders_v2.ORDER_DOMAIN.codes)
    assert {Code.OAUTH_NOT_ALLOWED, Code.USER_REQUIRED, Code.IDEMPOTENCY_KEY_REUSED} <= ordered
    assert not {Code.INSUFFICIENT_SCOPE, Code.NOT_FOUND} & ordered
    assert Code.MISSING_ACCOUNT not in orders_v2.SHOW_ABOUT.codes
    assert set(webhooks.RECEIVE_STRIPE_WEBHOOK.codes) == {
        *(Code.INVALID_SIGNATURE, Code.MALFORMED_BODY, Code.INTERNAL_ERROR, Code.TEMPORARILY_UNAVAILABLE)
    }


def test_every_error_code_is_declared_by_an_operation() -> None:
    # A request to an unknown path gets NOT_FOUND although it belongs to no operation. Some operations declare NOT_FOUND
    # too, so the sets are equal.
    assert {code for operation in OPERATIONS for code in operation.codes} == set(Code)


@pytest.mark.parametrize("code", list(Code))
def test_an_error_code_has_a_status_a_heading_and_a_text(code: Code) -> None:
    assert code == code.name.lower()
    assert 400 <= code.status < 600
    assert code.heading[0].isupper()
    assert code.about.endswith(".")


def test_a_changed_operation_has_its_own_error_codes() -> None:
    open_to_tokens = replace(orders_v2.CANCEL_ORDER, access=Access(scope="billing:write"))
    assert Code.OAUTH_NOT_ALLOWED in orders_v2.CANCEL_ORDER.codes
    assert Code.OAUTH_NOT_ALLOWED not in open_to_tokens.codes
