"""`make first-key`: create an account's first API key. With it, the account creates its other keys (docs/keys.md)."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from hosting_orders.adapters.dynamodb.api_keys import DynamoKeyStore
from hosting_orders.adapters.dynamodb.directory import DynamoDirectory
from hosting_orders.domain.account import Credential, CredentialKind
from hosting_orders.domain.api_key import PREFIX_LENGTH, ApiKey, key_id
from hosting_orders.usecases.authenticate import hash_key
from hosting_orders.usecases.manage_keys import new_secret
from operate.errors import OperateError
from operate.secrets import API_KEY, read_secret
from operate.stacks import Cloud, Stack

Report = Callable[[str], None]

_USAGE = 'ARGS="Account=acc_… User=usr_…"; without User, the key belongs to the account itself'


def first_key(cloud: Cloud, stack: Stack, values: Mapping[str, str], report: Report) -> str:
    """Return the key's secret. If this raises OperateError, nothing was stored."""
    unknown = sorted(values.keys() - {"Account", "User"})
    if unknown:
        raise OperateError(f"Not known: {', '.join(unknown)}. Give {_USAGE}.")
    if not values.get("Account"):
        raise OperateError(f"The account is missing. Give {_USAGE}.")
    client, table = cloud.client("dynamodb"), stack.resources["OrdersTable"]
    directory = DynamoDirectory(client, table)
    account_id, user_id = values["Account"], values.get("User") or None
    if directory.account(account_id) is None:
        raise OperateError(f"The stack {stack.name} has no account {account_id}.")
    user = directory.user(user_id) if user_id else None
    if user_id and (user is None or account_id not in user.account_ids):
        raise OperateError(f"The account {account_id} has no user {user_id}.")
    stored = read_secret(cloud.client("secretsmanager"), stack.resources["StripeSecret"])
    if API_KEY not in stored:
        raise OperateError("The stack is not connected: run `make connect-stripe` first.")
    # An API key can place orders only if it has the same mode as the stack's Stripe key: test or live.
    test = "_live_" not in stored[API_KEY]
    secret = new_secret(test=test)
    credential = Credential(
        key_hash=hash_key(secret),
        prefix=secret[:PREFIX_LENGTH],
        kind=CredentialKind.USER if user_id else CredentialKind.SYSTEM,
        account_ids=(account_id,),
        user_id=user_id,
        test=test,
        name="First key",
        id=key_id(account_id, None),
        created_at=time.time_ns() // 1_000_000,
    )
    keys = DynamoKeyStore(client, table)
    keys.make(ApiKey(account_id, credential), keys.ring(account_id))
    report(f"A {'test' if test else 'live'} key of {account_id}, shown only now: {secret}")
    return secret
