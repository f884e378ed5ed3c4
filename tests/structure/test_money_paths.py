"""Which functions can move money or delete a customer's site, according to the imports and the template."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping

import pytest

from tests.structure.project import (
    Source,
    functions,
    granted,
    parse,
    project_modules,
    read_template,
    references,
)
from tests.support import permissions

USE_CASES = "hosting_orders.usecases."

# Use case → the only modules of use cases that may import it, and the only functions that may reach it.
GUARDED = {
    "refund_order": ({"reconcile"}, {"refund_order", "reconcile"}),
    "start_renewal": ({"reconcile"}, {"reconcile"}),
    "renew_domain": ({"reconcile"}, {"reconcile"}),
    "invoiced_terms": ({"reconcile", "renew_domain"}, {"reconcile"}),
}
# Port of the services → the only modules of use cases that may call it.
PORTS = {
    "refunds": {"refund_order"},
    "renewals": {"start_renewal", "renew_domain", "invoiced_terms"},
    "payment_news": {"receive_stripe_webhook"},
    "platform": {"platform_delivery", "provision_hosting"},
}
# Method of a product (usecases/products/fulfilment.py) → the only use cases that may call it. Every function that
# places orders loads the product's module, but must neither deliver the product nor take it back.
DONE_BY = {
    "ask": {"provision_hosting", "reconcile"},
    "verdict": {"refund_order"},
    "abandoned": {"refund_order"},
    "take_back": {"refund_order"},
}
HOLDERS = {
    "PlatformSecret": {"provision_hosting", "receive_platform_webhook", "refund_order", "reconcile"},
    "StripeSecret": {
        *("place_order", "preview_order", "order_domains", "answer_mcp", "receive_stripe_webhook"),
        *("charge_order", "refund_order", "reconcile"),
    },
}


def imports_of(sources: Iterable[Source]) -> dict[str, set[str]]:
    listed = list(sources)
    known = {source.module for source in listed}
    return {
        source.module: {
            module
            for found in source.imports
            if not found.for_types
            for module in (found.target, found.target.rpartition(".")[0])
            if module in known
        }
        for source in listed
    }


def reached(imports: Mapping[str, set[str]], start: str) -> set[str]:
    found: set[str] = set()
    to_visit = [start]
    while to_visit:
        module = to_visit.pop()
        if module not in found:
            found.add(module)
            to_visit.extend(imports.get(module, ()))
    return found


def forbidden_imports(imports: Mapping[str, set[str]], guarded: str) -> list[str]:
    target = USE_CASES + guarded
    importers, reachers = GUARDED[guarded]
    problems = [
        f"{module} imports {guarded}"
        for module, targets in imports.items()
        if target in targets
        and module.startswith(USE_CASES)
        and module.removeprefix(USE_CASES) not in importers
    ]
    return problems + [
        f"the function {module.split('.')[1]} reaches {guarded}"
        for module in imports
        if module.startswith("functions.")
        and module.split(".")[1] not in reachers
        and target in reached(imports, module)
    ]


@pytest.mark.parametrize("guarded", GUARDED)
def test_only_the_listed_code_reaches_refunds_and_renewals(guarded: str) -> None:
    assert forbidden_imports(imports_of(project_modules()), guarded) == []


def test_an_indirect_import_of_refund_order_is_noticed() -> None:
    sources = [
        parse("hosting_orders.usecases.refund_order", ""),
        parse("hosting_orders.usecases.settle_payment", "from .refund_order import refund_order"),
        parse(
            "functions.place_order.app", "from hosting_orders.usecases.settle_payment import settle_payment"
        ),
    ]
    assert forbidden_imports(imports_of(sources), "refund_order") == [
        "hosting_orders.usecases.settle_payment imports refund_order",
        "the function place_order reaches refund_order",
    ]


@pytest.mark.parametrize("secret", HOLDERS)
def test_only_the_listed_functions_may_use_a_secret(secret: str) -> None:
    template = read_template()
    holders = {
        properties["CodeUri"].removeprefix("functions/")
        for properties in functions(template).values()
        if secret in references(granted(template, properties))
    }
    assert holders == HOLDERS[secret]


def test_only_the_listed_functions_have_rights_to_machines() -> None:
    building = {"provision_hosting", "reconcile"}
    for right, wanted in (
        ("lightsail:CreateInstances", building),
        ("lightsail:TagResource", building),
        ("lightsail:DeleteInstance", {*building, "refund_order"}),
        ("lightsail:ReleaseStaticIp", {*building, "refund_order"}),
    ):
        assert {folder for folder in permissions.held() if right in permissions.allowed(folder)} == wanted


def askers(sources: Iterable[Source], port: str) -> set[str]:
    return {
        source.module.removeprefix(USE_CASES)
        for source in sources
        if source.module.startswith(USE_CASES)
        and any(f".{name.name}.".startswith(f".services.{port}.") for name in source.names)
    }


@pytest.mark.parametrize("port", PORTS)
def test_only_the_listed_use_cases_call_a_guarded_port(port: str) -> None:
    assert askers(project_modules(), port) == PORTS[port]


def test_a_call_of_the_refunds_port_is_noticed() -> None:
    source = parse(
        USE_CASES + "cancel_order", "def cancel(services):\n    services.refunds.refund('in_1', '1', 'o')"
    )
    assert askers([source], "refunds") == {"cancel_order"}


def doers(sources: Iterable[Source], act: str) -> set[str]:
    return {
        source.module.removeprefix(USE_CASES)
        for source in sources
        if source.module.startswith(USE_CASES)
        and any(
            isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == act
            for node in ast.walk(ast.parse(source.text))
        )
    }


@pytest.mark.parametrize("act", DONE_BY)
def test_only_the_listed_use_cases_deliver_or_take_back_products(act: str) -> None:
    assert doers(project_modules(), act) == DONE_BY[act]


def test_a_call_of_take_back_is_noticed() -> None:
    source = parse(
        USE_CASES + "place_cart", "def _lost(order):\n    fulfilment(order.kind).take_back(services, order)"
    )
    assert doers([source], "take_back") == {"place_cart"}
