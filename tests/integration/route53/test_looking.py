"""Reading operations and domains at Route 53. A fault raises ProviderUnavailableError."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import (
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ReadTimeoutError,
)
from botocore.stub import ANY

from hosting_orders.adapters.route53.registrar import Route53Registrar
from hosting_orders.domain.errors import ProviderUnavailableError
from hosting_orders.domain.registration import (
    DomainAction,
    RegistrarStatus,
)
from local.aws_standin import Body
from tests.integration.route53.stubs import REQUEST, SUBMITTED, Stubbed, client, detail

STATUSES = {
    "SUBMITTED": RegistrarStatus.RUNNING,
    "IN_PROGRESS": RegistrarStatus.RUNNING,
    "SUCCESSFUL": RegistrarStatus.SUCCEEDED,
    "FAILED": RegistrarStatus.FAILED,
    "ERROR": RegistrarStatus.FAILED,
}


@pytest.mark.parametrize(("word", "status"), STATUSES.items())
def test_each_status_of_route_53_is_translated(stubbed: Stubbed, word: str, status: RegistrarStatus) -> None:
    stubbed.asking.add_response(
        "get_operation_detail", detail(Status=word, StatusFlag="PENDING_SUPPORT_CASE")
    )
    if word == "ERROR":
        stubbed.not_ours()

    operation = stubbed.registrar.operation("op-1")

    assert operation is not None
    assert (operation.status, operation.flag) == (status, "PENDING_SUPPORT_CASE")
    assert (operation.name, operation.action) == ("bakery.com", DomainAction.REGISTER)
    assert operation.submitted_at == int(SUBMITTED.timestamp() * 1000)


def test_every_status_in_botocores_model_is_tested() -> None:
    assert set(client().meta.service_model.shape_for("OperationStatus").enum) == set(STATUSES)


@pytest.mark.parametrize(
    "answer",
    [
        detail(Type="CHANGE_DOMAIN_OWNER"),
        detail(Status="SOMETHING_NEW"),
        detail(OperationId="op-2"),
        {"OperationId": "op-1"},
        {},
    ],
)
def test_an_unreadable_operation_is_a_fault(stubbed: Stubbed, answer: dict[str, Any]) -> None:
    stubbed.asking.add_response("get_operation_detail", answer)

    with pytest.raises(ProviderUnavailableError):
        stubbed.registrar.operation("op-1")


def test_refused_details_of_a_listed_domain_are_a_fault(stubbed: Stubbed) -> None:
    stubbed.asking.add_client_error("get_domain_detail", "InvalidInput", "the name can't be read just now")
    stubbed.asking.add_response(
        "list_domains",
        {"Domains": [{"DomainName": "bakery.com.ar"}], "NextPageMarker": "2"},
        {"FilterConditions": [ANY], "MaxItems": 100},
    )
    stubbed.asking.add_response(
        "list_domains",
        {"Domains": [{"DomainName": "bakery.com"}]},
        {"FilterConditions": [ANY], "MaxItems": 100, "Marker": "2"},
    )

    with pytest.raises(ProviderUnavailableError):
        stubbed.registrar.domain("bakery.com")


def test_a_longer_domain_with_the_same_start_is_not_a_match(
    stubbed: Stubbed,
) -> None:
    stubbed.asking.add_client_error("get_domain_detail", "InvalidInput", "Domain not found in 1 account.")
    stubbed.asking.add_response("list_domains", {"Domains": [{"DomainName": "bakery.com.ar"}]})

    assert stubbed.registrar.domain("bakery.com") is None


def test_an_operation_listed_without_a_domain_is_found(stubbed: Stubbed) -> None:
    nameless = {name: value for name, value in detail().items() if name != "DomainName"}
    stubbed.asking.add_response("list_operations", {"Operations": [nameless]})
    stubbed.asking.add_response("get_operation_detail", detail(), {"OperationId": "op-1"})

    (found,) = stubbed.registrar.find("bakery.com", DomainAction.REGISTER, 0)
    assert found.id == "op-1"


def test_a_refused_list_is_a_fault(stubbed: Stubbed) -> None:
    stubbed.asking.add_client_error("list_operations", "InvalidInput", "no such page")
    stubbed.asking.add_client_error("get_domain_detail", "InvalidInput", "not found")
    stubbed.asking.add_client_error("list_domains", "InvalidInput", "no such filter")

    with pytest.raises(ProviderUnavailableError):
        stubbed.registrar.find("bakery.com", DomainAction.REGISTER, 0)
    with pytest.raises(ProviderUnavailableError):
        stubbed.registrar.domain("bakery.com")


def test_an_endless_list_is_a_fault(stubbed: Stubbed) -> None:
    for _ in range(2):
        stubbed.asking.add_response("list_operations", {"Operations": [], "NextPageMarker": "again"})

    with pytest.raises(ProviderUnavailableError):
        stubbed.registrar.find("bakery.com", DomainAction.REGISTER, 0)


def test_a_domain_with_incomplete_details_is_found(stubbed: Stubbed) -> None:
    stubbed.asking.add_response("get_domain_detail", {"DomainName": "BAKERY.com"})

    domain = stubbed.registrar.domain("bakery.com")

    assert domain is not None
    assert (domain.name, domain.nameservers, domain.expires_at) == ("bakery.com", (), None)


LOOKS: dict[str, Callable[[Route53Registrar], object]] = {
    "availability": lambda registrar: registrar.availability("bakery.com"),
    "transferability": lambda registrar: registrar.transferability("bakery.com", "k3y"),
    "submit": lambda registrar: registrar.submit(REQUEST),
    "find": lambda registrar: registrar.find("bakery.com", DomainAction.REGISTER, 0),
    "operation": lambda registrar: registrar.operation("op-1"),
    "domain": lambda registrar: registrar.domain("bakery.com"),
}
BREAKAGES: dict[str, Exception | tuple[int, bytes]] = {
    "no connection": EndpointConnectionError(endpoint_url="https://registrar"),
    "no connection in time": ConnectTimeoutError(endpoint_url="https://registrar"),
    "no answer in time": ReadTimeoutError(endpoint_url="https://registrar"),
    "no credentials": NoCredentialsError(),
    "a reset": ConnectionResetError("reset"),
    "a page": (200, b"<html>no healthy upstream</html>"),
    "a proxy's page": (502, b"<html>no healthy upstream</html>"),
    "a list": (200, b"[]"),
    "nothing": (200, b""),
    "another encoding": (200, b"\xff\xfe"),
    "a refusal without a code": (400, b"{}"),
}


@pytest.mark.parametrize("breakage", BREAKAGES.values(), ids=BREAKAGES.keys())
@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS.keys())
def test_no_request_is_repeated_after_a_broken_connection(
    look: Callable[[Route53Registrar], object], breakage: Exception | tuple[int, bytes]
) -> None:
    asking = client()
    sent: list[str] = []

    def break_it(request: Any, **_: Any) -> Any:
        sent.append(request.url)
        if isinstance(breakage, Exception):
            raise breakage
        status, body = breakage
        return AWSResponse(request.url, status, {"Content-Type": "application/x-amz-json-1.1"}, Body(body))

    asking.meta.events.register("before-send.route-53-domains", break_it)

    with pytest.raises(ProviderUnavailableError):
        look(Route53Registrar(asking, asking, pause=lambda seconds: None))
    assert len(sent) == 1
