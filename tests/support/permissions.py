"""Records the AWS calls of each function in tests, and compares them with the rights in template.yaml.

Neither moto nor the emulator enforces IAM, so only this comparison finds a missing right. It also finds a missing
environment variable. A test would not fail without it, because all handlers run in one process, which has the variables
of all functions. At the end of a run, tests/conftest.py prints the rights that no test used (`unused`).
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

import yaml

TEMPLATE = Path(__file__).parents[2] / "template.yaml"

_OPERATIONS = {
    "get_item": "dynamodb:GetItem",
    "batch_get_item": "dynamodb:BatchGetItem",
    "query": "dynamodb:Query",
    "put_item": "dynamodb:PutItem",
    "update_item": "dynamodb:UpdateItem",
    "delete_item": "dynamodb:DeleteItem",
    "start_execution": "states:StartExecution",
    "send_task_success": "states:SendTaskSuccess",
    "send_task_failure": "states:SendTaskFailure",
    "get_execution_history": "states:GetExecutionHistory",
    "get_shard_iterator": "dynamodb:GetShardIterator",
    "get_records": "dynamodb:GetRecords",
}
_IN_TRANSACTIONS = {
    "Put": "dynamodb:PutItem",
    "Update": "dynamodb:UpdateItem",
    "Delete": "dynamodb:DeleteItem",
    "ConditionCheck": "dynamodb:ConditionCheckItem",
}
# What a port needs before its first call: secrets, environment variables and rights.
_NEEDS = {
    **dict.fromkeys(
        ("payments", "refunds", "renewals", "payment_news"),
        ("secret:StripeSecret", "env:STRIPE_SECRET_ARN", "env:STRIPE_API_BASE"),
    ),
    "platform": (
        *("secret:PlatformSecret", "env:PLATFORM_SECRET_ARN", "env:PLATFORM_URL"),
        "env:LIGHTSAIL_ENDPOINT",
    ),
    "callbacks": ("secret:CallbackSecret", "env:CALLBACK_SECRET_ARN", "env:ALLOW_LOOPBACK_CALLBACKS"),
    "webhook_sender": ("env:ALLOW_LOOPBACK_CALLBACKS",),
    "webhook_queue": ("env:WEBHOOK_QUEUE_URL",),
    **dict.fromkeys(("page_tokens", "quotes"), ("secret:PageSecret", "env:PAGE_SECRET_ARN")),
    "access_tokens": (
        *("env:OAUTH_ISSUER", "env:OAUTH_AUDIENCE", "env:OAUTH_AUDIENCE_CLAIM", "env:OAUTH_USER_CLAIM"),
        *("env:OAUTH_ACCOUNT_CLAIM", "env:OAUTH_SCOPE_PREFIX", "env:ALLOW_LOOPBACK_CALLBACKS"),
    ),
    "cipher": ("env:DATA_KEY_ARN",),
    "registrar": ("env:REGISTRAR_ENDPOINT",),
    "zones": ("route53:ListHostedZonesByName", "route53:GetHostedZone", "route53:CreateHostedZone"),
    "workflow": ("env:STATE_MACHINE_ARN",),
    "alerts": ("env:ALARM_TOPIC_ARN",),
    "features": (
        *("env:FEATURES_APPLICATION", "env:FEATURES_ENVIRONMENT", "env:FEATURES_PROFILE"),
        *("env:FEATURES_MAX_AGE_SECONDS",),
        *("appconfig:StartConfigurationSession", "appconfig:GetLatestConfiguration"),
    ),
}
_METHODS = {
    ("alerts", "send"): "sns:Publish",
    ("webhook_queue", "send"): "sqs:SendMessage",
    ("cipher", "seal"): "kms:Encrypt",
    ("cipher", "open"): "kms:Decrypt",
    ("registrar", "availability"): "route53domains:CheckDomainAvailability",
    ("registrar", "transferability"): "route53domains:CheckDomainTransferability",
    ("registrar", "submit"): "route53domains:RegisterDomain route53domains:TransferDomain",
    ("registrar", "renew"): "route53domains:RenewDomain",
    ("registrar", "renewal_cost"): "route53domains:ListPrices",
    ("registrar", "find"): "route53domains:ListOperations",
    ("registrar", "operation"): "route53domains:GetOperationDetail",
    ("registrar", "verification"): "route53domains:GetContactReachabilityStatus",
    ("registrar", "resend_verification"): "route53domains:ResendContactReachabilityEmail",
    ("zones", "remove_empty"): "route53:ListResourceRecordSets route53:DeleteHostedZone",
    ("registrar", "expiring"): "route53domains:ListDomains",
    ("registrar", "domain"): "route53domains:GetDomainDetail route53domains:ListDomains",
}
# Calls of the Lightsail adapter (tests/support/lightsail_in_process.py records each request).
_LIGHTSAIL = (
    *(
        "GetInstance",
        "GetStaticIp",
        "GetOperationsForResource",
        "CreateInstances",
        "TagResource",
        "DeleteInstance",
    ),
    *("AllocateStaticIp", "AttachStaticIp", "DetachStaticIp", "ReleaseStaticIp", "PutInstancePublicPorts"),
)

_running = threading.local()
missing: set[tuple[str, str]] = set()
"""Pairs: a function's folder, and a right that the function used but does not have."""
seen: set[tuple[str, str]] = set()
"""Pairs: a function's folder, and a right that the function used in any test of this process."""


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Reads CloudFormation's tags such as `!Ref` as text. Only the names in them matter here."""


