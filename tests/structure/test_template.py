"""The template: functions, logs, the table, secrets and names."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.structure.project import (
    FUNCTIONS,
    as_list,
    camel_case,
    function_folders,
    functions,
    listed,
    parse_template,
    plain,
    read_template,
    references,
    resources,
    strings,
    with_change,
)

Template = dict[str, Any]

RUNTIME = "python3.13"
ARCHITECTURE = "arm64"
API_GATEWAY_SECONDS = 30
HTTP_EVENTS = {"HttpApi", "Api"}
API_TYPES = {"AWS::Serverless::HttpApi", "AWS::Serverless::Api"}

# https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
RESERVED_VARIABLES = re.compile(r"_HANDLER|_X_AMZN_TRACE_ID|LAMBDA_(TASK|RUNTIME)_.*|AWS_.*|_.*")
AWS_VARIABLES_THAT_MAY_BE_SET = {"AWS_LAMBDA_EXEC_WRAPPER", "AWS_STS_REGIONAL_ENDPOINTS", "AWS_MAX_ATTEMPTS"}

SECRET_NAME = re.compile(r"SECRET|TOKEN|PASSWORD|PASSWD|CREDENTIAL|PRIVATE|API_?KEY|_KEY$")
NAME_OF_A_SECRET = re.compile(r"(_ARN|_NAME|_ID|_PATH|_PARAMETER|_ALIAS)$")
SECRET_VALUE = re.compile(
    r"\b(sk|rk|pk)_(live|test)_\w|\bwhsec_\w|\bAKIA[0-9A-Z]{16}\b|\{\{resolve:(ssm-secure|secret)"
)


# -- reading ------------------------------------------------------------------------------------------


def http_functions(template: Template) -> set[str]:
    by_event = {
        name
        for name, properties in functions(template).items()
        if any(event["Type"] in HTTP_EVENTS for event in properties.get("Events", {}).values())
    }
    by_api = {
        reference
        for kind in API_TYPES
        for api in resources(template, kind).values()
        for reference in references(api)
    }
    return by_event | (by_api & set(functions(template)))


# -- functions ----------------------------------------------------------------------------------------


def folders_and_functions_that_do_not_match(template: Template, folders: list[str]) -> list[str]:
    problems = []
    by_folder: dict[str, list[str]] = {folder: [] for folder in folders}
    for name, properties in functions(template).items():
        match = re.fullmatch(r"(?:\./)?functions/(\w+)/?", str(properties.get("CodeUri")))
        if not match or match.group(1) not in by_folder:
            problems.append(f"{name}: CodeUri {properties.get('CodeUri')!r} is not one folder of functions/")
            continue
        folder = match.group(1)
        by_folder[folder].append(name)
        if name != f"{camel_case(folder)}Function":
            problems.append(
                f"{name}: the function of functions/{folder} must be named {camel_case(folder)}Function"
            )
    for folder, names in by_folder.items():
        if len(names) != 1:
            problems.append(f"functions/{folder} has {len(names)} functions in the template, not one")
    return problems


def functions_that_log_elsewhere(template: Template) -> list[str]:
    """All functions log to one group, so that an operator finds all log lines of an order together."""
    problems = []
    groups = resources(template, "AWS::Logs::LogGroup")
    first = ""
    for name, properties in functions(template).items():
        named = references(properties.get("LoggingConfig", {}).get("LogGroup")) & set(groups)
        group = "".join(sorted(named))
        first = first or group
        if not group:
            problems.append(f"{name}: has no log group in the template, so its logs never expire")
        elif group != first:
            problems.append(f"{name}: logs to {group}, but others to {first}")
    for group, found in groups.items():
        if not found.get("Properties", {}).get("RetentionInDays"):
            problems.append(f"{group}: RetentionInDays is missing")
    return problems


def unfit_timeouts(template: Template) -> list[str]:
    problems = []
    http = http_functions(template)
    for name, properties in functions(template).items():
        timeout = plain(properties.get("Timeout"), template)
        if not isinstance(timeout, int):
            problems.append(f"{name}: has no Timeout")
        elif name in http and timeout >= API_GATEWAY_SECONDS:
            problems.append(
                f"{name}: API Gateway times out after {API_GATEWAY_SECONDS} s, before its {timeout} s"
            )
    return problems


def other_runtimes(template: Template) -> list[str]:
    problems = []
    for name, properties in functions(template).items():
        runtime = plain(properties.get("Runtime"), template)
        architectures = [plain(item, template) for item in as_list(properties.get("Architectures"))]
        if runtime != RUNTIME:
            problems.append(f"{name}: runs on {runtime} by default, not {RUNTIME}")
        if architectures != [ARCHITECTURE]:
            problems.append(f"{name}: runs on {architectures} by default, not {ARCHITECTURE}")
    return problems


# -- table -------------------------------------------------------------------------------------------


def tables_that_could_lose_data(template: Template) -> list[str]:
    tables = resources(template, "AWS::DynamoDB::Table")
    problems = [] if len(tables) == 1 else [f"there must be one table, not {len(tables)}"]
    for name, table in tables.items():
        properties = table["Properties"]
        recovery = properties.get("PointInTimeRecoverySpecification", {})
        expiry = properties.get("TimeToLiveSpecification", {})
        wanted = {
            # The table is kept when the stack is deleted, but not when the stack's creation fails.
            "DeletionPolicy: RetainExceptOnCreate": table.get("DeletionPolicy") == "RetainExceptOnCreate",
            "UpdateReplacePolicy: Retain": table.get("UpdateReplacePolicy") == "Retain",
            "the free encryption (no SSESpecification)": "SSESpecification" not in properties,
            "point-in-time recovery": recovery.get("PointInTimeRecoveryEnabled") is True,
            "a stream": "StreamViewType" in properties.get("StreamSpecification", {}),
            "expiry of items (TTL)": expiry.get("Enabled") is True and bool(expiry.get("AttributeName")),
        }
        problems += [f"{name}: lacks {want}" for want, there in wanted.items() if not there]
    return problems


# -- state machine and environment --------------------------------------------------------------------


def state_machines_that_log_wrongly(template: Template) -> list[str]:
    """Step Functions must log errors, but not the data that states pass on. This data could contain secrets one day."""
    problems = []
    groups = set(resources(template, "AWS::Logs::LogGroup"))
    for name, machine in resources(template, "AWS::Serverless::StateMachine").items():
        logging = machine["Properties"].get("Logging", {})
        if logging.get("Level") != "ERROR":
            problems.append(f"{name}: logs at level {logging.get('Level')}, not ERROR")
        if logging.get("IncludeExecutionData", False) is not False:
            problems.append(f"{name}: logs the execution's data")
        if not references(logging.get("Destinations")) & groups:
            problems.append(f"{name}: logs to no log group of the template")
    return problems


def secrets_in_the_environment(template: Template) -> list[str]:
    """Functions receive a secret's ARN and read the secret themselves. Their settings must not show the secret."""
    problems = []
    hidden = {
        name
        for name, parameter in template.get("Parameters", {}).items()
        if str(parameter.get("NoEcho")).lower() == "true"
    }
    for name, properties in functions(template).items():
        for variable, value in properties.get("Environment", {}).get("Variables", {}).items():
            where = f"{name}: {variable}"
            if SECRET_NAME.search(variable) and not NAME_OF_A_SECRET.search(variable):
                problems.append(f"{where} looks like a secret; set its ARN (…_ARN) instead")
            if references(value) & hidden:
                problems.append(f"{where} shows a NoEcho parameter")
    problems += [
        f"a secret is in the template: {text[:12]}…"
        for text in strings(template)
        if SECRET_VALUE.search(text)
    ]
    return problems


