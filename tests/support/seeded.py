"""The demo data of a test's `World`. It is made once per process and then copied, because making it is slow."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

from moto.core import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import dynamodb_backends

from local.stripe_standin.state import State
from tests.support.table import REGION, TABLE_NAME

Accounts = dict[str, dict[str, str]]

_seeds: dict[str, bytes] = {}


def demo_data(state: State, make: Callable[[], Accounts]) -> Accounts:
    """Fill the empty table and Stripe's stand-in. `make` creates the data for the first world of this process. Later
    worlds get a copy.
    """
    table = dynamodb_backends[DEFAULT_ACCOUNT_ID][REGION].tables[TABLE_NAME]
    if not _seeds:
        accounts = make()
        seed: Any = (accounts, table.items, state.contents())
        _seeds["demo"] = pickle.dumps(seed)
        return accounts
    # Unpickling makes a copy, so no world sees the changes of another world.
    accounts, table.items, contents = pickle.loads(_seeds["demo"])
    state.restore(contents)
    return accounts
