"""Count the instructions of a cold start: `make bench`. See bench/README.md."""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.tls import certified, tls_in_front_of
from local.aws import ACCESS_KEY_ID, REGION, SECRET_ACCESS_KEY
from local.client import Answer, call
from local.seed import seed
from local.stack import Stack, running_stack
from tests.structure.project import camel_case

ROOT = Path(__file__).parents[1]
BUILT = ROOT / ".aws-sam" / "here"
LAYERS = ("HostingOrdersLayer", "DependenciesLayer")
FUNCTIONS = ("show_order", "read_orders", "place_order")
IN_FUNCTION = Path(__file__).parent / "in_function.py"
MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Measured:
    """Millions of instructions, without the start of Python itself.

    `warm_call` is the average of the calls after the first one.
    """

    importing: float
    first_call: float
    warm_call: float


@dataclass(frozen=True, slots=True)
class Bench:
    """A stack with one completed order, and the packages to measure."""

    stack: Stack
    packages: Path
    environment: dict[str, str]
    client: dict[str, str]
    cart_path: str
    order_path: str

    def metric(self, function: str, warm_calls: int) -> Measured:
        empty = self._count(function, "start", 0)
        imported = self._count(function, "import", 0)
        called = self._count(function, "end", 1)
        often = self._count(function, "end", 1 + warm_calls) if warm_calls else called
        return Measured(
            (imported - empty) / MILLION,
            (called - imported) / MILLION,
            (often - called) / MILLION / warm_calls if warm_calls else 0.0,
        )

    def _count(self, function: str, until: str, calls: int) -> int:
        method, path, parameters, body, expected = self._request(function)
        job = {
            "until": until,
            "calls": calls,
            "event": self._event(method, path, parameters, body),
            "expected": expected,
        }
        name = f"{camel_case(function)}Function"
        settings = self.stack.aws.client("lambda").get_function_configuration(
            FunctionName=self.stack.deployment.resources[name]
        )["Environment"]["Variables"]
        search_path = [self.packages / name, *(self.packages / layer / "python" for layer in LAYERS)]
        python = Path(sys.executable).resolve()  # not the Python of .venv/app, which would add its packages
        valgrind = ["valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"]
        counted = subprocess.run(
            [*valgrind, str(python), "-S", "-P", "-B", str(IN_FUNCTION)],
            input=json.dumps(job),
            env={**settings, **self.environment, "PYTHONPATH": os.pathsep.join(map(str, search_path))},
            capture_output=True,
            text=True,
            check=False,
        )
        found = re.search(r"I\s+refs:\s+([\d,]+)", counted.stderr)
        if counted.returncode or found is None:
            sys.exit(f"{function} failed:\n{counted.stdout[-2000:]}\n{counted.stderr[-4000:]}")
        return int(found.group(1).replace(",", ""))

    def _request(self, function: str) -> tuple[str, str, dict[str, str], object, int]:
        match function:
            case "show_order":
                return "GET", "/api/orders/{id}", {"id": self.order_path.rpartition("/")[2]}, None, 200
            case "read_orders":
                return "GET", "/api/carts/{token}", {"token": self.cart_path.rpartition("/")[2]}, None, 200
            case "place_order":
                return "POST", "/api/orders", {}, _site(), 202
        sys.exit(f"The bench has no request for {function}; add one to _request.")

    def _event(self, method: str, route: str, parameters: dict[str, str], body: object) -> dict[str, Any]:
        """An event of API Gateway's HTTP API, format 2.0."""
        path = route.format(**parameters)
        return {
            "version": "2.0",
            "routeKey": f"{method} {route}",
            "rawPath": path,
            "rawQueryString": "",
            "headers": {**self.client, "content-type": "application/json", "accept": "*/*"},
            "pathParameters": parameters,
            "requestContext": {"http": {"method": method, "path": path, "sourceIp": "192.0.2.1"}},
            "body": json.dumps(body) if body else None,
            "isBase64Encoded": False,
        }