def secrets_that_a_deployment_writes(template: Template) -> list[str]:
    """If the template had a secret's value, each deployment could overwrite the value that an operator stored."""
    return [
        f"{name}: has a SecretString; create it empty, and fill it with a command of operate/"
        for name, secret in resources(template, "AWS::SecretsManager::Secret").items()
        if "SecretString" in secret.get("Properties", {})
    ]


def resources_that_a_failed_creation_leaves(template: Template) -> list[str]:
    return [
        f"{name}: DeletionPolicy Retain keeps it when the stack's creation fails; use RetainExceptOnCreate"
        for name, resource in template.get("Resources", {}).items()
        if resource.get("DeletionPolicy") == "Retain"
    ]


def reserved_names(template: Template) -> list[str]:
    problems = []
    for name, properties in functions(template).items():
        for variable in properties.get("Environment", {}).get("Variables", {}):
            if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]+", variable):
                problems.append(f"{name}: Lambda refuses a variable named {variable}")
            elif RESERVED_VARIABLES.fullmatch(variable) and variable not in AWS_VARIABLES_THAT_MAY_BE_SET:
                problems.append(f"{name}: {variable} is Lambda's own name")
    for name in template.get("Resources", {}):
        if not re.fullmatch(r"[A-Za-z0-9]+", name):
            problems.append(f"{name}: a logical id has only letters and digits")
        if name.startswith("Serverless"):
            problems.append(f"{name}: the prefix Serverless is reserved for SAM")
    return problems


