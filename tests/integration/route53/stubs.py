"""Route 53 Domains clients with prepared responses."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import boto3
from botocore.config import Config
from botocore.stub import Stubber

from hosting_orders.adapters.route53.registrar import Route53Registrar
from hosting_orders.domain.registration import Contacts, DomainAction, RegistrationRequest
from tests.conformance.registrar_contract.books import ANN

REQUEST = RegistrationRequest("bakery.com", DomainAction.REGISTER, 1, Contacts(ANN, ANN, ANN, ANN), live=True)
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
        """Prepare the two responses that say that bakery.com is not in our account."""
        self.asking.add_client_error(
            "get_domain_detail", "InvalidInput", "Domain bakery.com  not found in 1 account."
        )
        self.asking.add_response("list_domains", {"Domains": []})


def price(amount: float, currency: str = "USD", **more: str) -> dict[str, Any]:
    return {"Price": {"Price": amount, "Currency": currency, **more}}


def detail(**changes: Any) -> dict[str, Any]:
    return {
        "OperationId": "op-1",
        "Status": "IN_PROGRESS",
        "DomainName": "Bakery.com",
        "Type": "REGISTER_DOMAIN",
        "SubmittedDate": SUBMITTED,
        **changes,
    }
