"""Feature switches are read from a document in AppConfig. A rule sets a switch for single accounts.

A fault raises ProviderUnavailableError. The last tests check which documents operators may deploy.
"""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import boto3
import jsonschema_rs
import pytest
from botocore.response import StreamingBody
from botocore.stub import Stubber

from hosting_orders.adapters.features import AppConfigFeatures, app_config_store
from hosting_orders.bootstrap import AwsServices
from hosting_orders.domain.errors import ProviderUnavailableError
from hosting_orders.domain.features import DOMAIN_REGISTRATION
from hosting_orders.settings import Settings
from tests.structure.project import functions, read_template
from tests.support import permissions
from tests.support.raw_server import RawServer, ok
from tests.support.table import REGION
from tests.support.world import Switches

ONE = "acc_one"
TWO = "acc_two"
NAMES = {
    "ApplicationIdentifier": "app",
    "EnvironmentIdentifier": "live",
    "ConfigurationProfileIdentifier": "p",
}


def rule(when_match: bool, action: str, value: object, key: str = "account_id") -> dict[str, Any]:
    return {"when_match": when_match, "conditions": [{"action": action, "key": key, "value": value}]}


def document(default: object, **rules: object) -> dict[str, Any]:
    return {DOMAIN_REGISTRATION: {"default": default, **({"rules": rules} if rules else {})}}


def switched(given: object, account: str | None) -> bool:
    switches = Switches()
    switches.document = given
    return AppConfigFeatures(lambda: switches).enabled(DOMAIN_REGISTRATION, account)


# -- the document --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("default", [True, False])
def test_without_rules_the_default_applies_to_every_account(default: bool) -> None:
    assert switched(document(default), ONE) is default
    assert switched(document(default), None) is default


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (document(False, pilot=rule(True, "EQUALS", ONE)), {ONE: True, TWO: False, None: False}),
        (document(True, blocked=rule(False, "EQUALS", ONE)), {ONE: False, TWO: True, None: True}),
        (document(False, pilot=rule(True, "KEY_IN_VALUE", [ONE, "x"])), {ONE: True, TWO: False, None: False}),
        # A request without an account matches no rule, not even one with NOT_EQUALS.
        (document(True, only=rule(False, "NOT_EQUALS", ONE)), {ONE: True, TWO: False, None: True}),
    ],
)
def test_a_rule_decides_for_its_accounts(given: object, expected: dict[str | None, bool]) -> None:
    assert {account: switched(given, account) for account in expected} == expected


def test_the_first_matching_rule_decides() -> None:
    given = document(False, first=rule(True, "EQUALS", ONE), second=rule(False, "EQUALS", ONE))
    assert switched(given, ONE) is True


@pytest.mark.parametrize(
    "given",
    [
        {},
        [],
        "on",
        {"another_feature": {"default": True}},
        {DOMAIN_REGISTRATION: True},
        document(None),
        document("on"),
        {DOMAIN_REGISTRATION: {"default": "on", "boolean_type": False}},
        document(True, broken={"when_match": False}),
        document(True, broken=rule(False, "IS_ONE_OF", [ONE])),
        document(True, broken={**rule(False, "EQUALS", ONE), "conditions": [{"action": ["EQUALS"]}]}),
    ],
)
@pytest.mark.filterwarnings("ignore:Feature flags schema is empty")
def test_a_document_without_a_valid_switch_is_a_fault(given: object) -> None:
    with pytest.raises(ProviderUnavailableError):
        switched(given, TWO)


def test_switches_are_read_again_after_a_fault() -> None:
    switches = Switches()
    features = AppConfigFeatures(lambda: switches)
    assert features.enabled(DOMAIN_REGISTRATION, ONE) is True
    switches.readable = False
    with pytest.raises(ProviderUnavailableError):
        features.enabled(DOMAIN_REGISTRATION, ONE)
    switches.readable = True
    assert features.enabled(DOMAIN_REGISTRATION, ONE) is True


# -- AppConfig -----------------------------------------------------------------------------------------------------


