"""Lambda functions are named after their use cases, and the names of the domain's errors end in Error."""

from __future__ import annotations

import inspect
import re

import pytest

from hosting_orders.domain import errors
from tests.structure.project import PACKAGE, function_folders, listed

# `reconcile` processes many kinds of objects, so it has no noun.
VERB_NOUN = re.compile(r"[a-z]+(_[a-z0-9]+)+|reconcile")

# Functions without a use case of their own, with the reason.
WITHOUT_A_USE_CASE = {
    "answer_mcp": "one address for all tools of agents; each tool has its use case",
    "describe_mcp": "it reads only a setting; separate because it needs no key and so has no rights",
    "answer_unknown_route": "it only returns a 404 in the contract's format",
    "receive_platform_webhook": "it passes the operation to provision_hosting, which waits for it",
    "place_order": "it places a cart with one site, so it uses place_cart",
    "order_domains": "separate for its rights to order domains; it uses place_cart",
    "read_orders": "separate so it has only the right to read orders",
    "read_statuses": "separate because it also counts requests",
    "read_tlds": "it only reads; separate from read_orders because it also loads the registries' rules",
}


def folders_that_are_no_use_case(folders: list[str], use_cases: set[str]) -> list[str]:
    """Return the complaints about these folders' names."""
    problems = [
        f"functions/{folder} is not a verb and a noun"
        for folder in folders
        if not VERB_NOUN.fullmatch(folder)
    ]
    return problems + [
        f"functions/{folder} has no use case usecases/{folder}.py"
        for folder in folders
        if folder not in use_cases and folder not in WITHOUT_A_USE_CASE
    ]


def errors_with_other_names(names: list[str]) -> list[str]:
    return [f"{name} must end in Error" for name in names if not re.fullmatch(r"[A-Z][A-Za-z]+Error", name)]


def use_cases() -> set[str]:
    return {path.stem for path in (PACKAGE / "usecases").glob("*.py")}


def test_every_function_is_named_after_its_use_case() -> None:
    folders = function_folders()
    assert folders, "there are no functions"
    problems = folders_that_are_no_use_case(folders, use_cases())
    assert not problems, listed(problems)


def test_the_name_of_every_domain_error_ends_in_error() -> None:
    names = [
        name for name, found in inspect.getmembers(errors, inspect.isclass) if issubclass(found, Exception)
    ]
    assert len(names) > 1
    problems = errors_with_other_names(names)
    assert not problems, listed(problems)


@pytest.mark.parametrize(
    ("folder", "complaint"),
    [
        ("charge_cart", "functions/charge_cart has no use case usecases/charge_cart.py"),
        ("orders", "functions/orders is not a verb and a noun"),
        ("ChargeOrder", "functions/ChargeOrder is not a verb and a noun"),
    ],
)
def test_a_wrong_folder_name_is_noticed(folder: str, complaint: str) -> None:
    assert complaint in folders_that_are_no_use_case([folder], {"charge_order", "orders"})


def test_a_good_name_passes() -> None:
    assert folders_that_are_no_use_case(["charge_order", "answer_unknown_route"], {"charge_order"}) == []
    assert errors_with_other_names(["PaymentFailedError"]) == []


def test_a_wrong_error_name_is_noticed() -> None:
    assert errors_with_other_names(["PaymentFailed"]) == ["PaymentFailed must end in Error"]