_Loader.add_multi_constructor("!", lambda _loader, suffix, node: f"!{suffix} {node.value}")


@cache
def _template() -> Any:
    return yaml.load(TEMPLATE.read_text(), _Loader)


@cache
def policies() -> dict[str, frozenset[str]]:
    """The rights of each managed policy: actions, `secret:<logical id>` and `index:<name>`."""
    return {
        name: frozenset(
            thing
            for statement in resource["Properties"]["PolicyDocument"]["Statement"]
            for action in statement["Action"]
            for thing in [_thing(action, statement["Resource"])]
        )
        for name, resource in _template()["Resources"].items()
        if resource["Type"] == "AWS::IAM::ManagedPolicy"
    }


def _thing(action: str, resource: str) -> str:
    if action == "secretsmanager:GetSecretValue":
        return "secret:" + resource.removeprefix("!Ref ")
    if action == "dynamodb:Query" and "/index/" in resource:
        return "index:" + resource.rpartition("/")[2]
    return action


@cache
def held() -> dict[str, tuple[str, ...]]:
    """Function's folder → the managed policies of its role."""
    return {
        resource["Properties"]["CodeUri"].removeprefix("functions/"): tuple(
            policy.removeprefix("!Ref ") for policy in resource["Properties"].get("Policies", [])
        )
        for resource in _template()["Resources"].values()
        if resource["Type"] == "AWS::Serverless::Function"
    }


@cache
def allowed(folder: str) -> frozenset[str]:
    """The rights of this function: everything in its policies, and `env:<variable>`."""
    everywhere = _template()["Globals"]["Function"]["Environment"]["Variables"]
    given = [policies()[policy] for policy in held()[folder]]
    return frozenset(f"env:{name}" for name in everywhere).union(*given)


@cache
def _partitions(folder: str, action: str) -> tuple[str, ...]:
    """The partition keys to which this function may apply the action, as patterns."""
    statements = [
        statement
        for policy in held()[folder]
        for statement in _template()["Resources"][policy]["Properties"]["PolicyDocument"]["Statement"]
        if action in statement["Action"]
    ]
    found: list[str] = []
    for statement in statements:
        conditions = statement.get("Condition", {}).get("ForAllValues:StringLike", {})
        found += conditions.get("dynamodb:LeadingKeys", ["*"])
    return tuple(found)


