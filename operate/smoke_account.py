"""The account with which `make smoke` places orders.

It has a key, a customer at Stripe, and a price that no other account has.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from hosting_orders.adapters.dynamodb import keys
from hosting_orders.adapters.dynamodb.catalogue import DynamoCatalogueStore
from hosting_orders.adapters.dynamodb.directory import DynamoDirectory
from hosting_orders.adapters.hosting_platform import HttpHostingPlatform
from hosting_orders.adapters.system_clock import SystemClock
from hosting_orders.bootstrap import secret_values
from hosting_orders.domain.account import Account, BillingContact, Credential, CredentialKind
from hosting_orders.domain.catalogue import Catalogue, Plan, Term
from hosting_orders.domain.providers import ServiceRequest
from hosting_orders.usecases.authenticate import hash_key
from operate.errors import OperateError
from operate.secrets import API_KEY, WEBHOOK_SECRETS, read_secret
from operate.stacks import Cloud, Stack

if TYPE_CHECKING:
    import stripe

Report = Callable[[str], None]

CATALOGUE_PAGE = "docs/go-live.md#the-catalogue"


def missing_of(catalogue: Catalogue) -> str:
    """What the catalogue lacks for a site order, or an empty text."""
    needed = {
        "a site plan with a price": _priced_plans(catalogue),
        "a location": catalogue.locations,
        "a variant of unlimited capacity": _unlimited(catalogue),
    }
    return ", ".join(name for name, found in needed.items() if not found)


def _priced_plans(catalogue: Catalogue) -> list[Plan]:
    return [each for each in catalogue.plans.values() if each.prices]


def _unlimited(catalogue: Catalogue) -> list[str]:
    """The variants without a limit. The smoke test's orders would use up the capacity of a limited variant."""
    return [name for name, each in catalogue.variants.items() if each.available and each.capacity is None]


@dataclass(frozen=True, slots=True)
class SmokeAccount:
    """`site` is the body of an order. `amount` is its price in minor units."""

    id: str
    key: str
    customer: str
    site: dict[str, str]
    amount: int


