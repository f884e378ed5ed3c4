"""What each answer of Route 53 Domains means to us: the table of errors, on botocore's Stubber.

What the port promises as a whole is in tests/conformance/test_registrar_contract.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from botocore.exceptions import (
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ReadTimeoutError,
)
from botocore.stub import ANY, Stubber

from hosting_orders.adapters.route53.client import PENDING_ATTEMPTS
from hosting_orders.adapters.route53.registrar import Route53Registrar
from hosting_orders.domain.errors import ProviderUnavailableError, ProvisioningFailedError
from hosting_orders.domain.money import Money
from hosting_orders.domain.registration import (
    Availability,
    Contact,
    Contacts,
    DomainAction,
    RegistrarStatus,
    RegistrationRequest,
)
from local.registrar_standin.standin import _Body

ANN = Contact(
    first_name="Ann",
    last_name="de Vries",
    street_address="Prinsengracht 1",
    post_code="1015 DV",
    city="Amsterdam",
    country="NL",
    email="ann@post.example",
    phone="+31.201234567",
)
REQUEST = RegistrationRequest("bakery.com", DomainAction.REGISTER, 1, Contacts(ANN, ANN, ANN, ANN))
TRANSFER = replace(REQUEST, action=DomainAction.TRANSFER, auth_code="s3cret-code")
SUBMITTED = datetime(2026, 1, 1, tzinfo=UTC)


def client() -> Any:
    return boto3.client(
        "route53domains",
        region_name="us-east-1",
        aws_access_key_id="x",
        aws_secret_access_key="x",
        config=Config(retries={"mode": "standard", "total_max_attempts": 1}),
    )


@dataclass
class Stubbed:
    registrar: Route53Registrar
    asking: Stubber
    submitting: Stubber
    pauses: list[float]

    def not_ours(self) -> None:
        """The answers to a look: the name is not in our account."""
        self.asking.add_client_error(
            "get_domain_detail", "InvalidInput", "Domain bakery.com  not found in 1 account."
        )
        self.asking.add_response("list_domains", {"Domains": []})


@pytest.fixture
def stubbed() -> Iterator[Stubbed]:
    asking, submitting = client(), client()
    pauses: list[float] = []
    with Stubber(asking) as ask, Stubber(submitting) as submit:
        yield Stubbed(Route53Registrar(asking, submitting, pause=pauses.append), ask, submit, pauses)
        ask.assert_no_pending_responses()
        submit.assert_no_pending_responses()


# -- submitting ----------------------------------------------------------------------------------------------

REFUSED = ["InvalidInput", "TLDRulesViolation", "UnsupportedTLD", "ValidationException"]
UNCLEAR = [
    ("DuplicateRequest", 400),
    ("OperationLimitExceeded", 400),
    ("DomainLimitExceeded", 400),
    ("TLDInMaintenance", 400),
    ("ThrottlingException", 400),
    ("TooManyRequestsException", 429),
    ("AccessDeniedException", 400),
    ("ExpiredTokenException", 400),
    ("UnrecognizedClientException", 400),
    ("InternalFailure", 500),
    ("ServiceUnavailable", 503),
    ("InvalidInput", 500),  # no word of the registrar's, whatever it is called
    ("SomethingNew", 400),
]


@pytest.mark.parametrize("action", list(DomainAction))
@pytest.mark.parametrize("code", REFUSED)
def test_a_refusal_ends_the_order_with_the_registrars_words(
    stubbed: Stubbed, code: str, action: DomainAction
) -> None:
    method = "register_domain" if action is DomainAction.REGISTER else "transfer_domain"
    stubbed.submitting.add_client_error(method, code, "The registry wants no such name.", 400)

    with pytest.raises(ProvisioningFailedError, match=r"The registry wants no such name\."):
        stubbed.registrar.submit(replace(TRANSFER, action=action))


@pytest.mark.parametrize(("code", "status"), UNCLEAR)
def test_whatever_settles_nothing_is_a_fault(stubbed: Stubbed, code: str, status: int) -> None:
    stubbed.submitting.add_client_error("register_domain", code, "Hm.", status)

    with pytest.raises(ProviderUnavailableError, match=code):
        stubbed.registrar.submit(REQUEST)


def test_an_answer_without_an_operation_is_a_fault(stubbed: Stubbed) -> None:
    stubbed.submitting.add_response("register_domain", {})

    with pytest.raises(ProviderUnavailableError):
        stubbed.registrar.submit(REQUEST)


def test_privacy_is_given_up_only_where_the_registrar_refuses_it(stubbed: Stubbed) -> None:
    said = "Invalid request. Problems: Privacy protection is not supported for TLD [com]"
    stubbed.submitting.add_client_error("register_domain", "InvalidInput", said)
    sent: list[dict[str, Any]] = []
    stubbed.registrar._submitting.meta.events.register(
        "provide-client-params.route-53-domains.RegisterDomain", lambda params, **_: sent.append(params)
    )
    stubbed.submitting.add_response("register_domain", {"OperationId": "op-1"})

    assert stubbed.registrar.submit(REQUEST) == "op-1"
    assert [params["PrivacyProtectRegistrantContact"] for params in sent] == [True, False]


def test_what_boto3_itself_refuses_was_never_sent_and_ends_the_order(stubbed: Stubbed) -> None:
    nobody = replace(ANN, first_name=b"Ann")  # type: ignore[arg-type]
    registrar = Route53Registrar(stubbed.registrar._asking, client())

    with pytest.raises(ProvisioningFailedError) as refusal:
        registrar.submit(replace(REQUEST, contacts=Contacts(nobody, ANN, ANN, ANN)))
    assert "Ann" not in str(refusal.value)


CONSENTS = {
    Money(1500, "USD"): {"MaxPrice": 15.0, "Currency": "USD"},
    Money(1999, "usd"): {"MaxPrice": 19.99, "Currency": "USD"},
    Money(2500, "JPY"): {"MaxPrice": 2500.0, "Currency": "JPY"},
}


@pytest.mark.parametrize(("cost", "consent"), CONSENTS.items(), ids=str)
def test_the_most_we_pay_is_said_in_major_units(
    stubbed: Stubbed, cost: Money, consent: dict[str, Any]
) -> None:
    expected = {
        "DomainName": "bakery.com",
        "DurationInYears": 2,
        "AutoRenew": False,
        "Consent": consent,
        **{f"{role}Contact": ANY for role in ("Registrant", "Admin", "Tech", "Billing")},
        **{f"PrivacyProtect{role}Contact": True for role in ("Registrant", "Admin", "Tech", "Billing")},
    }
    stubbed.submitting.add_response("register_domain", {"OperationId": "op-1"}, expected)

    assert stubbed.registrar.submit(replace(REQUEST, years=2, max_cost=cost)) == "op-1"


def test_an_auth_code_goes_with_a_transfer_only(stubbed: Stubbed) -> None:
    sent: list[dict[str, Any]] = []
    stubbed.registrar._submitting.meta.events.register(
        "provide-client-params.route-53-domains.*", lambda params, **_: sent.append(params)
    )
    stubbed.submitting.add_response("register_domain", {"OperationId": "op-1"})
    stubbed.submitting.add_response("transfer_domain", {"OperationId": "op-2"})

    stubbed.registrar.submit(replace(TRANSFER, action=DomainAction.REGISTER))
    stubbed.registrar.submit(TRANSFER)

    assert [params.get("AuthCode") for params in sent] == [None, "s3cret-code"]


# -- personal data -------------------------------------------------------------------------------------------

TEXTS = {
    "Email ann@post.example is blocked": "Email … is blocked",
    "Contact ANN de vries of Prinsengracht 1, 1015 DV Amsterdam is on a list": "Contact … … of …, … … is on a list",
    "Bad phone +31.201234567, also 0031 20 123 45 67": "Bad phone …, also …",
    "AuthCode s3cret-code is wrong": "AuthCode … is wrong",
    "Domain bakery.com is not available": "Domain bakery.com is not available",
    "Annual limit for Vriesland": "Annual limit for Vriesland",
    "Account 111122223333 may not": "Account … may not",
}


@pytest.mark.parametrize(("said", "told"), TEXTS.items())
def test_texts_lose_what_is_personal_and_keep_the_rest(stubbed: Stubbed, said: str, told: str) -> None:
    stubbed.submitting.add_client_error("transfer_domain", "InvalidInput", said)

    with pytest.raises(ProvisioningFailedError) as refusal:
        stubbed.registrar.submit(TRANSFER)
    assert str(refusal.value) == f"the registrar refused the domain: {told}"


def test_a_long_text_is_cut(stubbed: Stubbed) -> None:
    stubbed.submitting.add_client_error("register_domain", "InvalidInput", "no " * 1000)

    with pytest.raises(ProvisioningFailedError) as refusal:
        stubbed.registrar.submit(REQUEST)
    assert len(str(refusal.value)) < 400


# -- asking --------------------------------------------------------------------------------------------------


def price(amount: float, currency: str = "USD", **more: str) -> dict[str, Any]:
    return {"Price": {"Price": amount, "Currency": currency, **more}}


AVAILABILITIES = [
    ({"Availability": "AVAILABLE"}, Availability.AVAILABLE, None),
    ({"Availability": "AVAILABLE", **price(15.0)}, Availability.AVAILABLE, Money(1500, "USD")),
    ({"Availability": "AVAILABLE", **price(0.29)}, Availability.AVAILABLE, Money(29, "USD")),
    ({"Availability": "AVAILABLE", **price(1.005)}, Availability.AVAILABLE, Money(101, "USD")),
    ({"Availability": "AVAILABLE", **price(2500, "JPY")}, Availability.AVAILABLE, Money(2500, "JPY")),
    (
        {"Availability": "AVAILABLE", **price(2500.1, PriceType="REGISTRY_PREMIUM")},
        Availability.PREMIUM,
        Money(250_010, "USD"),
    ),
    (
        {"Availability": "AVAILABLE", **price(9.0, PriceType="STANDARD")},
        Availability.AVAILABLE,
        Money(900, "USD"),
    ),
    ({"Availability": "UNAVAILABLE_PREMIUM"}, Availability.PREMIUM, None),
    ({"Availability": "UNAVAILABLE"}, Availability.UNAVAILABLE, None),
    ({"Availability": "UNAVAILABLE_RESTRICTED"}, Availability.UNAVAILABLE, None),
    ({"Availability": "RESERVED"}, Availability.UNAVAILABLE, None),
    ({"Availability": "AVAILABLE_RESERVED"}, Availability.UNAVAILABLE, None),
    ({"Availability": "AVAILABLE_PREORDER"}, Availability.UNAVAILABLE, None),
    ({"Availability": "INVALID_NAME_FOR_TLD"}, Availability.UNAVAILABLE, None),
]


@pytest.mark.parametrize(("answer", "availability", "cost"), AVAILABILITIES)
def test_each_answer_about_a_name_has_its_meaning(
    stubbed: Stubbed, answer: dict[str, Any], availability: Availability, cost: Money | None
) -> None:
    stubbed.asking.add_response("check_domain_availability", answer)

    offer = stubbed.registrar.availability("bakery.com")

    assert (offer.availability, offer.cost) == (availability, cost)
    assert bool(offer.reason) == (availability is not Availability.AVAILABLE)


def test_every_word_for_availability_is_known() -> None:
    words = client().meta.service_model.shape_for("DomainAvailability").enum

    assert set(words) == {answer["Availability"] for answer, _, _ in AVAILABILITIES} | {
        "DONT_KNOW",
        "PENDING",
    }


@pytest.mark.parametrize("word", ["DONT_KNOW", "SOMETHING_NEW"])
def test_an_answer_that_says_nothing_is_a_fault(stubbed: Stubbed, word: str) -> None:
    stubbed.asking.add_response("check_domain_availability", {"Availability": word})

    with pytest.raises(ProviderUnavailableError):
        stubbed.registrar.availability("bakery.com")


def test_a_registry_that_stays_slow_is_a_fault_after_a_few_questions(stubbed: Stubbed) -> None:
    for _ in range(PENDING_ATTEMPTS):
        stubbed.asking.add_response("check_domain_availability", {"Availability": "PENDING"})

    with pytest.raises(ProviderUnavailableError):
        stubbed.registrar.availability("bakery.com")
    assert len(stubbed.pauses) == PENDING_ATTEMPTS - 1
    assert sum(stubbed.pauses) <= 5  # somebody waits for the answer


@pytest.mark.parametrize("code", ["TLDInMaintenance", "ThrottlingException"])
def test_a_registry_in_maintenance_is_a_fault(stubbed: Stubbed, code: str) -> None:
    stubbed.asking.add_client_error("check_domain_availability", code, "later")
    stubbed.asking.add_client_error("check_domain_transferability", code, "later")

    with pytest.raises(ProviderUnavailableError):
        stubbed.registrar.availability("bakery.com")
    with pytest.raises(ProviderUnavailableError):
        stubbed.registrar.transferability("bakery.com", "k3y")


TRANSFERABILITIES = [
    ("TRANSFERABLE", "", Availability.AVAILABLE, ""),
    ("Transferable", "", Availability.AVAILABLE, ""),  # the documentation spells it so, too
    ("PREMIUM_DOMAIN", "", Availability.PREMIUM, "premium"),
    ("DOMAIN_IN_OWN_ACCOUNT", "", Availability.UNAVAILABLE, "with us"),
    ("DOMAIN_IN_ANOTHER_ACCOUNT", "", Availability.UNAVAILABLE, "another account"),
    ("UNTRANSFERABLE", "", Availability.UNAVAILABLE, "transferred now"),
    ("UNTRANSFERABLE", "clientTransferProhibited", Availability.UNAVAILABLE, "unlock"),
    ("UNTRANSFERABLE", "Domain registered within the last 60 days", Availability.UNAVAILABLE, "60 days"),
    ("UNTRANSFERABLE", "Invalid authorization code", Availability.UNAVAILABLE, "current registrar"),
    ("UNTRANSFERABLE", "The domain is not registered", Availability.UNAVAILABLE, "register it instead"),
    ("UNTRANSFERABLE", "Call +31.201234567 first", Availability.UNAVAILABLE, "Call … first"),
]


@pytest.mark.parametrize(("word", "said", "availability", "reason"), TRANSFERABILITIES)
def test_each_answer_about_a_transfer_has_its_meaning(
    stubbed: Stubbed, word: str, said: str, availability: Availability, reason: str
) -> None:
    answer: dict[str, Any] = {
        "Transferability": {"Transferable": word},
        **({"Message": said} if said else {}),
    }
    given = {"DomainName": "bakery.com", "AuthCode": "k3y"}
    stubbed.asking.add_response("check_domain_transferability", answer, given)

    offer = stubbed.registrar.transferability("bakery.com", "k3y")

    assert offer.availability is availability
    assert reason in offer.reason


def test_every_word_for_transferability_is_known() -> None:
    words = client().meta.service_model.shape_for("Transferable").enum

    assert set(words) == {word.upper() for word, *_ in TRANSFERABILITIES} | {"DONT_KNOW", "PENDING"}


def test_a_refused_question_never_repeats_the_auth_code(stubbed: Stubbed) -> None:
    said = "AuthCode s3cret-code has odd characters"
    stubbed.asking.add_client_error("check_domain_transferability", "InvalidInput", said)

    offer = stubbed.registrar.transferability("bakery.com", "s3cret-code")

    assert offer.availability is Availability.UNAVAILABLE
    assert offer.reason == "AuthCode … has odd characters"


# -- looking -------------------------------------------------------------------------------------------------


def detail(**changes: Any) -> dict[str, Any]:
    return {
        "OperationId": "op-1",
        "Status": "IN_PROGRESS",
        "DomainName": "Bakery.com",
        "Type": "REGISTER_DOMAIN",
        "SubmittedDate": SUBMITTED,
        **changes,
    }


STATUSES = {
    "SUBMITTED": RegistrarStatus.RUNNING,
    "IN_PROGRESS": RegistrarStatus.RUNNING,
    "SUCCESSFUL": RegistrarStatus.SUCCEEDED,
    "FAILED": RegistrarStatus.FAILED,
    "ERROR": RegistrarStatus.FAILED,
}


@pytest.mark.parametrize(("word", "status"), STATUSES.items())
def test_each_status_has_its_meaning(stubbed: Stubbed, word: str, status: RegistrarStatus) -> None:
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


def test_every_status_is_known() -> None:
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
def test_an_operation_that_can_not_be_read_is_a_fault(stubbed: Stubbed, answer: dict[str, Any]) -> None:
    stubbed.asking.add_response("get_operation_detail", answer)

    with pytest.raises(ProviderUnavailableError):
        stubbed.registrar.operation("op-1")


def test_a_name_that_is_refused_but_listed_is_a_fault_and_no_absence(stubbed: Stubbed) -> None:
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


def test_a_longer_name_of_ours_is_not_this_one(stubbed: Stubbed) -> None:
    stubbed.asking.add_client_error("get_domain_detail", "InvalidInput", "Domain not found in 1 account.")
    stubbed.asking.add_response("list_domains", {"Domains": [{"DomainName": "bakery.com.ar"}]})

    assert stubbed.registrar.domain("bakery.com") is None


def test_an_operation_that_is_listed_without_its_name_is_not_overlooked(stubbed: Stubbed) -> None:
    nameless = {name: value for name, value in detail().items() if name != "DomainName"}
    stubbed.asking.add_response("list_operations", {"Operations": [nameless]})
    stubbed.asking.add_response("get_operation_detail", detail(), {"OperationId": "op-1"})

    (found,) = stubbed.registrar.find("bakery.com", DomainAction.REGISTER, 0)
    assert found.id == "op-1"


def test_a_list_that_is_refused_is_a_fault(stubbed: Stubbed) -> None:
    stubbed.asking.add_client_error("list_operations", "InvalidInput", "no such page")
    stubbed.asking.add_client_error("get_domain_detail", "InvalidInput", "not found")
    stubbed.asking.add_client_error("list_domains", "InvalidInput", "no such filter")

    with pytest.raises(ProviderUnavailableError):
        stubbed.registrar.find("bakery.com", DomainAction.REGISTER, 0)
    with pytest.raises(ProviderUnavailableError):
        stubbed.registrar.domain("bakery.com")


def test_a_list_that_does_not_end_is_a_fault(stubbed: Stubbed) -> None:
    for _ in range(2):
        stubbed.asking.add_response("list_operations", {"Operations": [], "NextPageMarker": "again"})

    with pytest.raises(ProviderUnavailableError):
        stubbed.registrar.find("bakery.com", DomainAction.REGISTER, 0)


def test_a_name_with_little_known_of_it_is_still_ours(stubbed: Stubbed) -> None:
    stubbed.asking.add_response("get_domain_detail", {"DomainName": "BAKERY.com"})

    domain = stubbed.registrar.domain("bakery.com")

    assert domain is not None
    assert (domain.name, domain.nameservers, domain.expires_at) == ("bakery.com", (), None)


# -- the network ---------------------------------------------------------------------------------------------

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
def test_a_broken_exchange_is_a_fault_and_its_request_is_made_once(
    look: Callable[[Route53Registrar], object], breakage: Exception | tuple[int, bytes]
) -> None:
    asking = client()
    sent: list[str] = []

    def break_it(request: Any, **_: Any) -> Any:
        sent.append(request.url)
        if isinstance(breakage, Exception):
            raise breakage
        status, body = breakage
        return AWSResponse(request.url, status, {"Content-Type": "application/x-amz-json-1.1"}, _Body(body))

    asking.meta.events.register("before-send.route-53-domains", break_it)

    with pytest.raises(ProviderUnavailableError):
        look(Route53Registrar(asking, asking, pause=lambda seconds: None))
    assert len(sent) == 1
