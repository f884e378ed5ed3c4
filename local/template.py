"""Copy the project's SAM template in a form that the embedded AWS emulator runs without a build.

A function's package is one script. The script starts AWS's Python runtime in the developer's environment, on the
sources in the checkout. A Mac therefore needs no Linux wheels, and an edited file takes effect at the next start.
"""

from __future__ import annotations

import hashlib
import io
import shlex
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from local.errors import StackError
from local.paths import APP_PYTHON, LAMBDA_RUNTIME

Template = dict[str, Any]

FUNCTION = "AWS::Serverless::Function"
LAYER = "AWS::Serverless::LayerVersion"
STATE_MACHINE = "AWS::Serverless::StateMachine"
LOCAL_RUNTIME = "provided.al2023"

# Settings that the local runtime replaces, on a function and in Globals.
_DECIDED_LOCALLY = ("Runtime", "Layers", "Architectures")
_ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class LocalTemplate:
    """`packages` are keyed by their S3 keys."""

    template: Template
    packages: Mapping[str, bytes]


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short forms (!Ref, !Sub, !GetAtt …), loaded as their long forms."""


def _short_form(loader: yaml.SafeLoader, name: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    elif isinstance(node, yaml.MappingNode):
        value = loader.construct_mapping(node, deep=True)
    if name in ("Ref", "Condition"):
        return {name: value}
    if name == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {f"Fn::{name}": value}


_Loader.add_multi_constructor("!", _short_form)


def read_template(path: Path) -> Template:
    """The template without short forms. Raises StackError when it cannot be read."""
    try:
        template = yaml.load(path.read_text(), _Loader)  # noqa: S506  # a SafeLoader
    except (OSError, yaml.YAMLError) as error:
        raise StackError(f"{path} cannot be read: {error}") from error
    if not isinstance(template, dict) or "Resources" not in template:
        raise StackError(f"{path} is not a CloudFormation template.")
    return template


def localize(path: Path, bucket: str) -> LocalTemplate:
    template = read_template(path)
    resources: dict[str, Any] = template["Resources"]
    layers = [
        path.parent / resource["Properties"]["ContentUri"]
        for resource in resources.values()
        if resource["Type"] == LAYER
    ]
    layer_ids = {name for name, resource in resources.items() if resource["Type"] == LAYER}
    template["Resources"] = {name: value for name, value in resources.items() if name not in layer_ids}
    template["Outputs"] = {
        name: output
        for name, output in template.get("Outputs", {}).items()
        if not _mentions(output, layer_ids)
    }

    settings = template.setdefault("Globals", {}).setdefault("Function", {})
    for setting in _DECIDED_LOCALLY:
        settings.pop(setting, None)
    settings["Runtime"] = LOCAL_RUNTIME

    packages: dict[str, bytes] = {}
    for resource in template["Resources"].values():
        properties = resource.get("Properties", {})
        if resource["Type"] == FUNCTION:
            for setting in _DECIDED_LOCALLY:
                properties.pop(setting, None)
            resource.pop("Metadata", None)
            package = _package([path.parent / properties["CodeUri"], *layers])
            key = f"{hashlib.sha256(package).hexdigest()}.zip"
            packages[key] = package
            properties["CodeUri"] = {"Bucket": bucket, "Key": key}
        elif resource["Type"] == STATE_MACHINE and "DefinitionUri" in properties:
            definition = path.parent / properties.pop("DefinitionUri")
            properties["Definition"] = yaml.safe_load(definition.read_text())
    return LocalTemplate(template, packages)


def _package(folders: list[Path]) -> bytes:
    """Return a function's package as a zip file. The same folders give the same bytes."""
    search_path = ":".join(str(folder.resolve()) for folder in (*folders, LAMBDA_RUNTIME))
    script = (
        "#!/bin/sh\n"
        f"export PYTHONPATH={shlex.quote(search_path)}\n"
        f'exec {shlex.quote(str(APP_PYTHON))} -m awslambdaric "$_HANDLER"\n'
    )
    entry = zipfile.ZipInfo("bootstrap", _ZIP_EPOCH)
    entry.external_attr = 0o755 << 16
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr(entry, script)
    return package.getvalue()


def _mentions(value: Any, names: set[str]) -> bool:
    if isinstance(value, dict):
        return value.get("Ref") in names or any(_mentions(part, names) for part in value.values())
    if isinstance(value, list):
        return any(_mentions(part, names) for part in value)
    return isinstance(value, str) and value in names
