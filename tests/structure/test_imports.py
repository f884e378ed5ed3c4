"""The layers' import rule (README, "Where things are"): allowed imports, and what an import may do."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.structure.project import (
    FUNCTIONS,
    PACKAGE,
    ROOT,
    Source,
    code_lines,
    function_folders,
    listed,
    parse,
    project_modules,
    read_modules,
)

MAY_IMPORT = {
    "functions": {"entrypoints", "contracts", "bootstrap", "usecases", "domain"},
    "entrypoints": {"contracts", "bootstrap", "usecases", "domain", "settings"},
    "bootstrap": {"adapters", "settings"},
    "contracts": {"usecases", "domain"},
    "adapters": {"domain"},
    "usecases": {"domain"},
    "settings": set(),
    "domain": set(),
}
# Imports that are allowed only under `if TYPE_CHECKING:`. bootstrap needs them for the return types of its functions.
FOR_TYPES_ALSO = {"bootstrap": {"usecases", "domain"}}
STANDARD_LIBRARY_ONLY = {"domain", "usecases"}
PROVIDER_SDKS = {"boto3", "botocore", "stripe", "requests", "urllib3"}
MAY_KNOW_PROVIDERS = {"adapters", "bootstrap"}
HEAVY = {"stripe", "requests"}  # each import takes tenths of a second
FOR_TOKENS = {"joserfc", "cryptography"}  # only a request with an OAuth token needs these
LONGEST_APP = 60  # lines of code, enough for several short operations

# Calls that make or use a client. An import may make a plain value of an SDK, such as botocore's Config.
MAKES_A_CLIENT = {"client", "resource", "Session", "session", "get_session", "StripeClient"}
USES_A_CLIENT = {"get", "post", "put", "patch", "delete", "request"}


# -- the rules ----------------------------------------------------------------------------------------


def layers_that_reach_too_far(source: Source) -> list[str]:
    problems = []
    for found in source.imports:
        parts = found.target.split(".")
        if parts[0] == "functions":
            problems.append(f"{source.where(found.line)} imports a function: {found.target}")
        if parts[0] != "hosting_orders":
            continue
        layer = parts[1] if len(parts) > 1 else ""
        if source.layer not in MAY_IMPORT:
            problems.append(f"{source.module} belongs to no layer")
        elif found.for_types and layer in FOR_TYPES_ALSO.get(source.layer, ()):
            continue
        elif layer != source.layer and layer not in MAY_IMPORT[source.layer]:
            allowed = ", ".join(sorted(MAY_IMPORT[source.layer])) or "nothing of ours"
            problems.append(
                f"{source.where(found.line)} imports {found.target}; {source.layer} may import {allowed}"
            )
    return problems


def third_parties_inside(source: Source) -> list[str]:
    if source.layer not in STANDARD_LIBRARY_ONLY:
        return []
    return [
        f"{source.where(found.line)} imports {found.target}; {source.layer} may import only the standard library"
        for found in source.imports
        if found.target.split(".")[0] not in {*sys.stdlib_module_names, "hosting_orders"}
    ]


def provider_sdks_outside_adapters(source: Source) -> list[str]:
    problems = []
    for found in source.imports:
        package = found.target.split(".")[0]
        if package not in PROVIDER_SDKS or found.for_types:
            continue
        where = f"{source.where(found.line)} imports {package}"
        if source.layer not in MAY_KNOW_PROVIDERS:
            problems.append(f"{where}; only adapters and bootstrap may")
        elif found.at_load and package in HEAVY:
            problems.append(f"{where} at import; move it into the function that uses it")
        elif found.at_load and source.layer != "adapters":
            problems.append(f"{where} at import; only adapters may")
    return problems


def readers_of_the_environment(source: Source) -> list[str]:
    if source.module == "hosting_orders.settings":
        return []
    reads = {"os.environ", "os.environb", "os.getenv", "os.getenvb"}
    lines = {found.line for found in source.imports if found.target in reads}
    lines |= {used.line for used in source.names if ".".join(used.name.split(".")[:2]) in reads}
    return [f"{source.where(line)} reads the environment; only settings.py may" for line in sorted(lines)]


def work_done_at_import(source: Source) -> list[str]:
    """An import must not create a client, build an adapter or read a setting, because that would slow down all tests.

    A function may call `bootstrap.prepare`, which acts only on Lambda.
    """
    problems = []
    for call in source.calls:
        parts = call.name.split(".")
        ours = (
            parts[:2] in (["hosting_orders", "bootstrap"], ["hosting_orders", "settings"]) and len(parts) > 2
        )
        prepares = call.name == "hosting_orders.bootstrap.prepare" and source.layer == "functions"
        sdk = parts[0] in PROVIDER_SDKS and parts[-1] in MAKES_A_CLIENT | USES_A_CLIENT
        if call.at_load and (sdk or ours) and not prepares:
            problems.append(f"{source.where(call.line)} calls {call.name} at import")
    if source.layer != "settings":
        return problems
    reads = {used.line for used in source.names if used.at_load and used.name.startswith("os.environ")}
    reads |= {call.line for call in source.calls if call.at_load and call.name == "os.getenv"}
    return problems + [f"{source.where(line)} reads the environment at import" for line in sorted(reads)]


def imports_by_text(source: Source) -> list[str]:
    """The other rules do not see what `importlib` imports."""
    return [
        f"{source.where(call.line)} imports by name with {call.name}"
        for call in source.calls
        if call.name in ("__import__", "importlib.import_module")
    ]


def apps_that_are_too_long(source: Source) -> list[str]:
    length = code_lines(source.text)
    if source.layer != "functions" or length <= LONGEST_APP:
        return []
    return [f"{source.module} has {length} lines of code; an entry point has at most {LONGEST_APP}"]


RULES = [
    layers_that_reach_too_far,
    third_parties_inside,
    provider_sdks_outside_adapters,
    readers_of_the_environment,
    work_done_at_import,
    imports_by_text,
    apps_that_are_too_long,
]


# -- the project --------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_project_follows_the_rule(rule) -> None:
    problems = [problem for source in project_modules() for problem in rule(source)]
    assert not problems, listed(problems)


def test_each_function_has_only_the_file_app_py() -> None:
    extra = [
        str(path.relative_to(ROOT))
        for path in sorted(FUNCTIONS.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts and path.name != "app.py"
    ]
    assert function_folders(), "there are no functions"
    assert not extra, listed([f"{path}: code that functions share belongs in the package" for path in extra])


ENTRY_POINTS = [f"functions.{folder}.app" for folder in function_folders()]
EVERYTHING = [*(source.module for source in read_modules(PACKAGE, "hosting_orders")), *ENTRY_POINTS]


@pytest.mark.parametrize(
    ("modules", "unwanted"),
    [(EVERYTHING, HEAVY), (ENTRY_POINTS, HEAVY | FOR_TOKENS)],
    ids=["everything", "entry points"],
)
def test_imports_need_no_settings_network_or_heavy_packages(modules: list[str], unwanted: set[str]) -> None:
    """The other rules read the code. This test imports the code in a process without settings or network."""
    program = f"""
