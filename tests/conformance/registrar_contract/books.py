"""Helpers for the tests of the port Registrar. The tests use the Route 53 adapter and the registrar stand-in.

Each test runs twice: with the stand-in in this process, and over loopback. The adapter uses the real boto3 client, so
requests have the real wire format. Time is virtual.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import boto3
from botocore.config import Config

from hosting_orders.domain.registration import (
    Contact,
    Contacts,
    DomainAction,
    RegistrarOperation,
    RegistrationRequest,
)
from hosting_orders.usecases.domain_ports import Registrar
from local.registrar_standin import RegistrarStandIn

START = 1_767_225_600.0  # epoch seconds
DAY = 86_400.0

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
BOB = replace(ANN, first_name="Bob", email="bob@post.example", organization="Post BV")
CONTACTS = Contacts(owner=ANN, admin=BOB, billing=BOB, tech=BOB)


@dataclass
class World:
    """The adapter behind the port Registrar, the stand-in that the adapter calls, and a clock in seconds."""

    registrar: Registrar
    standin: RegistrarStandIn
    now: float = START

    def pass_time(self, seconds: float) -> None:
        self.now += seconds

    def register(self, name: str, **changes: object) -> str:
        return self.registrar.submit(replace(register(name), **changes))  # type: ignore[arg-type]

    def transfer(self, name: str, auth_code: str | None = "k3y") -> str:
        return self.registrar.submit(
            RegistrationRequest(name, DomainAction.TRANSFER, 1, CONTACTS, auth_code=auth_code)
        )

    def show(self, operation_id: str) -> RegistrarOperation:
        operation = self.registrar.operation(operation_id)
        assert operation is not None
        return operation


def register(name: str, contacts: Contacts = CONTACTS) -> RegistrationRequest:
    return RegistrationRequest(name, DomainAction.REGISTER, 1, contacts)


def loopback_client(url: str) -> object:
    return boto3.client(
        "route53domains",
        region_name="us-east-1",
        endpoint_url=url,
        aws_access_key_id="local",
        aws_secret_access_key="local",
        config=Config(retries={"mode": "standard", "total_max_attempts": 1}, proxies={}),
    )
