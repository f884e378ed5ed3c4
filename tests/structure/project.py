"""Reads the project's modules as `Source` objects, and the template as data, for the rules in tests/structure.

Each rule is a function that takes this data and returns problems, one line each. Tests also run each rule on small bad
examples.
"""

from __future__ import annotations

import ast
import copy
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "layers" / "hosting_orders" / "hosting_orders"
FUNCTIONS = ROOT / "functions"
TEMPLATE = ROOT / "template.yaml"
STATE_MACHINE = ROOT / "statemachines" / "fulfil_order.asl.yaml"


def listed(problems: list[str]) -> str:
    return "\n" + "\n".join(problems)


def tracked_files() -> list[Path]:
    """Return every existing file that git tracks, and every new file that git does not ignore."""
    answer = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    paths = (ROOT / name for name in answer.stdout.decode().split("\0") if name)
    return sorted(path for path in paths if path.is_file())


# -- Python -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Import:
    """`target` is the dotted name of the import: `from a.b import c` gives `a.b.c`."""

    target: str
    line: int
    at_load: bool  # runs when the module is imported
    for_types: bool  # under `if TYPE_CHECKING:`, so it never runs


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a dotted name such as `boto3.client`.

    `name` is resolved through the module's imports. `texts` are the literal strings among the arguments.
    """

    name: str
    line: int
    at_load: bool
    texts: tuple[str, ...] = ()


@dataclass(slots=True)
class Source:
    """One module: its imports, its calls, and the names that it reads."""

    module: str
    text: str
    imports: list[Import] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    names: list[Call] = field(default_factory=list)  # every dotted name that is read

    @property
    def layer(self) -> str:
        """`domain`, `usecases`, … or `functions`. Empty for the package itself."""
        parts = self.module.split(".")
        if parts[0] == "functions":
            return "functions"
        return parts[1] if len(parts) > 1 else ""

    def where(self, line: int) -> str:
        return f"{self.module}:{line}"


def parse(module: str, text: str, *, is_package: bool = False) -> Source:
    source = Source(module, text)
    _Reader(source, is_package).visit(ast.parse(text))
    return source


def read_modules(folder: Path, name: str) -> list[Source]:
    sources = []
    for path in sorted(folder.rglob("*.py")):
        parts = [name, *path.relative_to(folder).with_suffix("").parts]
        is_package = parts[-1] == "__init__"
        module = ".".join(parts[:-1] if is_package else parts)
        sources.append(parse(module, path.read_text(encoding="utf-8"), is_package=is_package))
    return sources


def project_modules() -> list[Source]:
    """All deployed code: the package in the layer, and the functions."""
    return [*read_modules(PACKAGE, "hosting_orders"), *read_modules(FUNCTIONS, "functions")]


class _Reader(ast.NodeVisitor):
    """Separates code that runs at import from code inside functions."""

    def __init__(self, source: Source, is_package: bool) -> None:
        self._source = source
        self._package = source.module.split(".") if is_package else source.module.split(".")[:-1]
        self._depth = 0
        self._for_types = False
        self._known: dict[str, str] = {}  # local name → dotted name

    def _import(self, target: str, local: str, means: str, line: int) -> None:
        self._known[local] = means
        self._source.imports.append(Import(target, line, self._depth == 0, self._for_types))

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            first = alias.name.split(".")[0]
            self._import(
                alias.name, alias.asname or first, alias.name if alias.asname else first, node.lineno
            )

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        base = node.module or ""
        if node.level:
            parts = self._package[: len(self._package) - node.level + 1]
            base = ".".join([*parts, *([node.module] if node.module else [])])
        for alias in node.names:
            target = f"{base}.{alias.name}"
            self._import(target, alias.asname or alias.name, target, node.lineno)

    def visit_If(self, node: ast.If) -> None:
        if _dotted(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            outside, self._for_types = self._for_types, True
            for statement in node.body:
                self.visit(statement)
            self._for_types = outside
        else:
            self.visit(node.test)
            for statement in node.body:
                self.visit(statement)
        for statement in node.orelse:
            self.visit(statement)

    def _visit_function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        # Decorators and defaults run when the module is imported. The body does not.
        for outer in (*node.decorator_list, *node.args.defaults, *(d for d in node.args.kw_defaults if d)):
            self.visit(outer)
        self._depth += 1
        for statement in node.body:
            self.visit(statement)
        self._depth -= 1

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._visit_function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self._visit_function(node)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self._depth += 1
        self.visit(node.body)
        self._depth -= 1

    def _resolved(self, node: ast.expr) -> str | None:
        name = _dotted(node)
        if name is None:
            return None
        first, dot, rest = name.partition(".")
        return self._known.get(first, first) + dot + rest

    def visit_Call(self, node: ast.Call) -> None:
        name = self._resolved(node.func)
        if name:
            literals = [argument.value for argument in node.args if isinstance(argument, ast.Constant)]
            texts = tuple(value for value in literals if isinstance(value, str))
            self._source.calls.append(Call(name, node.lineno, self._depth == 0, texts))
        self.generic_visit(node)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        name = self._resolved(node)
        if name:
            self._source.names.append(Call(name, node.lineno, self._depth == 0))
        else:
            self.generic_visit(node)


def _dotted(node: ast.expr) -> str | None:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        head = _dotted(node.value)
        return f"{head}.{node.attr}" if head else None
    return None


def code_lines(text: str) -> int:
    tree = ast.parse(text)
    quiet: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                assert first.end_lineno is not None
                quiet.update(range(first.lineno, first.end_lineno + 1))
    lines = enumerate(text.splitlines(), start=1)
    return sum(1 for number, line in lines if number not in quiet and not re.match(r"\s*(#|$)", line))


# -- YAML ---------------------------------------------------------------------------------------------


class _CloudFormationLoader(yaml.SafeLoader):
    """Reads `!Ref X` as {"Ref": "X"} and so on, and refuses duplicate keys."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value if key.tag != _MERGE]
        twice = {key for key in keys if keys.count(key) > 1}
        assert not twice, f"written twice in one object: {twice} {node.start_mark}"
        return super().construct_mapping(node, deep)