import importlib, sys
def no_network(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "subprocess.Popen"):
        raise RuntimeError(f"{{event}} while importing")
sys.addaudithook(no_network)
for module in {modules!r}:
    importlib.import_module(module)
print(sorted({unwanted!r} & set(sys.modules)))
"""
    path = os.pathsep.join([str(ROOT), str(PACKAGE.parent)])
    answer = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.strip() == "[]", f"importing the project imports {answer.stdout}"


# -- the rules on small examples ----------------------------------------------------------------------

GOOD = {
    "functions.charge_order.app": """
from hosting_orders.entrypoints import task
from hosting_orders import bootstrap
from hosting_orders.usecases.charge_order import charge_order
from hosting_orders.domain.errors import PaymentFailedError

bootstrap.prepare("orders", "payments")

@task.handler
def handler(event, context):
    return charge_order(bootstrap.orders(), event)
""",
    "hosting_orders.bootstrap": """
from functools import cache
from hosting_orders.adapters.dynamodb.orders import DynamoOrderStore
from hosting_orders.settings import Settings

@cache
def orders():
    import boto3
    return DynamoOrderStore(boto3.client("dynamodb"), Settings.load().table)
""",
    "hosting_orders.adapters.stripe.client": """
from __future__ import annotations
from typing import TYPE_CHECKING
from botocore.exceptions import ClientError
from hosting_orders.domain.money import Money
if TYPE_CHECKING:
    import stripe

def client(key: str) -> stripe.StripeClient:
    import stripe
    return stripe.StripeClient(key)
""",
    "hosting_orders.settings": """
import os
def load():
    return os.environ["TABLE_NAME"]
""",
    "hosting_orders.adapters.dynamodb.codec": """
