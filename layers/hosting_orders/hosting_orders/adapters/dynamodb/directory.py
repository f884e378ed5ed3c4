"""Accounts, users and credentials in DynamoDB, and the writes of the seeder and operators."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from hosting_orders.domain.account import Account, Credential, User
from hosting_orders.domain.api_key import ApiKey
from hosting_orders.domain.errors import ConcurrentUpdateError, NotFoundError
from hosting_orders.domain.ids import mint_number
from hosting_orders.domain.money import check_currency

from . import keys
from .items import (
    account_from_item,
    account_to_item,
    api_key_to_item,
    credential_from_item,
    credential_to_item,
    number_claim_to_item,
    user_from_item,
    user_to_item,
)
from .table import IS_NEW, IS_THERE, ConditionFailedError, Table, TransactionRefusedError, put, update

_NUMBER_ATTEMPTS = 4


class DynamoDirectory:
    """Reads are eventually consistent: a revoked key may work for another second."""

    def __init__(self, client: Any, table_name: str, sleep: Callable[[float], None] = time.sleep) -> None:
        self._table = Table(client, table_name, sleep)

    def credential(self, key_hash: str) -> Credential | None:
        item = self._table.get(keys.credential(key_hash), consistent=False)
        return credential_from_item(item) if item else None

    def account(self, account_id: str) -> Account | None:
        item = self._table.get(keys.account(account_id), consistent=False)
        return account_from_item(item) if item else None

    def user(self, user_id: str) -> User | None:
        item = self._table.get(keys.user(user_id), consistent=False)
        return user_from_item(item) if item else None

    def note_customer(self, account_id: str, customer_id: str) -> str:
        has_none = "(attribute_not_exists(#stripe_customer_id) OR #stripe_customer_id = :nothing)"
        change = "SET #stripe_customer_id = :customer"
        try:
            write = update(
                keys.account(account_id),
                change,
                f"{IS_THERE} AND {has_none}",
                customer=customer_id,
                nothing="",
            )
            self._table.write(write)
        except ConditionFailedError:
            item = self._table.get(keys.account(account_id))
            if item is None:
                raise NotFoundError("The account no longer exists.") from None
            return str(item["stripe_customer_id"])
        return customer_id

    # -- for the seeder and operators: the last write wins, so seeding twice is harmless -------------------

    def put_credential(self, credential: Credential) -> None:
        """Store a key. If it has an id and exactly one account, add it to that account's key list too."""
        self._table.write(put(credential_to_item(credential)))
        if credential.id and len(credential.account_ids) == 1:
            self._table.write(put(api_key_to_item(ApiKey(credential.account_ids[0], credential))))

    def put_account(self, account: Account) -> None:
        """The account's first write claims its number. `account.number` is ignored. Raises CurrencyRefusedError."""
        check_currency(account.currency)
        for attempt in range(_NUMBER_ATTEMPTS):
            known = self._table.get(keys.account(account.id)) or {}
            if known.get("number"):
                self._table.write(put(account_to_item(replace(account, number=known["number"]))))
                return
            if self._numbered(account, mint_number(account.created_at, attempt)):
                return
        raise ConcurrentUpdateError(f"no free number for account {account.id}")

    def _numbered(self, account: Account, number: int) -> bool:
        claim = put(number_claim_to_item(number, account.id), IS_NEW)
        item = put(
            account_to_item(replace(account, number=number)),
            "attribute_not_exists(#number) OR #number = :none",
            none=0,
        )
        try:
            self._table.transact([claim, item])
        except TransactionRefusedError:
            return False
        return True

    def put_user(self, user: User) -> None:
        self._table.write(put(user_to_item(user)))