RULES: list[Callable[[Template], list[str]]] = [
    functions_that_log_elsewhere,
    unfit_timeouts,
    other_runtimes,
    tables_that_could_lose_data,
    state_machines_that_log_wrongly,
    secrets_in_the_environment,
    secrets_that_a_deployment_writes,
    resources_that_a_failed_creation_leaves,
    reserved_names,
]


# -- the project --------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_template_follows_the_rule(rule) -> None:
    problems = rule(read_template())
    assert not problems, listed(problems)


def test_each_folder_of_functions_is_one_function() -> None:
    problems = folders_and_functions_that_do_not_match(read_template(), function_folders())
    assert not problems, listed(problems)


def test_each_function_s_handler_exists() -> None:
    problems = []
    for name, properties in functions(read_template()).items():
        module, _, handler = properties["Handler"].rpartition(".")
        path = FUNCTIONS / properties["CodeUri"].rstrip("/").rpartition("/")[2] / f"{module}.py"
        defined: set[str] = set()
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            targets = node.targets if isinstance(node, ast.Assign) else [node]
            defined |= {getattr(each, "name", getattr(each, "id", "")) for each in targets}
        if handler not in defined:
            problems.append(f"{name}: {path.parent.name}/{path.name} has no {handler}")
    assert not problems, listed(problems)


def test_a_first_deployment_needs_one_parameter_and_no_secret() -> None:
    parameters = read_template()["Parameters"]
    assert [name for name, parameter in parameters.items() if "Default" not in parameter] == ["PlatformUrl"]
    assert [name for name, parameter in parameters.items() if "NoEcho" in parameter] == []


def test_our_alarms_have_the_stack_as_their_dimension() -> None:
    """An alarm then counts only the metrics of its own stack."""
    stack = [{"Name": "stack", "Value": {"Ref": "AWS::StackName"}}]
    for name, alarm in resources(read_template(), "AWS::CloudWatch::Alarm").items():
        if alarm["Properties"]["Namespace"] == "HostingOrders":
            assert alarm["Properties"]["Dimensions"] == stack, name
    variables = read_template()["Globals"]["Function"]["Environment"]["Variables"]
    assert variables["STACK_NAME"] == {"Ref": "AWS::StackName"}


# -- the rules on small examples ----------------------------------------------------------------------

