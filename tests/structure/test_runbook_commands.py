"""Every `aws` command in the documentation has a service, a command, options and response fields that exist.

The check uses botocore's models of the AWS services. tests/integration/test_runbook_commands.py and
tests/workflow/test_faults.py run the commands.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from functools import cache
from typing import Any

import botocore.session
import jmespath
import pytest
from botocore import xform_name

from tests.structure.project import ROOT, listed

PAGES = sorted([*(ROOT / "docs").glob("*.md"), ROOT / "README.md"])
GLOBAL_OPTIONS = {"--query", "--output", "--region", "--profile", "--no-cli-pager"}
OUTPUTS = {"json", "text", "table", "yaml"}
# Commands that the AWS CLI adds to the services' operations, with their options.
# https://docs.aws.amazon.com/cli/latest/reference/logs/tail.html
ADDED = {("logs", "tail"): {"--since", "--follow", "--format", "--filter-pattern", "--log-stream-names"}}
_ENDS = re.compile(r"\|\||&&|[;|)\n]|>")


def commands(text: str) -> Iterator[str]:
    """Each `aws` command of the shell blocks, without the shell code around it."""
    for block in re.findall(r"^ *```sh\n(.*?)^ *```$", text, re.MULTILINE | re.DOTALL):
        lines = re.sub(r"\s*\\\n\s*", " ", block)
        for start in re.finditer(r"(?:^|\$\(|[;|{]|then|do)\s*(?=aws )", lines, re.MULTILINE):
            yield lines[start.end() : _end(lines, start.end())]


def _end(text: str, place: int) -> int:
    """Where the command ends. Separators inside quotes and substitutions do not end it."""
    while place < len(text):
        if text[place] == "'":
            place = text.index("'", place + 1) + 1
        elif text[place] == '"':
            place = _past_quotes(text, place + 1)
        elif text.startswith("$(", place):
            place = _end(text, place + 2) + 1
        elif _ENDS.match(text, place):
            return place
        else:
            place += 2 if text[place] == "\\" else 1
    return place


def _past_quotes(text: str, place: int) -> int:
    while text[place] != '"':
        if text.startswith("$(", place):
            place = _end(text, place + 2) + 1
        else:
            place += 2 if text[place] == "\\" else 1
    return place + 1


@cache
def _model(service: str) -> Any:
    session = botocore.session.get_session()
    return session.get_service_model(service) if service in session.get_available_services() else None


def problems_of(command: str) -> list[str]:
    # A quoted substitution may have quotes of its own, which shlex does not understand.
    words = shlex.split(re.sub(r'"\$\([^)]*\)[^"]*"', "VALUE", command))
    _, service, operation, *rest = words
    if (service, operation) in ADDED:
        options = {word for word in rest if word.startswith("--")}
        return [f"{service} {operation} has no {option}" for option in options - ADDED[service, operation]]
    model = _model(service)
    if model is None:
        return [f"there is no service {service}"]
    names = {xform_name(name, "-"): name for name in model.operation_names}
    if operation not in names:
        return [f"{service} has no command {operation}"]
    return _problems_of_options(model.operation_model(names[operation]), rest)


def _problems_of_options(operation: Any, words: list[str]) -> list[str]:
    members = operation.input_shape.members if operation.input_shape else {}
    known = {f"--{xform_name(name, '-')}": (name, member) for name, member in members.items()}
    problems: list[str] = []
    given: set[str] = set()
    loose = 0
    while words:
        word = words.pop(0)
        name, member = known.get(word, ("", None))
        if not word.startswith("--"):
            loose += 1
        elif word in GLOBAL_OPTIONS:
            problems += _problems_of_global(word, words.pop(0), operation)
        elif member is None:
            problems.append(f"{operation.name} has no option {word}")
        else:
            given.add(name)
            while member.type_name != "boolean" and words and not words[0].startswith("--"):
                value = words.pop(0)
                problems += [f"{word} cannot be {value}"] if _is_refused(value, member) else []
                if member.type_name != "list":
                    break
    required = operation.input_shape.required_members if operation.input_shape else []
    if loose != _files(operation):
        problems.append(f"{operation.name} takes {_files(operation)} words without an option, not {loose}")
    return problems + [f"{operation.name} needs {name}" for name in required if name not in given]


def _problems_of_global(option: str, value: str, operation: Any) -> list[str]:
    if option == "--output" and value not in OUTPUTS:
        return [f"there is no output {value}"]
    return _problems_of_query(value, operation.output_shape) if option == "--query" else []


def _is_refused(value: str, member: Any) -> bool:
    allowed = getattr(member.member if member.type_name == "list" else member, "enum", [])
    return bool(allowed) and not value.startswith("$") and value not in allowed


def _files(operation: Any) -> int:
    """The number of positional arguments. For a binary response, the CLI needs the name of a file."""
    shape = operation.output_shape
    payload = shape.serialization.get("payload") if shape else None
    return 1 if payload and shape.members[payload].type_name == "blob" else 0


def _problems_of_query(query: str, shape: Any) -> list[str]:
    names: set[str] = set()
    maps: set[str] = set()
    _collect(shape, names, maps, set())
    # A map may have any keys, so the key after a map's name is not checked.
    text = re.sub(rf"\b({'|'.join(maps)})\.\w+", r"\1", query) if maps else query
    try:
        tree = jmespath.compile(text).parsed
    except jmespath.exceptions.JMESPathError as error:
        return [f"the query {query} cannot be read: {error}"]
    fields = {node["value"] for node in _nodes(tree) if node["type"] == "field"}
    return [f"no field {field} in the answer" for field in sorted(fields - names)]


def _nodes(tree: Any) -> Iterator[Any]:
    yield tree
    for child in tree.get("children", []):
        yield from _nodes(child)


def _collect(shape: Any, names: set[str], maps: set[str], seen: set[str]) -> None:
    """Collect the names of all members, at any depth. `maps` gets only the members whose value is a map."""
    if shape is None or shape.name in seen:
        return
    seen.add(shape.name)
    if shape.type_name == "structure":
        names.update(shape.members)
        maps.update(name for name, member in shape.members.items() if member.type_name == "map")
        for member in shape.members.values():
            _collect(member, names, maps, seen)
    elif shape.type_name in ("list", "map"):
        _collect(shape.member if shape.type_name == "list" else shape.value, names, maps, seen)


ALL = [(page.name, command) for page in PAGES for command in commands(page.read_text(encoding="utf-8"))]


def test_every_aws_command_of_the_runbooks_is_found() -> None:
    text = (ROOT / "docs" / "runbooks.md").read_text(encoding="utf-8")
    blocks = "".join(re.findall(r"^ *```sh\n(.*?)^ *```$", text, re.MULTILINE | re.DOTALL))
    count = len(re.findall(r"(?<![\w.-])aws [a-z]", blocks))
    assert count == len([page for page, _ in ALL if page == "runbooks.md"]) > 10


@pytest.mark.parametrize(("page", "command"), ALL, ids=[f"{p}: {c[:50]}" for p, c in ALL])
def test_the_aws_cli_knows_the_command(page: str, command: str) -> None:
    problems = problems_of(command)
    assert not problems, listed([f"{page}: {command}", *problems])


def test_every_aws_command_named_in_a_sentence_exists() -> None:
    for page in PAGES:
        for service, operation in re.findall(
            r"`aws ([a-z0-9-]+) ([a-z0-9-]+)`", page.read_text(encoding="utf-8")
        ):
            model = _model(service)
            assert model is not None, f"{page.name}: {service}"
            assert operation in {xform_name(name, "-") for name in model.operation_names}, (
                f"{page.name}: {operation}"
            )


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        ("aws sqs purge-queue --queue-url X", None),
        ("aws sqs purge --queue-url X", "has no command purge"),
        ("aws queues purge-queue", "there is no service queues"),
        ("aws sqs purge-queue --queue X", "no option --queue"),
        ("aws sqs purge-queue", "needs QueueUrl"),
        ("aws sqs purge-queue --queue-url X --output csv", "no output csv"),
        ("aws stepfunctions list-executions --status-filter BROKEN", "cannot be BROKEN"),
        ("aws stepfunctions list-executions --query 'executions[].arn'", "no field arn"),
        ("aws stepfunctions list-executions --query 'executions['", "cannot be read"),
        ("aws stepfunctions list-executions extra", "takes 0 words"),
        ("aws stepfunctions get-execution-history --execution-arn X --reverse-order", None),
        ("aws logs tail group --since 1h", None),
        ("aws logs tail group --filter x", "has no --filter"),
        ("aws sqs get-queue-attributes --queue-url X --attribute-names All Some", "cannot be Some"),
    ],
)
def test_a_wrong_command_is_noticed(command: str, problem: str | None) -> None:
    problems = problems_of(command)
    assert (problems == []) if problem is None else any(problem in found for found in problems), problems


def test_commands_are_found_in_substitutions_and_conditions() -> None:
    text = """
```sh
A=$(aws sqs list-queues --query "x[?a=='$(echo b)']" \\
  --output text)
for B in $(aws sns list-topics); do aws sns publish --message "$(id x)" || echo "no" >&2; done
```
"""
    assert [command.strip() for command in commands(text)] == [
        "aws sqs list-queues --query \"x[?a=='$(echo b)']\" --output text",
        "aws sns list-topics",
        'aws sns publish --message "$(id x)"',
    ]