class AppConfig:
    """A stub of AppConfig's data plane, checked by botocore. Each response is used once, in order."""

    def __init__(self) -> None:
        self.client = boto3.client(
            "appconfigdata", region_name=REGION, aws_access_key_id="test", aws_secret_access_key="test"
        )
        self.stub = Stubber(self.client)
        self.stub.activate()
        self.sessions: list[Any] = []

    def open_store(self) -> Any:
        names = {"application": "app", "environment": "live", "profile": "p"}
        self.sessions.append(app_config_store(self.client, **names, max_age=60))
        return self.sessions[-1]

    def minute_passes(self) -> None:
        self.sessions[-1]._conf_store.clear_cache()

    def begins(self, token: str) -> None:
        self.stub.add_response("start_configuration_session", {"InitialConfigurationToken": token}, NAMES)

    def gives(self, content: bytes, token: str, next_token: str) -> None:
        answer = {
            "NextPollConfigurationToken": next_token,
            "NextPollIntervalInSeconds": 60,
            "ContentType": "application/json",
            "Configuration": StreamingBody(io.BytesIO(content), len(content)),
        }
        self.stub.add_response("get_latest_configuration", answer, {"ConfigurationToken": token})

    def refuses(self, operation: str, code: str, status: int) -> None:
        self.stub.add_client_error(operation, code, "no", status)


@pytest.fixture
def app_config() -> AppConfig:
    return AppConfig()


@pytest.fixture
def features(app_config: AppConfig) -> AppConfigFeatures:
    return AppConfigFeatures(app_config.open_store)


def is_on(features: AppConfigFeatures, account: str = ONE) -> bool:
    return features.enabled(DOMAIN_REGISTRATION, account)


def test_a_document_is_read_once_a_minute_for_all_accounts(
    app_config: AppConfig, features: AppConfigFeatures
) -> None:
    app_config.begins("t1")
    app_config.gives(json.dumps(document(False, pilot=rule(True, "EQUALS", ONE))).encode(), "t1", "t2")
    # A further request would fail, because no response is prepared for it.
    assert [is_on(features, ONE), is_on(features, TWO), is_on(features, ONE)] == [True, False, True]

    app_config.gives(b"", "t2", "t3")  # an empty response means that nothing has changed
    app_config.minute_passes()
    assert is_on(features, ONE) is True

    app_config.gives(json.dumps(document(False)).encode(), "t3", "t4")
    app_config.minute_passes()
    assert is_on(features, ONE) is False
    app_config.stub.assert_no_pending_responses()


@pytest.mark.parametrize(
    ("code", "status"),
    [("InternalServerException", 500), ("BadRequestException", 400), ("AccessDenied", 403)],
)
def test_a_failed_read_starts_a_new_session(
    app_config: AppConfig, features: AppConfigFeatures, code: str, status: int
) -> None:
    app_config.begins("t1")
    app_config.gives(json.dumps(document(True)).encode(), "t1", "t2")
    assert is_on(features)

    app_config.minute_passes()
    app_config.refuses("get_latest_configuration", code, status)
    with pytest.raises(ProviderUnavailableError):
        is_on(features)

    app_config.begins("u1")
    app_config.gives(json.dumps(document(False)).encode(), "u1", "u2")
    assert is_on(features) is False
    app_config.stub.assert_no_pending_responses()


def test_a_refused_session_is_a_fault(app_config: AppConfig, features: AppConfigFeatures) -> None:
    app_config.refuses("start_configuration_session", "ResourceNotFoundException", 404)
    with pytest.raises(ProviderUnavailableError):
        is_on(features)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff"])
def test_an_invalid_document_is_a_fault(
    app_config: AppConfig, features: AppConfigFeatures, content: bytes
) -> None:
    app_config.begins("t1")
    app_config.gives(content, "t1", "t2")
    with pytest.raises(ProviderUnavailableError):
        is_on(features)


# -- with the template's settings ------------------------------------------------------------------------------------