GOOD = parse_template("""
Parameters:
  Architecture: {Type: String, Default: arm64}
  WebhookSecret: {Type: String, NoEcho: true}
Globals:
  Function:
    Runtime: python3.13
    Architectures: [!Ref Architecture]
    Handler: app.handler
    Timeout: 20
    LoggingConfig: {LogGroup: !Ref FunctionsLogs}
    Environment: {Variables: {TABLE_NAME: !Ref OrdersTable, STRIPE_KEY_ARN: !Ref StripeKey}}
Resources:
  PlaceOrderFunction:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: functions/place_order/
      Events: {Post: {Type: HttpApi, Properties: {Path: /api/orders, Method: POST}}}
  RollUpCartFunction:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: functions/roll_up_cart/
      Timeout: 60
  FunctionsLogs: {Type: AWS::Logs::LogGroup, Properties: {RetentionInDays: 30}}
  WorkflowLogs: {Type: AWS::Logs::LogGroup, Properties: {RetentionInDays: 30}}
  FulfilOrder:
    Type: AWS::Serverless::StateMachine
    Properties:
      Logging:
        Level: ERROR
        IncludeExecutionData: false
        Destinations: [{CloudWatchLogsLogGroup: {LogGroupArn: !GetAtt WorkflowLogs.Arn}}]
  StripeSecret: {Type: AWS::SecretsManager::Secret, Properties: {Description: Filled by a command}}
  PageSecret: {Type: AWS::SecretsManager::Secret, Properties: {GenerateSecretString: {PasswordLength: 64}}}
  OrdersTable:
    Type: AWS::DynamoDB::Table
    DeletionPolicy: RetainExceptOnCreate
    UpdateReplacePolicy: Retain
    Properties:
      PointInTimeRecoverySpecification: {PointInTimeRecoveryEnabled: true}
      StreamSpecification: {StreamViewType: NEW_IMAGE}
      TimeToLiveSpecification: {Enabled: true, AttributeName: expires_at}
""")
PLACE = "Resources/PlaceOrderFunction/Properties"
ROLL_UP = "Resources/RollUpCartFunction/Properties"
TABLE = "Resources/OrdersTable"
VARIABLES = "Globals/Function/Environment/Variables"


def test_a_good_template_passes_every_rule() -> None:
    assert [problem for rule in RULES for problem in rule(GOOD)] == []
    assert folders_and_functions_that_do_not_match(GOOD, ["place_order", "roll_up_cart"]) == []


