"""A command `aws` for the shell lines of the runbooks. It checks arguments against AWS's own service models.

The command calls the boto3 clients of the test. It supports the forms that the runbooks use:
`aws <service> <operation> --an-option value`, flags, lists, `file://`, `--query`, `--output text` and `aws logs tail`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import botocore.session
import jmespath
from botocore import xform_name
from botocore.exceptions import ClientError

_SCRIPT = """#!{python}
import http.client, json, os, sys
connection = http.client.HTTPConnection("127.0.0.1", int(os.environ["AWS_COMMAND_PORT"]), timeout=60)
connection.request("POST", "/", json.dumps(sys.argv[1:]))
answer = json.loads(connection.getresponse().read())
sys.stdout.write(answer["out"])
sys.stderr.write(answer["err"])
sys.exit(answer["code"])
"""


class UsageError(Exception):
    """The AWS CLI would refuse these arguments."""


@cache
def _model(service: str) -> Any:
    return botocore.session.get_session().get_service_model(service)


def run_shell(lines: str, clients: Mapping[str, Any], folder: Path, **variables: str) -> str:
    """Run the lines in bash with this `aws` on the PATH, and return the output. Raises AssertionError on failure."""
    command = folder / "aws"
    command.write_text(_SCRIPT.format(python=sys.executable))
    command.chmod(0o755)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # http.server's own name
            arguments = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            try:
                answer = {"out": _answer(arguments, clients), "err": "", "code": 0}
            except (UsageError, ClientError) as error:
                answer = {"out": "", "err": f"{error}\n", "code": 254}
            body = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        environment = {
            **{name: os.environ[name] for name in ("HOME", "LANG") if name in os.environ},
            "PATH": f"{folder}:{os.environ['PATH']}",
            "AWS_COMMAND_PORT": str(server.server_address[1]),
            **variables,
        }
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", lines],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        server.shutdown()
    assert done.returncode == 0, done.stderr
    return done.stdout


def _answer(arguments: list[str], clients: Mapping[str, Any]) -> str:
    service, operation, *options = arguments
    if (service, operation) == ("logs", "tail"):
        return _tail(options, clients["logs"])
    model = _model(service)
    names = {xform_name(name, "-"): name for name in model.operation_names}
    if operation not in names:
        raise UsageError(f"{service} has no command {operation}")
    described = model.operation_model(names[operation])
    shape = described.input_shape
    known = {f"--{xform_name(name, '-')}": (name, member) for name, member in shape.members.items()}
    given: dict[str, Any] = {}
    query, output = None, "json"
    # A streamed answer goes to a file. The only supported file is /dev/stdout.
    streamed = options.pop() if described.has_streaming_output else None
    if streamed not in (None, "/dev/stdout"):
        raise UsageError(f"{service} {operation} needs /dev/stdout at its end")
    while options:
        option = options.pop(0)
        if option == "--query":
            query = options.pop(0)
        elif option == "--output":
            output = options.pop(0)
        elif option not in known:
            raise UsageError(f"{service} {operation} has no option {option}")
        else:
            name, member = known[option]
            given[name] = True if member.type_name == "boolean" else _value(options, member)
    missing = [name for name in shape.required_members if name not in given]
    if missing:
        raise UsageError(f"{service} {operation} needs {missing}")
    answer = getattr(clients[service], operation.replace("-", "_"))(**given)
    answer = {name: value for name, value in answer.items() if name != "ResponseMetadata"}
    written = ""
    if streamed:
        written = answer.pop(described.output_shape.serialization["payload"]).read().decode()
    found = jmespath.search(query, answer) if query else answer
    if output == "text":
        return written + _text(found)
    return written + json.dumps(found, default=str, indent=4) + "\n"


def _value(options: list[str], member: Any) -> Any:
    first = options.pop(0)
    if member.type_name in ("structure", "map"):
        return json.loads(first)
    if member.type_name != "list":
        return Path(first.removeprefix("file://")).read_text() if first.startswith("file://") else first
    values = [first]
    while options and not options[0].startswith("--"):
        values.append(options.pop(0))
    return values


def _tail(options: list[str], client: Any) -> str:
    """The messages of a log group. `aws logs tail` is no operation of the service, only a command of the CLI."""
    group, *named = options
    given = dict(zip(named[::2], named[1::2], strict=True))
    if set(given) - {"--since", "--filter-pattern"}:
        raise UsageError(f"logs tail has no {sorted(given)}")
    events = client.filter_log_events(logGroupName=group, filterPattern=given.get("--filter-pattern", ""))
    return "".join(f"{event['message']}\n" for event in events["events"])


def _text(found: Any) -> str:
    """Format as the CLI does: a list is one line with tabs, and a list of lists has one line for each inner list."""
    if not isinstance(found, list):
        return f"{_word(found)}\n"
    if found and all(isinstance(row, list) for row in found):
        return "".join("\t".join(map(_word, row)) + "\n" for row in found)
    return "\t".join(map(_word, found)) + "\n"


def _word(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
