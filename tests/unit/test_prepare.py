"""What a function imports and builds in the init phase (bootstrap.prepare). Each test uses its own process.

A port is an interface to another service, such as `payments`.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

PROBE = """
import json, socket, sys

def no_network(*_, **__):
    raise AssertionError("the init phase must not use the network")

socket.socket.connect = no_network
socket.getaddrinfo = no_network
from hosting_orders import bootstrap

bootstrap.prepare(*json.loads(sys.argv[1]))
built = sorted(name for name in vars(bootstrap._Current.services or object) if not name.startswith("_"))
clients = bootstrap.aws_client.cache_info().currsize
modules = [name for name in ("boto3", "stripe", "requests", "jsonschema_rs") if name in sys.modules]
print(json.dumps([built, clients, modules]))
"""


def prepared(*ports: str, on_lambda: bool = True) -> Any:
    environment = {
        "PYTHONPATH": ":".join(sys.path),
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "TABLE_NAME": "orders",
        "STATE_MACHINE_ARN": "arn",
        **({"AWS_LAMBDA_FUNCTION_NAME": "place_order"} if on_lambda else {}),
    }
    answer = subprocess.run(
        [sys.executable, "-c", PROBE, json.dumps(ports)],
        check=False,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout)


def test_on_lambda_the_clients_are_built() -> None:
    built, clients, modules = prepared("orders", "directory")
    assert {"orders", "directory"} <= set(built) and clients == 1 and modules == ["boto3"]


@pytest.mark.parametrize(
    ("port", "packages"),
    [("payments", {"stripe"}), ("refunds", {"stripe"}), ("platform", {"requests"}), ("callbacks", set())],
)
def test_a_port_with_a_secret_is_imported_but_not_built(port: str, packages: set[str]) -> None:
    built, clients, modules = prepared(port)
    assert port not in built and clients == 1  # the client for the secrets
    assert packages <= set(modules)


def test_outside_lambda_nothing_is_prepared() -> None:
    assert prepared("orders", "payments", on_lambda=False) == [[], 0, []]
