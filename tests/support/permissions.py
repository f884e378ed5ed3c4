"""Watches what each function does while tests run, and holds it against what template.yaml allows it.

Neither moto nor the emulator enforces IAM, and a variable that is missing in a function's environment goes unnoticed
where all handlers share one process. So every call is noted with the function that made it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
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
}
_IN_TRANSACTIONS = {
    "Put": "dynamodb:PutItem",
    "Update": "dynamodb:UpdateItem",
    "Delete": "dynamodb:DeleteItem",
    "ConditionCheck": "dynamodb:ConditionCheckItem",
}
# What a port needs before anything is asked of it: a secret with its variable, or a variable alone.
_NEEDS = {
    "payments": ("secret:StripeSecret", "env:STRIPE_SECRET_ARN", "env:STRIPE_API_BASE"),
    "platform": ("secret:PlatformSecret", "env:PLATFORM_SECRET_ARN", "env:PLATFORM_URL"),
    "callbacks": ("secret:CallbackSecret", "env:CALLBACK_SECRET_ARN", "env:ALLOW_LOOPBACK_CALLBACKS"),
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
    ("workflow", "start"): "states:StartExecution",
    ("workflow", "succeed"): "states:SendTaskSuccess",
    ("workflow", "fail"): "states:SendTaskFailure",
    ("workflow", "failed_step"): "states:GetExecutionHistory",
    ("alerts", "send"): "sns:Publish",
    ("cipher", "seal"): "kms:Encrypt",
    ("cipher", "open"): "kms:Decrypt",
    ("registrar", "availability"): "route53domains:CheckDomainAvailability",
    ("registrar", "transferability"): "route53domains:CheckDomainTransferability",
    ("registrar", "renew"): "route53domains:RenewDomain",
    ("registrar", "find"): "route53domains:ListOperations",
    ("registrar", "operation"): "route53domains:GetOperationDetail",
    ("registrar", "domain"): "route53domains:GetDomainDetail route53domains:ListDomains",
}

_running = threading.local()
missing: set[tuple[str, str]] = set()
"""(function's folder, what it used without being allowed to)."""


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Short forms become text: only names matter here."""


_Loader.add_multi_constructor("!", lambda _loader, suffix, node: f"!{suffix} {node.value}")


@cache
def _template() -> Any:
    return yaml.load(TEMPLATE.read_text(), _Loader)


@cache
def allowed(folder: str) -> frozenset[str]:
    """Actions, `secret:<logical id>` and `env:<variable>` that the template gives this function."""
    template = _template()
    everywhere = template["Globals"]["Function"]["Environment"]["Variables"]
    for resource in template["Resources"].values():
        properties = resource.get("Properties", {})
        if properties.get("CodeUri") != f"functions/{folder}":
            continue
        found = {f"env:{name}" for name in everywhere}
        found |= {f"env:{name}" for name in properties.get("Environment", {}).get("Variables", {})}
        for policy in properties.get("Policies", []):
            for statement in policy["Statement"]:
                found.update(statement["Action"])
                if "secretsmanager:GetSecretValue" in statement["Action"]:
                    found.add("secret:" + statement["Resource"].removeprefix("!Ref "))
        return frozenset(found)
    raise KeyError(folder)


@contextmanager
def running(folder: str) -> Iterator[None]:
    """While this lasts, what this thread does is done by that function."""
    outer = getattr(_running, "folder", None)
    _running.folder = folder
    try:
        yield
    finally:
        _running.folder = outer


def used(*things: str) -> None:
    """Note that the running function uses these."""
    folder = getattr(_running, "folder", None)
    if folder is not None:
        missing.update((folder, thing) for thing in things if thing not in allowed(folder))


class WatchedTable:
    """A DynamoDB client whose calls are noted."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        operation = getattr(self._client, name)
        if name not in _OPERATIONS and name != "transact_write_items":
            return operation

        def noted(**given: Any) -> Any:
            used(*_actions(name, given))
            return operation(**given)

        return noted


def _actions(name: str, given: Mapping[str, Any]) -> list[str]:
    if name != "transact_write_items":
        return [_OPERATIONS[name]]
    return [_IN_TRANSACTIONS[kind] for write in given["TransactItems"] for kind in write]


class WatchedServices:
    """Services whose use is noted."""

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