from boto3.dynamodb.types import TypeSerializer
SERIALIZER = TypeSerializer()
""",
    "hosting_orders.domain.order": "from .money import Money\nfrom dataclasses import dataclass\n",
    "hosting_orders.usecases.charge_order": "from . import ports\nfrom hosting_orders.domain import order\n",
    "hosting_orders.contracts.orders_v2.orders": "import pydantic\nfrom hosting_orders.domain.order import Order\n",
}


@pytest.mark.parametrize("module", GOOD)
def test_good_code_passes_every_rule(module: str) -> None:
    source = parse(module, GOOD[module])
    assert [problem for rule in RULES for problem in rule(source)] == []


@pytest.mark.parametrize(
    ("rule", "module", "text"),
    [
        (layers_that_reach_too_far, "functions.a.app", "from hosting_orders.adapters import stripe"),
        (layers_that_reach_too_far, "functions.a.app", "import hosting_orders.settings"),
        (layers_that_reach_too_far, "functions.a.app", "from functions.b.app import handler"),
        (layers_that_reach_too_far, "functions.a.app", "from ..b import app"),
        (layers_that_reach_too_far, "functions.a.app", "def f():\n    from hosting_orders import settings"),
        (
            layers_that_reach_too_far,
            "hosting_orders.domain.order",
            "from hosting_orders.usecases import ports",
        ),
        (layers_that_reach_too_far, "hosting_orders.domain.order", "from ..usecases import ports"),
        (layers_that_reach_too_far, "hosting_orders.domain.order", "from .. import adapters"),
        (
            layers_that_reach_too_far,
            "hosting_orders.usecases.a",
            "from hosting_orders.contracts.orders_v2 import orders",
        ),
        (
            layers_that_reach_too_far,
            "hosting_orders.usecases.a",
            "from hosting_orders.adapters.dynamodb import b",
        ),
        (
            layers_that_reach_too_far,
            "hosting_orders.adapters.a",
            "from hosting_orders.usecases.ports import Clock",
        ),
        (
            layers_that_reach_too_far,
            "hosting_orders.contracts.v1",
            "from hosting_orders.entrypoints import http",
        ),
        (
            layers_that_reach_too_far,
            "hosting_orders.entrypoints.http",
            "from hosting_orders.adapters import x",
        ),
        (
            layers_that_reach_too_far,
            "hosting_orders.bootstrap",
            "from hosting_orders.entrypoints import http",
        ),
        (layers_that_reach_too_far, "hosting_orders.helpers", "from hosting_orders.domain import order"),
        (third_parties_inside, "hosting_orders.domain.order", "import pydantic"),
        (third_parties_inside, "hosting_orders.domain.order", "def f():\n    from stripe import Invoice"),
        (third_parties_inside, "hosting_orders.usecases.a", "from aws_lambda_powertools import Logger"),
        (provider_sdks_outside_adapters, "functions.a.app", "import boto3"),
        (provider_sdks_outside_adapters, "functions.a.app", "def f():\n    import boto3"),
        (provider_sdks_outside_adapters, "hosting_orders.bootstrap", "import boto3"),
        (provider_sdks_outside_adapters, "hosting_orders.adapters.a", "import stripe"),
        (
            provider_sdks_outside_adapters,
            "hosting_orders.adapters.a",
            "try:\n    import requests\nfinally:\n    pass",
        ),
        (
            provider_sdks_outside_adapters,
            "hosting_orders.adapters.a",
            "class A:\n    from requests import get",
        ),
        (
            readers_of_the_environment,
            "hosting_orders.bootstrap",
            "import os\ndef f():\n    return os.environ['A']",
        ),
        (readers_of_the_environment, "functions.a.app", "from os import environ"),
        (readers_of_the_environment, "functions.a.app", "import os\nx = os.getenv('A')"),
        (readers_of_the_environment, "hosting_orders.adapters.a", "import os as o\nx = o.environ.get('A')"),
        (
            work_done_at_import,
            "functions.a.app",
            "from hosting_orders import bootstrap\norders = bootstrap.orders()",
        ),
        (
            work_done_at_import,
            "hosting_orders.usecases.a",
            "from hosting_orders.bootstrap import prepare\nprepare('orders')",
        ),
        (work_done_at_import, "hosting_orders.adapters.a", "import boto3\nclient = boto3.client('dynamodb')"),
        (work_done_at_import, "hosting_orders.adapters.a", "import boto3\ndef f(c=boto3.client('s3')): ..."),
        (
            work_done_at_import,
            "functions.a.app",
            "from hosting_orders.bootstrap import orders\n@orders()\ndef f(): ...",
        ),
        (work_done_at_import, "hosting_orders.settings", "import os\nTABLE = os.environ['TABLE']"),
        (work_done_at_import, "hosting_orders.settings", "import os\nTABLE = os.getenv('TABLE')"),
        (
            imports_by_text,
            "functions.a.app",
            "import importlib\ndef f():\n    importlib.import_module('boto3')",
        ),
        (apps_that_are_too_long, "functions.a.app", "x = 1\n" * (LONGEST_APP + 1)),
    ],
)
def test_bad_code_is_noticed(rule, module: str, text: str) -> None:
    assert len(rule(parse(module, text))) >= 1


def test_code_lines_exclude_comments_and_docstrings() -> None:
    text = '"""What\n\nit is."""\n\n# why\nx = 1\n\ndef f():\n    """Doc."""\n    return x  # here\n'
    assert code_lines(text) == 3