def _site() -> dict[str, Any]:
    site = {"name": f"bench-{uuid.uuid4().hex[:8]}", "variant": "extendify", "location": "ams"}
    return {"site": {**site, "plan": "basic", "term": "monthly"}}


@contextmanager
def running_bench(packages: Path) -> Iterator[Bench]:
    with tempfile.TemporaryDirectory() as folder, running_stack(Path(folder), schedule_seconds=None) as stack:
        account = seed(stack)["ready"]
        client = {"authorization": f"Bearer {account['user_key']}", "x-auth-account": account["id"]}
        placed = _document(call("POST", f"{stack.api}/api/orders", _site(), headers=client))
        cart_path = placed["cart"]["poll_url"]
        order_path = _completed_order(stack.api, client, cart_path)
        bundle = next(packages.glob("DependenciesLayer/python/certifi/cacert.pem"))
        with tls_in_front_of(stack.aws.endpoint, certified(Path(folder))) as endpoint:
            trusted = Path(folder) / "trusted.pem"
            trusted.write_text(bundle.read_text() + (Path(folder) / "authority.pem").read_text())
            environment = {
                "PATH": os.environ["PATH"],
                "PYTHONHASHSEED": "0",
                "LC_ALL": "C.UTF-8",
                "AWS_ENDPOINT_URL": endpoint,
                "AWS_CA_BUNDLE": str(trusted),
                "AWS_REGION": REGION,
                "AWS_DEFAULT_REGION": REGION,
                "AWS_ACCESS_KEY_ID": ACCESS_KEY_ID,
                "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY,
                "AWS_LAMBDA_FUNCTION_NAME": "bench",
            }
            yield Bench(stack, packages, environment, client, cart_path, order_path)


def _completed_order(api: str, client: dict[str, str], cart_path: str) -> str:
    """Wait until the cart's only order is completed, and return its path."""
    for _ in range(600):
        (order,) = _document(call("GET", api + cart_path, headers=client))["orders"]
        path = str(order["poll_url"])
        if _document(call("GET", api + path, headers=client))["order"]["status"] == "completed":
            return path
        time.sleep(0.2)
    sys.exit("The order was not completed within two minutes.")


def _document(answer: Answer) -> Any:
    if answer.status >= 300:
        sys.exit(f"The API answered {answer.status}: {answer.body.decode()}")
    return answer.json()


def without_bytecode(packages: Path, folder: Path) -> Path:
    copy = folder / "packages"
    shutil.copytree(packages, copy, ignore=shutil.ignore_patterns("__pycache__"))
    return copy


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("functions", nargs="*", default=FUNCTIONS, help="folders of functions/")
    parser.add_argument("--without-bytecode", action="store_true", help="measure without .pyc files")
    parser.add_argument("--warm", type=int, default=0, metavar="N", help="count N further calls as well")
    parser.add_argument("--packages", type=Path, default=BUILT, help="folder that `sam build` has filled")
    given = parser.parse_args()
    if shutil.which("valgrind") is None:
        sys.exit("The bench counts with valgrind, which is not installed.")
    with tempfile.TemporaryDirectory() as folder:
        packages = given.packages.resolve()
        if given.without_bytecode:
            packages = without_bytecode(packages, Path(folder))
        with running_bench(packages) as bench:
            print(f"{'M instructions':<20}{'import':>9}{'first call':>12}{'together':>10}{'warm call':>11}")
            for function in given.functions:
                found = bench.metric(function, given.warm)
                together = found.importing + found.first_call
                print(
                    f"{function:<20}{found.importing:>9,.0f}{found.first_call:>12,.0f}{together:>10,.0f}"
                    + (f"{found.warm_call:>11,.1f}" if given.warm else f"{'-':>11}"),
                    flush=True,
                )


if __name__ == "__main__":
    main()
