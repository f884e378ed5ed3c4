"""Transforms templates with SAM's own translator, as `sam deploy` does.

The translator is installed only in .venv/sam. With that Python, this script reads a JSON list of template texts from
stdin and writes the list of transformed templates to stdout.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

PYTHON = Path(__file__).parents[2] / ".venv" / "sam" / "bin" / "python"

_LOCAL_PATHS = ("CodeUri", "ContentUri", "DefinitionUri")


def transformed(*templates: str) -> list[dict[str, Any]]:
    """SAM's output for each of these template texts. The S3 key of a package is its folder."""
    answer = subprocess.run(
        [PYTHON, __file__],
        input=json.dumps(templates),
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "AWS_DEFAULT_REGION": "eu-central-1"},
    )
    assert answer.returncode == 0, answer.stderr
    made: list[dict[str, Any]] = json.loads(answer.stdout)
    return made


_UNDECLARED = """
import sys
from samcli.commands.deploy.auth_utils import auth_per_resource
from samcli.lib.providers.sam_stack_provider import SamLocalStackProvider
stacks, _ = SamLocalStackProvider.get_stacks(sys.argv[1])
print("\\n".join(sorted({name for name, declared in auth_per_resource(stacks) if not declared})))
"""


def undeclared_authentication(template: Path) -> list[str]:
    """The functions without authentication that `sam deploy` would report. SAM CLI's own code finds them."""
    answer = subprocess.run(
        [PYTHON, "-c", _UNDECLARED, str(template)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "AWS_DEFAULT_REGION": "eu-central-1", "SAM_CLI_TELEMETRY": "0"},
    )
    assert answer.returncode == 0, answer.stderr
    return answer.stdout.split()


class _NoManagedPolicies:
    def load(self) -> dict[str, str]:
        return {}


def _transform(text: str) -> Any:
    from samtranslator.translator.transform import transform
    from samtranslator.yaml_helper import yaml_parse

    template = yaml_parse(text)
    for resource in template["Resources"].values():
        properties = resource.get("Properties", {})
        for path in _LOCAL_PATHS:
            if path in properties:  # `sam deploy` does this too, with the package's hash as the key
                properties[path] = f"s3://packages/{properties[path]}"
    return transform(template, {}, _NoManagedPolicies())


if __name__ == "__main__":
    json.dump([_transform(text) for text in json.load(sys.stdin)], sys.stdout)