class Shop:
    """Creates the account and removes it again.

    `close` also works after `open` was interrupted. For this, the object notes the price and the key before it stores
    them. It notes the customer as soon as Stripe has answered.
    """

    def __init__(self, cloud: Cloud, stack: Stack, client: stripe.StripeClient) -> None:
        self._cloud = cloud
        self._stack = stack
        self._stripe = client
        self._dynamodb = cloud.client("dynamodb")
        self._table = stack.resources["OrdersTable"]
        self._catalogue = DynamoCatalogueStore(self._dynamodb, self._table, SystemClock())
        self._name = f"smoke_{secrets.token_hex(6)}"
        self._customer: str | None = None
        self._plan: str | None = None
        self._key_hash: str | None = None

    @property
    def account_id(self) -> str:
        return f"acc_{self._name}"

    def open(self) -> SmokeAccount:
        """Raises OperateError if the catalogue lacks something that an order needs."""
        catalogue = self._catalogue.load()
        missing = missing_of(catalogue)
        if missing:
            raise OperateError(f"The catalogue lacks {missing}: see {CATALOGUE_PAGE}.")
        variant, plan = _unlimited(catalogue)[0], _priced_plans(catalogue)[0]
        location = next(iter(catalogue.locations))
        (_, _, currency), amount = next(iter(plan.prices.items()))
        self._plan = plan.short_name
        self._catalogue.put_plan(self._priced(plan, {(self._name, Term.MONTHLY, currency): amount}))
        self._customer = self._stripe.v1.customers.create(
            {"name": "Smoke test", "metadata": {"smoke": self._name}}
        ).id
        method = self._stripe.v1.payment_methods.attach("pm_card_visa", {"customer": self._customer}).id
        settings: Any = {"invoice_settings": {"default_payment_method": method}}
        self._stripe.v1.customers.update(self._customer, settings)
        key = f"sq_test_{secrets.token_hex(32)}"
        self._key_hash = hash_key(key)
        now = time.time_ns() // 1_000_000
        directory = DynamoDirectory(self._dynamodb, self._table)
        directory.put_account(
            Account(
                id=self.account_id,
                name="Smoke test",
                currency=currency,
                billing_plan=self._name,
                created_at=now,
                updated_at=now,
                stripe_customer_id=self._customer,
                billing_contact=BillingContact(
                    "Smoke test", "smoke@example.com", "Street 1", "10115", "Berlin", "DE"
                ),
            )
        )
        directory.put_credential(
            Credential(
                key_hash=self._key_hash,
                prefix=key[:14],
                kind=CredentialKind.SYSTEM,
                account_ids=(self.account_id,),
                name="Smoke test",
                test=True,
            )
        )
        site = {"variant": variant, "location": location, "plan": plan.short_name, "term": "monthly"}
        return SmokeAccount(self.account_id, key, self._customer, site, amount)

    def close(self, orders: list[str], report: Report) -> None:
        """Remove the price, the sites, the customer, the key and the account. Report what could not be removed.

        For an order without a site, the platform ignores the deletion.
        """
        for name, step in (
            ("the price", self._take_price_back),
            ("the sites at the platform", lambda: self._take_down(orders)),
            ("the customer at Stripe", self._delete_customer),
            ("the key and the account", self._delete_items),
        ):
            try:
                step()
            except Exception as error:
                report(f"TO DO  {name} of {self.account_id} could not be removed: {type(error).__name__}")

    def _priced(self, plan: Plan, own: dict[Any, int]) -> Plan:
        others = {each: amount for each, amount in plan.prices.items() if each[0] != self._name}
        return replace(plan, prices={**others, **own})

    def _take_price_back(self) -> None:
        if self._plan is not None:
            plan = DynamoCatalogueStore(self._dynamodb, self._table, SystemClock()).load().plans[self._plan]
            self._catalogue.put_plan(self._priced(plan, {}))

    def _take_down(self, orders: list[str]) -> None:
        if not orders:
            return
        stored = read_secret(self._cloud.client("secretsmanager"), self._stack.resources["PlatformSecret"])
        platform = HttpHostingPlatform(
            self._stack.parameters["PlatformUrl"], stored[API_KEY], secret_values(stored[WEBHOOK_SECRETS])
        )
        for order_id in orders:
            platform.deprovision(ServiceRequest(order_id, "", "site", "smoke", "", "", ""))

    def _delete_customer(self) -> None:
        """When Stripe deletes the customer, it also cancels the customer's subscriptions."""
        if self._customer is not None:
            self._stripe.v1.customers.delete(self._customer)

    def _delete_items(self) -> None:
        """Delete the key, and the account with its orders, callbacks and claimed numbers."""
        if self._key_hash is not None:
            self._delete(keys.credential(self._key_hash))
            self._delete(keys.key_use(self._key_hash))
        query = {
            "TableName": self._table,
            "KeyConditionExpression": "PK = :account",
            "ExpressionAttributeValues": {":account": {"S": keys.account_partition(self.account_id)}},
            "ProjectionExpression": "PK, SK, #number",
            "ExpressionAttributeNames": {"#number": "number"},
        }
        for page in self._dynamodb.get_paginator("query").paginate(**query):
            for item in page["Items"]:
                number = item.pop("number", None)
                if number is not None:
                    # Delete the number's claim first. If this fails, the item still shows which claim is left.
                    self._delete(keys.number_claim(int(number["N"])))
                self._dynamodb.delete_item(TableName=self._table, Key=item)

    def _delete(self, key: dict[str, str]) -> None:
        item = {name: {"S": value} for name, value in key.items()}
        self._dynamodb.delete_item(TableName=self._table, Key=item)