_MERGE = "tag:yaml.org,2002:merge"


def _construct_tag(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        assert isinstance(node, yaml.MappingNode)
        value = loader.construct_mapping(node, deep=True)
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


_CloudFormationLoader.add_multi_constructor("!", _construct_tag)


def parse_template(text: str) -> dict[str, Any]:
    """A CloudFormation template as data, with short tags in their long form."""
    template: dict[str, Any] = yaml.load(text, Loader=_CloudFormationLoader)
    return template


def read_template() -> dict[str, Any]:
    return parse_template(TEMPLATE.read_text(encoding="utf-8"))


def resources(template: dict[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    """Logical id → resource, for one type such as `AWS::Serverless::Function`."""
    return {name: found for name, found in template.get("Resources", {}).items() if found["Type"] == kind}


def functions(template: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Logical id → properties of a function, including the properties from Globals."""
    shared = template.get("Globals", {}).get("Function", {})
    return {
        name: _merged(shared, found.get("Properties", {}))
        for name, found in resources(template, "AWS::Serverless::Function").items()
    }


def granted(template: dict[str, Any], properties: dict[str, Any]) -> list[dict[str, Any]]:
    """The policy documents of a function, including the documents of its managed policies in the template."""
    managed = resources(template, "AWS::IAM::ManagedPolicy")
    documents: list[dict[str, Any]] = []
    for policy in properties.get("Policies", []):
        name = policy.get("Ref") if isinstance(policy, dict) else None
        documents.append(managed[name]["Properties"]["PolicyDocument"] if name in managed else policy)
    return documents


def _merged(shared: Any, own: Any) -> Any:
    """Merge as SAM does: objects are merged, lists are joined, anything else is overridden."""
    if isinstance(shared, dict) and isinstance(own, dict):
        return {
            key: _merged(shared[key], own[key])
            if key in shared and key in own
            else own.get(key, shared.get(key))
            for key in {**shared, **own}
        }
    if isinstance(shared, list) and isinstance(own, list):
        return [*shared, *own]
    return own


def as_list(value: Any) -> list[Any]:
    """Return the value as a list. CloudFormation accepts one value or several."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def with_change(template: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy of the template with the value at this path (`a/b/0`) replaced. None removes the value."""
    copied = copy.deepcopy(template)
    *way, last = path.split("/")
    place: Any = copied
    for step in way:
        place = place[int(step) if isinstance(place, list) else step]
    if value is None:
        del place[last]
    else:
        place[int(last) if isinstance(place, list) else last] = value
    return copied


def plain(value: Any, template: dict[str, Any]) -> Any:
    """Replace a `Ref` to a parameter with the parameter's default. Return every other value unchanged."""
    if isinstance(value, dict) and set(value) == {"Ref"}:
        parameter = template.get("Parameters", {}).get(value["Ref"])
        if parameter is not None:
            return parameter.get("Default")
    return value


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield str(key)
            yield from strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from strings(item)


def references(value: Any) -> set[str]:
    """The logical ids in Ref, GetAtt and Sub."""
    found: set[str] = set()
    if isinstance(value, dict):
        for key, item in value.items():
            if key == "Ref":
                found.add(item.split(".")[0])
            elif key == "Fn::GetAtt":
                found.add(item[0])
            elif key == "Fn::Sub":
                text = item if isinstance(item, str) else item[0]
                found.update(re.findall(r"\$\{(\w+)", text))
                if not isinstance(item, str):
                    found |= references(item[1])
            else:
                found |= references(item)
    elif isinstance(value, list):
        for item in value:
            found |= references(item)
    return found


def bare_references(value: Any) -> set[str]:
    """The logical ids that appear in any form except `!Ref FUNCTION.Alias`."""
    if isinstance(value, dict):
        if isinstance(value.get("Ref"), str) and value["Ref"].endswith(".Alias"):
            return set()
        if not {"Ref", "Fn::GetAtt", "Fn::Sub"} & value.keys():
            return set().union(*(bare_references(item) for item in value.values()))
    if isinstance(value, list):
        return set().union(*(bare_references(item) for item in value))
    return references(value)


def camel_case(folder: str) -> str:
    return "".join(word.capitalize() for word in folder.split("_"))


def function_folders() -> list[str]:
    """The folders of functions/ that contain Python."""
    return sorted({path.parent.name for path in FUNCTIONS.glob("*/*.py")})
