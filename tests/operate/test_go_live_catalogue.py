"""The program in docs/go-live.md that fills the catalogue."""

from __future__ import annotations

import re

import boto3
import pytest
from moto import mock_aws

from hosting_orders.adapters.dynamodb.catalogue import DynamoCatalogueStore
from hosting_orders.adapters.system_clock import SystemClock
from operate.errors import OperateError
from operate.smoke_account import CATALOGUE_PAGE, Shop, missing_of
from tests.structure.project import ROOT
from tests.support.deployed import a_deployed_stack
from tests.support.table import REGION, TABLE_NAME, create_table


def test_the_program_makes_a_site_and_a_domain_available(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    page = (ROOT / "docs" / "go-live.md").read_text(encoding="utf-8")
    (program,) = re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    for name, value in (("ACCESS_KEY_ID", "test"), ("SECRET_ACCESS_KEY", "test"), ("DEFAULT_REGION", REGION)):
        monkeypatch.setenv(f"AWS_{name}", value)
    monkeypatch.setenv("TABLE", TABLE_NAME)
    with mock_aws():
        dynamodb = boto3.client("dynamodb")
        create_table(dynamodb)
        for _ in range(2):
            exec(compile(program, "catalogue.py", "exec"), {})
        catalogue = DynamoCatalogueStore(dynamodb, TABLE_NAME, SystemClock()).load()
    assert missing_of(catalogue) == ""
    assert catalogue.tlds["com"].max_cost == 1600


def test_the_smoke_test_says_where_to_read_about_the_catalogue() -> None:
    section = CATALOGUE_PAGE.partition("#")[2].replace("-", " ").capitalize()
    assert f"\n## {section}\n" in (ROOT / "docs" / "go-live.md").read_text(encoding="utf-8")
    with a_deployed_stack() as deployed:
        create_table(deployed.account.client("dynamodb"))
        deployed.stack.resources["OrdersTable"] = TABLE_NAME
        with pytest.raises(OperateError, match=f"a location.*: see {CATALOGUE_PAGE}"):
            Shop(deployed.account, deployed.stack, None).open()