def watchable() -> frozenset[str]:
    methods = (thing for things in _METHODS.values() for thing in things.split())
    needs = (thing for things in _NEEDS.values() for thing in things)
    lightsail = (f"lightsail:{operation}" for operation in _LIGHTSAIL)
    return frozenset({*_OPERATIONS.values(), *methods, *needs, *lightsail, "index:due"})


def unused(
    seen: Collection[tuple[str, str]],
    policies: Mapping[str, frozenset[str]],
    held: Mapping[str, Collection[str]],
) -> list[str]:
    """Report unused rights.

    - Policies that a function does not use, or could replace by a smaller policy.
    - Rights of a policy that no function with the policy used.
    """
    problems = []
    for folder, names in sorted(held.items()):
        uses = {thing for who, thing in seen if who == folder}
        for name in names:
            enough = [
                other
                for other, things in policies.items()
                if uses & policies[name] <= things < policies[name]
            ]
            if not uses & policies[name]:
                problems.append(f"{folder} uses nothing of {name}")
            elif enough:
                problems.append(
                    f"{folder} uses no more of {name} than {min(enough, key=lambda p: len(policies[p]))} has"
                )
    for name, things in policies.items():
        holders = {folder for folder, names in held.items() if name in names}
        idle = things - {thing for who, thing in seen if who in holders}
        problems += [f"no function uses {thing} of {name}" for thing in sorted(idle)]
    return problems


@contextmanager
def running(folder: str) -> Iterator[None]:
    """Attribute the calls of this thread to the function in `folder`."""
    outer = getattr(_running, "folder", None)
    _running.folder = folder
    try:
        yield
    finally:
        _running.folder = outer


def used(*things: str) -> None:
    folder = getattr(_running, "folder", None)
    if folder is not None:
        seen.update((folder, thing) for thing in things)
        missing.update((folder, thing) for thing in things if thing not in allowed(folder))


class WatchedClient:
    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        operation = getattr(self._client, name)
        if name not in _OPERATIONS and name != "transact_write_items":
            return operation

        def noted(**given: Any) -> Any:
            used(*_actions(name, given))
            _reached(*_partition_keys(name, given))
            return operation(**given)

        return noted


def _actions(name: str, given: Mapping[str, Any]) -> list[str]:
    if "IndexName" in given:
        return [f"index:{given['IndexName']}"]
    if name != "transact_write_items":
        return [_OPERATIONS[name]]
    return [_IN_TRANSACTIONS[kind] for write in given["TransactItems"] for kind in write]


def _partition_keys(name: str, given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(action, partition key) of each item that the request names."""
    if name == "transact_write_items":
        for write in given["TransactItems"]:
            for kind, request in write.items():
                yield _IN_TRANSACTIONS[kind], _partition_key(request)
    elif name == "batch_get_item":
        for request in given["RequestItems"].values():
            for key in request["Keys"]:
                yield _OPERATIONS[name], key["PK"]["S"]
    elif "Item" in given or "Key" in given:
        yield _OPERATIONS[name], _partition_key(given)


def _partition_key(request: Mapping[str, Any]) -> str:
    return str(request.get("Item", request.get("Key"))["PK"]["S"])


def _reached(*partitions: tuple[str, str]) -> None:
    folder = getattr(_running, "folder", None)
    if folder is None:
        return
    for action, partition in partitions:
        allowed_here = _partitions(folder, action)
        if allowed_here and not any(fnmatchcase(partition, pattern) for pattern in allowed_here):
            missing.add((folder, f"{action} of {partition.partition('#')[0]}"))


class WatchedServices:
    def __init__(self, services: Any) -> None:
        self._services = services

    def __getattr__(self, name: str) -> Any:
        used(*_NEEDS.get(name, ()))
        port = getattr(self._services, name)
        return _WatchedPort(name, port) if any(name == watched for watched, _ in _METHODS) else port


class _WatchedPort:
    def __init__(self, name: str, port: Any) -> None:
        self._name = name
        self._port = port

    def __getattr__(self, method: str) -> Any:
        if (self._name, method) in _METHODS:
            used(*_METHODS[self._name, method].split())
        return getattr(self._port, method)