@pytest.mark.parametrize(
    ("rule", "path", "value", "complaint"),
    [
        (
            functions_that_log_elsewhere,
            "Globals/Function/LoggingConfig",
            None,
            "PlaceOrderFunction: has no log group",
        ),
        (
            functions_that_log_elsewhere,
            "Resources/FunctionsLogs",
            None,
            "RollUpCartFunction: has no log group",
        ),
        (
            functions_that_log_elsewhere,
            f"{ROLL_UP}/LoggingConfig",
            {"LogGroup": {"Ref": "WorkflowLogs"}},
            "RollUpCartFunction: logs to WorkflowLogs, but others to FunctionsLogs",
        ),
        (
            functions_that_log_elsewhere,
            "Resources/WorkflowLogs/Properties",
            {},
            "WorkflowLogs: RetentionInDays",
        ),
        (unfit_timeouts, "Globals/Function/Timeout", None, "PlaceOrderFunction: has no Timeout"),
        (unfit_timeouts, f"{PLACE}/Timeout", 30, "times out after 30 s"),
        (other_runtimes, "Globals/Function/Runtime", "python3.12", "python3.12"),
        (other_runtimes, f"{PLACE}/Runtime", "provided.al2023", "provided.al2023"),
        (other_runtimes, "Parameters/Architecture/Default", "x86_64", "x86_64"),
        (other_runtimes, "Globals/Function/Architectures", None, "[]"),
        (tables_that_could_lose_data, f"{TABLE}/DeletionPolicy", "Delete", "DeletionPolicy"),
        (tables_that_could_lose_data, f"{TABLE}/UpdateReplacePolicy", None, "UpdateReplacePolicy"),
        (
            tables_that_could_lose_data,
            f"{TABLE}/Properties/SSESpecification",
            {"SSEEnabled": True},
            "free encryption",
        ),
        (
            tables_that_could_lose_data,
            f"{TABLE}/Properties/PointInTimeRecoverySpecification",
            None,
            "recovery",
        ),
        (tables_that_could_lose_data, f"{TABLE}/Properties/StreamSpecification", None, "a stream"),
        (tables_that_could_lose_data, f"{TABLE}/Properties/TimeToLiveSpecification/Enabled", False, "TTL"),
        (tables_that_could_lose_data, TABLE, None, "one table, not 0"),
        (
            state_machines_that_log_wrongly,
            "Resources/FulfilOrder/Properties/Logging",
            None,
            "logs at level None",
        ),
        (
            state_machines_that_log_wrongly,
            "Resources/FulfilOrder/Properties/Logging/Level",
            "ALL",
            "level ALL",
        ),
        (
            state_machines_that_log_wrongly,
            "Resources/FulfilOrder/Properties/Logging/IncludeExecutionData",
            True,
            "logs the execution's data",
        ),
        (state_machines_that_log_wrongly, "Resources/WorkflowLogs", None, "to no log group"),
        (
            secrets_in_the_environment,
            f"{VARIABLES}/STRIPE_API_KEY",
            "x",
            "STRIPE_API_KEY looks like a secret",
        ),
        (secrets_in_the_environment, f"{VARIABLES}/HOOK", {"Ref": "WebhookSecret"}, "NoEcho parameter"),
        (
            secrets_in_the_environment,
            f"{VARIABLES}/HOOK",
            {"Fn::Sub": "${WebhookSecret}"},
            "NoEcho parameter",
        ),
        (secrets_in_the_environment, f"{VARIABLES}/X", "sk" + "_test_abc", "a secret is in the template"),
        (
            secrets_in_the_environment,
            f"{VARIABLES}/X",
            "{{resolve:secretsmanager:stripe}}",
            "is in the template",
        ),
        (
            secrets_that_a_deployment_writes,
            "Resources/StripeSecret/Properties/SecretString",
            {"Fn::Sub": "${WebhookSecret}"},
            "StripeSecret: has a SecretString",
        ),
        (
            resources_that_a_failed_creation_leaves,
            f"{TABLE}/DeletionPolicy",
            "Retain",
            "OrdersTable: DeletionPolicy Retain",
        ),
        (reserved_names, f"{VARIABLES}/AWS_REGION", "x", "AWS_REGION is Lambda's own name"),
        (reserved_names, f"{VARIABLES}/_HANDLER", "x", "refuses a variable"),
        (reserved_names, f"{VARIABLES}/LAMBDA_TASK_ROOT", "x", "LAMBDA_TASK_ROOT is Lambda's own name"),
        (reserved_names, "Resources/ServerlessHttpApi", {"Type": "X"}, "reserved for SAM"),
        (reserved_names, "Resources/Orders_Table", {"Type": "X"}, "only letters and digits"),
    ],
)
def test_a_bad_template_is_noticed(rule, path: str, value: Any, complaint: str) -> None:
    problems = rule(with_change(GOOD, path, value))
    assert any(complaint in problem for problem in problems), problems


@pytest.mark.parametrize(
    ("folders", "complaint"),
    [
        (["place_order"], "RollUpCartFunction: CodeUri"),
        (["place_order", "roll_up_cart", "cancel_order"], "functions/cancel_order has 0 functions"),
    ],
)
def test_folders_that_do_not_match_the_template_are_noticed(folders: list[str], complaint: str) -> None:
    problems = folders_and_functions_that_do_not_match(GOOD, folders)
    assert any(complaint in problem for problem in problems), problems


def test_a_function_named_unlike_its_folder_is_noticed() -> None:
    template = with_change(GOOD, f"{ROLL_UP}/CodeUri", "functions/place_order/")
    problems = folders_and_functions_that_do_not_match(template, ["place_order", "roll_up_cart"])
    assert (
        "RollUpCartFunction: the function of functions/place_order must be named PlaceOrderFunction"
        in problems
    )
    assert "functions/place_order has 2 functions in the template, not one" in problems


def test_functions_in_an_api_definition_are_http_functions() -> None:
    template = with_change(GOOD, f"{PLACE}/Events", {})
    template["Resources"]["Api"] = parse_template(
        "Type: AWS::Serverless::HttpApi\nProperties: {DefinitionBody: !Sub '${PlaceOrderFunction.Arn}'}"
    )
    assert http_functions(template) == {"PlaceOrderFunction"}
