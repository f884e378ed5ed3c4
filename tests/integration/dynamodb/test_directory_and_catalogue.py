"""Accounts, users, credentials and the catalogue."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import pytest

from hosting_orders.adapters.dynamodb import directory as directory_module
from hosting_orders.adapters.dynamodb.catalogue import DynamoCatalogueStore
from hosting_orders.adapters.dynamodb.directory import DynamoDirectory
from hosting_orders.adapters.dynamodb.orders import DynamoOrderStore
from hosting_orders.domain.account import (
    Account,
    AccountRole,
    BillingContact,
    Credential,
    CredentialKind,
    User,
)
from hosting_orders.domain.catalogue import Catalogue, Location, Plan, Term, Variant
from tests.integration.dynamodb.examples import ACCOUNT, NOW, StillClock, a_cart, an_order
from tests.support.table import TABLE_NAME, everything_in, table_properties

API_KEY = "ho_live_very-secret-key"
KEY_HASH = hashlib.sha256(API_KEY.encode()).hexdigest()

STARTER = Plan(
    id="plan-1",
    short_name="starter",
    name="Starter",
    description="One site",
    prices={
        ("standard", Term.MONTHLY, "EUR"): 1_250,
        ("standard", Term.ANNUAL, "EUR"): 12_000,
        ("partner/gold", Term.MONTHLY, "JPY"): 900,
    },
)
AMSTERDAM = Location("loc-1", "ams", "Amsterdam")


@pytest.fixture
def directory(client: Any) -> DynamoDirectory:
    return DynamoDirectory(client, TABLE_NAME)


def test_account_and_user_are_stored(directory: DynamoDirectory) -> None:
    account = Account(
        id=ACCOUNT,
        name="Bakker & Söhne",
        currency="EUR",
        billing_plan="standard",
        created_at=NOW,
        updated_at=NOW + 1,
        stripe_customer_id="cus_1",
        billing_contact=BillingContact(
            "B", "b@example.com", "Street 1", "1011", "Amsterdam", "NL", vat_number="NL1"
        ),
        is_trial=True,
        trial_api_access=False,
        nameservers=("ns1.example", "ns2.example"),
        roles=(AccountRole("user-1", "owner", "Owner", True, NOW, NOW),),
    )
    user = User("user-1", "Ann", "Bakker", "ann@example.com", "nl", 1, NOW, NOW, (ACCOUNT, "another"))
    directory.put_account(account)
    directory.put_user(user)
    found = directory.account(ACCOUNT)
    assert found is not None and found.number > 0
    assert replace(found, number=0) == account
    assert directory.user("user-1") == user


def test_an_account_keeps_its_first_number(directory: DynamoDirectory) -> None:
    account = Account(ACCOUNT, "A", "EUR", "standard", NOW, NOW)
    directory.put_account(account)
    first = directory.account(ACCOUNT)
    assert first is not None
    for number in (0, first.number + 1):
        directory.put_account(replace(account, name="B", number=number))
        assert directory.account(ACCOUNT) == replace(first, name="B")


def test_no_other_account_or_order_has_an_accounts_number(
    directory: DynamoDirectory, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    minted = [7, 7, 7, 8]
    monkeypatch.setattr(directory_module, "mint_number", lambda now, attempt: minted.pop(0))
    for account_id in (ACCOUNT, "another"):
        directory.put_account(Account(account_id, "A", "EUR", "standard", NOW, NOW))
    found = [directory.account(account_id) for account_id in (ACCOUNT, "another")]
    assert [account and account.number for account in found] == [7, 8]
    claimed = {item["PK"]["S"] for item in everything_in(client) if item["SK"]["S"] == "NUMBER"}
    assert len(claimed) == 2


def test_an_account_written_by_two_processes_gets_one_number(
    directory: DynamoDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = Account(ACCOUNT, "A", "EUR", "standard", NOW, NOW)
    numbers = iter((1, 2, 3))

    def meanwhile(now: int, attempt: int) -> int:
        number = next(numbers)
        if number == 1:
            directory.put_account(account)
        return number

    monkeypatch.setattr(directory_module, "mint_number", meanwhile)
    directory.put_account(account)
    found = directory.account(ACCOUNT)
    assert found is not None and found.number == 2


@pytest.mark.parametrize("unknown", [None, ""])
def test_an_account_keeps_its_first_stripe_customer(directory: DynamoDirectory, unknown: str | None) -> None:
    directory.put_account(Account(ACCOUNT, "A", "EUR", "standard", NOW, NOW, stripe_customer_id=unknown))
    assert directory.note_customer(ACCOUNT, "cus_1") == "cus_1"
    assert directory.note_customer(ACCOUNT, "cus_2") == "cus_1"


def test_an_unknown_account_user_or_credential_is_read_as_none(directory: DynamoDirectory) -> None:
    assert directory.account(ACCOUNT) is None
    assert directory.user("user-1") is None
    assert directory.credential(KEY_HASH) is None


@pytest.mark.parametrize(
    "credential",
    [
        Credential(KEY_HASH, "ho_live_", CredentialKind.SYSTEM, (ACCOUNT,)),
        Credential(
            KEY_HASH,
            "ho_test_",
            CredentialKind.USER,
            (ACCOUNT, "another"),
            user_id="user-1",
            scopes=frozenset({"orders:write", "orders:read"}),
            api_version=1,
            ip_list=("192.0.2.0/24", "2001:db8::1"),
            expires_at=NOW + 123,
            test=True,
        ),
    ],
)
def test_a_credential_is_found_by_its_hash(directory: DynamoDirectory, credential: Credential) -> None:
    directory.put_credential(credential)
    assert directory.credential(KEY_HASH) == credential
    assert directory.credential(hashlib.sha256(b"another key").hexdigest()) is None


def test_a_credentials_expiry_is_not_the_tables_ttl(directory: DynamoDirectory, client: Any) -> None:
    """The TTL attribute is in seconds. The expiry of a credential is in milliseconds."""
    directory.put_credential(Credential(KEY_HASH, "ho_", CredentialKind.SYSTEM, (ACCOUNT,), expires_at=NOW))
    (item,) = everything_in(client)
    assert table_properties()["TimeToLiveSpecification"]["AttributeName"] not in item


def test_an_api_key_is_never_stored_in_plain_text(directory: DynamoDirectory, client: Any) -> None:
    directory.put_credential(Credential(KEY_HASH, "ho_live_", CredentialKind.SYSTEM, (ACCOUNT,)))
    assert API_KEY not in str(everything_in(client))


def test_writing_the_same_items_again_changes_nothing(directory: DynamoDirectory, client: Any) -> None:
    def seed() -> None:
        directory.put_account(Account(ACCOUNT, "A", "EUR", "standard", NOW, NOW))
        directory.put_user(User("user-1", "Ann", "B", "a@example.com", "en", 1, NOW, NOW))
        directory.put_credential(Credential(KEY_HASH, "ho_", CredentialKind.SYSTEM, (ACCOUNT,)))
        catalogue = DynamoCatalogueStore(client, TABLE_NAME, StillClock())
        catalogue.put_plan(STARTER)
        catalogue.put_location(AMSTERDAM)
        catalogue.put_variant(Variant("wordpress", capacity=7))
        catalogue.put_variant(Variant("ghost"))

    seed()
    once = everything_in(client)
    seed()
    assert everything_in(client) == once


def test_the_catalogue_is_read_as_written(client: Any) -> None:
    catalogue = DynamoCatalogueStore(client, TABLE_NAME, StillClock())
    catalogue.put_plan(STARTER)
    catalogue.put_location(AMSTERDAM)
    catalogue.put_variant(Variant("wordpress", capacity=7))
    catalogue.put_variant(Variant("ghost", enabled=False))
    assert catalogue.load() == Catalogue(
        plans={"starter": STARTER},
        locations={"ams": AMSTERDAM},
        variants={"wordpress": Variant("wordpress", True, 7, 0), "ghost": Variant("ghost", False, None, 0)},
    )


def test_the_catalogue_of_an_empty_table_has_no_entries(client: Any) -> None:
    assert DynamoCatalogueStore(client, TABLE_NAME, StillClock()).load() == Catalogue({}, {}, {})


def test_the_catalogue_is_read_again_after_a_minute(client: Any) -> None:
    clock = StillClock()
    reader = DynamoCatalogueStore(client, TABLE_NAME, clock)
    writer = DynamoCatalogueStore(client, TABLE_NAME, clock)
    assert reader.load().locations == {}
    writer.put_location(AMSTERDAM)
    clock.time += 59_999
    assert reader.load().locations == {}
    clock.time += 1
    assert reader.load().locations == {"ams": AMSTERDAM}


def test_a_changed_capacity_keeps_the_number_of_taken_places(client: Any) -> None:
    store = DynamoOrderStore(client, TABLE_NAME)
    DynamoCatalogueStore(client, TABLE_NAME, StillClock()).put_variant(Variant("wordpress", capacity=7))
    order = an_order(capacity="wordpress")
    store.place(a_cart(order), [order])
    for limit in (9, None, 3):
        catalogue = DynamoCatalogueStore(client, TABLE_NAME, StillClock())
        catalogue.put_variant(Variant("wordpress", capacity=limit, used=0))
        assert catalogue.load().variants == {"wordpress": Variant("wordpress", True, limit, 1)}
