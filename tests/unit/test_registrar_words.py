"""Route 53's status flags and failure messages become our enums and sentences."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.loaders import Loader

from hosting_orders.adapters.dynamodb.plain import from_plain, to_plain
from hosting_orders.adapters.route53.operations import read_operation
from hosting_orders.domain.domain_record import Submission
from hosting_orders.domain.registration import DomainAction, Refusal, RegistrarWaits, why_it_failed

FLAGS = Loader().load_service_model("route53domains", "service-2")["shapes"]["StatusFlag"]["enum"]
DETAIL: dict[str, Any] = {
    "OperationId": "op-1",
    "DomainName": "example.com",
    "Type": "REGISTER_DOMAIN",
    "Status": "IN_PROGRESS",
    "SubmittedDate": datetime(2026, 11, 26, tzinfo=UTC),
}


@pytest.mark.parametrize("flag", FLAGS)
def test_every_flag_of_route_53_has_a_value_in_our_enum(flag: str) -> None:
    waits = read_operation({**DETAIL, "StatusFlag": flag}).flag
    assert waits not in (None, RegistrarWaits.OTHER)


def test_an_unknown_flag_of_route_53_is_read_as_other() -> None:
    assert read_operation({**DETAIL, "StatusFlag": "PENDING_MOON"}).flag is RegistrarWaits.OTHER
    assert read_operation(DETAIL).flag is None


@pytest.mark.parametrize("waits", RegistrarWaits)
def test_a_stored_flag_is_read_back(waits: RegistrarWaits) -> None:
    stored = to_plain(Submission(1, 2, 3, waits))
    assert stored["flag"] == waits.value
    assert from_plain(Submission, stored) == Submission(1, 2, 3, waits)


def test_an_unknown_stored_flag_is_read_as_other() -> None:
    stored = {**to_plain(Submission(1, 2, 3)), "flag": "PENDING_MOON"}
    assert from_plain(Submission, stored).flag is RegistrarWaits.OTHER


@pytest.mark.parametrize(
    ("said", "action", "sentence"),
    [
        (
            "The authorization code is not valid",
            DomainAction.TRANSFER,
            "The domain could not be transferred. The auth code was not accepted.",
        ),
        (
            "The registry refused the registrant contact: … …",
            DomainAction.REGISTER,
            "The domain could not be registered. The registry did not accept a contact.",
        ),
        (
            "Invalid phone number",
            DomainAction.REGISTER,
            "The domain could not be registered. The registry did not accept a contact.",
        ),
        (
            "gone-ann.com is not available",
            DomainAction.REGISTER,
            "The domain could not be registered. Another registrant has registered the domain in the meantime.",
        ),
        (
            "The domain is LOCKED",
            DomainAction.TRANSFER,
            "The domain could not be transferred. The domain is locked at its current registrar.",
        ),
        (
            "The losing registrar denied it",
            DomainAction.TRANSFER,
            "The domain could not be transferred. "
            "The transfer was rejected by the current registrar or the registrant.",
        ),
        (
            "Something else",
            DomainAction.TRANSFER,
            "The domain could not be transferred: its registry refused.",
        ),
        ("", DomainAction.REGISTER, "The domain could not be registered: its registry refused."),
    ],
)
def test_a_refusal_is_shown_as_our_own_sentence(said: str, action: DomainAction, sentence: str) -> None:
    operation = read_operation({**DETAIL, "Status": "FAILED", "Message": said})
    assert why_it_failed(action, operation.refusal) == sentence


def test_every_refusal_has_its_own_sentence() -> None:
    sentences = {why_it_failed(DomainAction.REGISTER, refusal) for refusal in Refusal}
    assert len(sentences) == len(Refusal)
