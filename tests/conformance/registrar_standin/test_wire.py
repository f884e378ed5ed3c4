"""The registrar stand-in speaks Route 53 Domains' protocol. These tests check the stand-in's requests and
responses against botocore's service model.

The checker in this file is independent of the stand-in's own checker.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import boto3
import botocore.session
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from hosting_orders.adapters.route53 import tlds
from hosting_orders.adapters.route53.registrar import Route53Registrar
from hosting_orders.domain.errors import ProviderUnavailableError, ProvisioningFailedError
from hosting_orders.domain.money import Money
from hosting_orders.domain.registration import Contact, Contacts, DomainAction, RegistrationRequest
from local.registrar_standin import RegistrarStandIn
from local.registrar_standin.names import PRICES, WITHOUT_AUTH_CODE
from local.registrar_standin.wire import ModelMismatchError, written

MODEL = botocore.session.Session().get_service_model("route53domains")
TYPES = {
    "string": str,
    "boolean": bool,
    "integer": int,
    "double": (int, float),
    "timestamp": (int, float),  # epoch seconds in AWS JSON 1.1
    "list": list,
    "structure": dict,
}

ANN = Contact("Ann", "Vries", "Street 1", "1015 DV", "Amsterdam", "NL", "ann@post.example", "+31.201234567")
ITALIAN = replace(ANN, country="IT", extra={"nationality": "IT", "pin": "VRSNNA80A41H501X"})


@dataclass
class Exchange:
    operation: str
    sent: dict[str, Any]
    status: int
    answered: dict[str, Any]


def unfit(shape: Any, value: Any, where: str) -> Iterator[str]:
    if not isinstance(value, TYPES[shape.type_name]):
        yield f"{where} is {type(value).__name__}, not {shape.type_name}"
    elif shape.type_name == "structure":
        yield from (f"{where}.{name} is missing" for name in shape.required_members if name not in value)
        for name, member in value.items():
            if name in shape.members:
                yield from unfit(shape.members[name], member, f"{where}.{name}")
            else:
                yield f"{where}.{name} is unknown"
    elif shape.type_name == "list":
        for position, member in enumerate(value):
            yield from unfit(shape.member, member, f"{where}[{position}]")
    elif shape.type_name == "string" and shape.enum and value not in shape.enum:
        yield f"{where} is {value!r}"


def recorded(standin: RegistrarStandIn) -> list[Exchange]:
    exchanges: list[Exchange] = []
    answer = standin.answer

    def note(headers: Any, body: Any) -> Any:
        reply = answer(headers, body)
        operation = headers["x-amz-target"].rpartition(".")[2]
        exchanges.append(Exchange(operation, json.loads(body), reply.status, json.loads(reply.body)))
        return reply

    standin.answer = note  # type: ignore[method-assign]
    return exchanges


def whole_repertoire(standin: RegistrarStandIn) -> None:
    """Make the adapter check, register, transfer and read domains, with as many different responses as possible."""
    registrar = Route53Registrar(*standin.clients(), pause=lambda seconds: None)
    everybody = Contacts(ANN, replace(ANN, organization="Post BV"), ANN, ANN)
    for prefix in ("", "taken-", "reserved-", "premium-", "slow-check-", "public-", "locked-", "young-"):
        registrar.availability(f"{prefix}bakery.com")
        registrar.transferability(f"{prefix}bakery.com", "k3y")
    registrar.transferability("bakery.com", None)
    registrar.transferability("elsewhere-bakery.com", "wrong")
    registrar.availability("bakery.zz")
    ordered = [
        RegistrationRequest("bakery.com", DomainAction.REGISTER, 2, everybody, max_cost=Money(1500, "USD")),
        RegistrationRequest("panificio.it", DomainAction.REGISTER, 1, Contacts(ITALIAN, ANN, ANN, ANN)),
        RegistrationRequest("badcontact-bakery.com", DomainAction.REGISTER, 1, everybody),
        RegistrationRequest("action-bakery.de", DomainAction.REGISTER, 1, everybody),
        RegistrationRequest("public-bakery.com", DomainAction.REGISTER, 1, everybody),
        RegistrationRequest("bakery.org", DomainAction.TRANSFER, 1, everybody, auth_code="k3y"),
    ]
    for request in ordered:
        operation_id = registrar.submit(request)
        with pytest.raises(ProviderUnavailableError):
            registrar.submit(request)
        while True:
            found = registrar.operation(operation_id)
            assert found is not None
            registrar.find(request.name, request.action, 0)
            registrar.domain(request.name)
            if found.status != "running":
                break
            standin.advance(request.name)
    registrar.operation("no-such-operation")
    with pytest.raises(ProvisioningFailedError):
        registrar.submit(RegistrationRequest("gone-bakery.com", DomainAction.REGISTER, 1, everybody))
    with pytest.raises(ProvisioningFailedError):
        registrar.submit(RegistrationRequest("taken-bakery.com", DomainAction.REGISTER, 1, everybody))


def test_requests_and_responses_fit_the_service_model() -> None:
    standin = RegistrarStandIn(delay=None, transfer_delay=None)
    exchanges = recorded(standin)

    whole_repertoire(standin)

    assert {exchange.operation for exchange in exchanges} == {
        "CheckDomainAvailability",
        "CheckDomainTransferability",
        "RegisterDomain",
        "TransferDomain",
        "ListOperations",
        "GetOperationDetail",
        "GetDomainDetail",
        "ListDomains",
    }
    for exchange in exchanges:
        operation = MODEL.operation_model(exchange.operation)
        assert not list(unfit(operation.input_shape, exchange.sent, exchange.operation))
        if exchange.status == 200:
            assert not list(unfit(operation.output_shape, exchange.answered, exchange.operation))
        else:
            code = exchange.answered["__type"].rpartition("#")[2]
            assert code in {shape.name for shape in operation.error_shapes}, exchange
            assert exchange.answered["message"]


def test_boto3_reads_every_member_of_a_response() -> None:
    standin = RegistrarStandIn(now=lambda: 1_767_225_600.25, delay=0)
    client, _ = standin.clients()
    Route53Registrar(client, client).submit(
        RegistrationRequest("bakery.com", DomainAction.REGISTER, 1, Contacts(ANN, ANN, ANN, ANN))
    )
    exchanges = recorded(standin)

    detail = client.get_domain_detail(DomainName="bakery.com")
    operations = client.list_operations()["Operations"]
    prices = client.list_prices(Tld="com")["Prices"]

    assert set(detail) - {"ResponseMetadata"} == set(exchanges[0].answered)
    assert detail["CreationDate"].timestamp() == 1_767_225_600.25
    assert operations[0]["SubmittedDate"].timestamp() == 1_767_225_600.25
    assert set(operations[0]) == set(exchanges[1].answered["Operations"][0])
    assert prices[0]["RegistrationPrice"] == {"Price": 15.0, "Currency": "USD"}


def test_the_stand_in_never_sends_a_response_outside_the_model() -> None:
    with pytest.raises(ModelMismatchError, match="Availability"):
        written("CheckDomainAvailability", {"Availability": "MAYBE"})
    with pytest.raises(ModelMismatchError, match="Price"):
        written("CheckDomainAvailability", {"Availability": "AVAILABLE", "Price": {"Currency": "USD"}})
    with pytest.raises(ModelMismatchError, match="Surprise"):
        written("RegisterDomain", {"OperationId": "1", "Surprise": "!"})


def unchecked_client(standin: RegistrarStandIn, region: str = "us-east-1") -> Any:
    """A client that also sends invalid requests, because boto3 does not validate them here."""
    client = boto3.client(
        "route53domains",
        region_name=region,
        aws_access_key_id="local",
        aws_secret_access_key="local",
        config=Config(parameter_validation=False, retries={"total_max_attempts": 1}),
    )
    standin.attach(client)
    return client


def contact(**changes: Any) -> dict[str, Any]:
    return {
        "FirstName": "Ann",
        "LastName": "Vries",
        "ContactType": "PERSON",
        "AddressLine1": "Street 1",
        "City": "Amsterdam",
        "CountryCode": "NL",
        "ZipCode": "1015 DV",
        "PhoneNumber": "+31.201234567",
        "Email": "ann@post.example",
        **changes,
    }


def order(name: str = "bakery.com", **changes: Any) -> dict[str, Any]:
    given = {
        "DomainName": name,
        "DurationInYears": 1,
        "RegistrantContact": contact(),
        "AdminContact": contact(),
        "TechContact": contact(),
        **changes,
    }
    return {member: value for member, value in given.items() if value is not None}


BAD_ORDERS = {
    "no years": (order(DurationInYears=None), "DurationInYears"),
    "too many years": (order(DurationInYears=11), "DurationInYears"),
    "years as text": (order(DurationInYears="1"), "DurationInYears"),
    "no technician": (order(TechContact=None), "TechContact"),
    "no country of this world": (order(RegistrantContact=contact(CountryCode="XX")), "CountryCode"),
    "no such contact type": (order(RegistrantContact=contact(ContactType="ROBOT")), "ContactType"),
    "no such extra": (
        order(RegistrantContact=contact(ExtraParams=[{"Name": "SHOE_SIZE", "Value": "43"}])),
        "Name",
    ),
    "a long address": (order(RegistrantContact=contact(AddressLine1="x" * 256)), "AddressLine1"),
    "an odd phone number": (order(RegistrantContact=contact(PhoneNumber="0201234567")), "phone"),
    "a company without a name": (order(RegistrantContact=contact(ContactType="COMPANY")), "OrganizationName"),
    "no state in America": (order(RegistrantContact=contact(CountryCode="US")), "State"),
    "mixed privacy": (order(PrivacyProtectAdminContact=False), "same"),
    "no consent to a premium price": (order("premium-bakery.com"), "premium"),
    "consent in another currency": (order(Consent={"MaxPrice": 99.0, "Currency": "EUR"}), "USD"),
    "an Italian without a tax number": (order("panificio.it"), "IT_PIN"),
    "a sub-domain of a TLD": (order("bakery"), "label"),
    "an underscore": (order("my_bakery.com"), "label"),
}


@pytest.mark.parametrize(("given", "told"), BAD_ORDERS.values(), ids=BAD_ORDERS.keys())
def test_an_invalid_registration_starts_no_operation(given: dict[str, Any], told: str) -> None:
    standin = RegistrarStandIn()

    with pytest.raises(ClientError, match=told) as refusal:
        unchecked_client(standin).register_domain(**given)

    assert refusal.value.response["Error"]["Code"] == "InvalidInput"
    assert not standin.operations


def test_a_valid_registration_is_accepted() -> None:
    standin = RegistrarStandIn()

    assert unchecked_client(standin).register_domain(**order())["OperationId"]


def test_the_api_exists_in_one_region_only() -> None:
    client = unchecked_client(RegistrarStandIn(), region="eu-west-1")

    with pytest.raises(ClientError, match="region") as refusal:
        client.check_domain_availability(DomainName="bakery.com")
    assert refusal.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_unsigned_and_unknown_requests_are_refused() -> None:
    standin = RegistrarStandIn()

    unsigned = standin.answer({"x-amz-target": "Route53Domains_v20140515.ListDomains"}, b"{}")
    assert unsigned.status == 403

    scope = "AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/route53domains/aws4_request, SignedHeaders=host"
    elsewhere = {"x-amz-target": "Route53Domains_v20140515.DeleteEverything", "authorization": scope}
    assert json.loads(standin.answer(elsewhere, b"{}").body)["__type"] == "UnknownOperationException"


# -- the adapter's requirements on its client ---------------------------------------------------------------


def test_the_adapter_refuses_a_client_with_retries() -> None:
    repeating = boto3.client(
        "route53domains", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x"
    )

    with pytest.raises(ValueError, match="total_max_attempts"):
        Route53Registrar(repeating, repeating)


# -- registry requirements ----------------------------------------------------------------------------------


def examples() -> list[Any]:
    return [
        pytest.param(tld, given, id=f"{tld}-{number}")
        for tld in sorted(tlds.known())
        for number, given in enumerate(tlds.facts(tld).examples)
    ]


@pytest.mark.parametrize(("tld", "given"), examples())
def test_each_example_contact_in_the_tld_data_is_accepted(tld: str, given: dict[str, Any]) -> None:
    fields = dict(given)
    owner = Contact(extra=fields.pop("extra_properties", {}), **fields)
    standin = RegistrarStandIn()

    Route53Registrar(*standin.clients()).submit(
        RegistrationRequest(f"bakery.{tld}", DomainAction.REGISTER, 1, Contacts(owner, owner, owner, owner))
    )

    assert standin.submissions(f"bakery.{tld}") == 1


def always_demanded() -> list[tuple[str, str]]:
    """(TLD, property) for each extra property that the TLD data requires of every owner."""
    return [
        (tld, name)
        for tld in sorted(tlds.known())
        for rule in tlds.facts(tld).rules
        if "if" not in rule
        for name in rule.get("properties", {}).get("extra_properties", {}).get("required", ())
    ]


@pytest.mark.parametrize(("tld", "name"), always_demanded())
def test_extra_properties_in_the_tld_data_are_required(tld: str, name: str) -> None:
    fields = dict(tlds.facts(tld).examples[0])
    extra = {key: value for key, value in fields.pop("extra_properties").items() if key != name}
    owner = Contact(extra=extra, **fields)
    standin = RegistrarStandIn()

    with pytest.raises(ProvisioningFailedError, match=tlds.extra_param_name(tld, name)):
        Route53Registrar(*standin.clients()).submit(
            RegistrationRequest(f"bakery.{tld}", DomainAction.REGISTER, 1, Contacts(owner, ANN, ANN, ANN))
        )


def test_the_stand_in_sells_every_tld_in_the_tld_data() -> None:
    assert tlds.known() <= set(PRICES)
    assert {tld for tld in tlds.known() if not tlds.facts(tld).authcode_required} <= WITHOUT_AUTH_CODE