SETTINGS = {
    "FEATURES_APPLICATION": "app",
    "FEATURES_ENVIRONMENT": "live",
    "FEATURES_PROFILE": "p",
    "FEATURES_MAX_AGE_SECONDS": "60",
}


def test_a_function_requests_the_switches_of_its_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    away = ok(b'{"Message": "no"}', b"x-amzn-errortype: ResourceNotFoundException", status=b"404 Not Found")
    with RawServer(away) as server:
        credentials = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
        environment = {**credentials, "AWS_DEFAULT_REGION": REGION, "AWS_ENDPOINT_URL": server.url}
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(ProviderUnavailableError):
            AwsServices(Settings(SETTINGS)).features.enabled(DOMAIN_REGISTRATION, ONE)
    (request,) = server.requests
    assert request.line.startswith(b"POST /configurationsessions ")
    assert json.loads(request.body) == NAMES


def test_reading_the_switches_ends_before_the_function_times_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    store: Any = AwsServices(Settings(SETTINGS)).features._open_store()
    config = store._conf_store.client.meta.config
    longest_pause = 1  # seconds before the second attempt, in botocore's standard mode
    attempts = config.retries["total_max_attempts"]
    longest = attempts * (config.connect_timeout + config.read_timeout) + (attempts - 1) * longest_pause
    assert longest <= functions(read_template())["ShowAboutFunction"]["Timeout"] / 2


def test_the_about_function_has_the_setting_for_automatic_tax() -> None:
    assert "env:STRIPE_AUTOMATIC_TAX" in permissions.allowed("show_about")


def at_first(domain_registration: str) -> dict[str, Any]:
    """The document that a first deployment creates with this value of the parameter DomainRegistration."""
    text = read_template()["Resources"]["FeaturesAtFirst"]["Properties"]["Content"]["Fn::Sub"]
    found: dict[str, Any] = json.loads(text.replace("${DomainRegistration}", domain_registration))
    return found


def may_be_deployed(given: object) -> bool:
    (validator,) = read_template()["Resources"]["FeaturesProfile"]["Properties"]["Validators"]
    return jsonschema_rs.Draft4Validator(json.loads(validator["Content"])).is_valid(given)


@pytest.mark.parametrize(("parameter", "expected"), [("true", True), ("false", False)])
def test_the_first_document_has_the_parameters_value(parameter: str, expected: bool) -> None:
    assert may_be_deployed(at_first(parameter))
    assert switched(at_first(parameter), ONE) is expected


def runbook_documents() -> list[Any]:
    text = (Path(__file__).parents[2] / "docs" / "runbooks.md").read_text()
    section = text.partition("## Turning domain registration on and off")[2].partition("\n## ")[0]
    return [json.loads(block.partition("```")[0]) for block in section.split("```json")[1:]]


def test_the_documents_of_the_runbook_may_be_deployed() -> None:
    documents = runbook_documents()
    assert documents
    for given in documents:
        assert may_be_deployed(given), given
        switched(given, ONE)


@pytest.mark.parametrize(
    "given",
    [
        {},
        [],
        {"another_feature": {"default": True}},
        {DOMAIN_REGISTRATION: True},
        document(None),
        document("true"),
        document(True, broken={"when_match": False}),
        document(True, broken={"when_match": False, "conditions": []}),
        document(True, broken=rule(False, "IS_ONE_OF", [ONE])),
        document(True, broken={**rule(True, "EQUALS", ONE), "when_match": "yes"}),
        {DOMAIN_REGISTRATION: {"default": True, "rule": {"misspelled": rule(False, "EQUALS", ONE)}}},
        # Powertools, the library that reads the document, would accept these documents. But their rules would
        # not do what an operator expects.
        document(True, never=rule(False, "EQUALS", ONE, key="account")),
        document(True, never=rule(False, "EQUALS", [ONE])),
        document(True, more=rule(False, "KEY_IN_VALUE", f"{ONE}2,{TWO}")),
    ],
)
def test_a_misleading_document_is_refused_at_deployment(given: object) -> None:
    assert not may_be_deployed(given)
