"""AWS JSON 1.1 for the AWS stand-ins: errors, and validation against the service models that botocore ships."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from botocore.validate import ParamValidator

CONTENT_TYPE = "application/x-amz-json-1.1"


class RefusalError(Exception):
    """The stand-in refuses a request. `code` is an error code of the service, or one that all AWS services have."""

    def __init__(self, code: str, message: str, status: int = 400, **fields: str) -> None:
        super().__init__(message)
        self.fields = fields  # further members of the error's shape
        self.code = code
        self.message = message
        self.status = status


class ModelMismatchError(Exception):
    """A bug of the stand-in: its response does not fit the service model."""


def plain(value: Any) -> Any:
    """A copy of the value, with times as Unix seconds."""
    if isinstance(value, Mapping):
        return {name: plain(member) for name, member in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(member) for member in value]
    if isinstance(value, datetime):
        return round(value.timestamp(), 3)
    return value


def moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def problems(shape: Any, value: Any, where: str) -> Iterator[str]:
    """Yield the problems that botocore's validator finds.

    If there are none, yield violations of the constraints that the validator ignores.
    """
    if not where:
        report = ParamValidator().validate(value, shape)
        if report.has_errors():
            # Leave the values out: they may be personal data.
            yield from (_without_values(line) for line in report.generate_report().splitlines())
            return
    if shape.type_name == "structure":
        for name, member in value.items():
            yield from problems(shape.members[name], member, f"{where}.{name}" if where else name)
    elif shape.type_name == "list":
        if "max" in shape.metadata and len(value) > shape.metadata["max"]:
            yield f"{where}: too many"
        for position, member in enumerate(value):
            yield from problems(shape.member, member, f"{where}[{position}]")
    elif shape.type_name == "string":
        if len(value) > shape.metadata.get("max", len(value)):
            yield f"{where}: too long"
        if shape.enum and value not in shape.enum:
            yield f"{where}: not one of the known values"
        pattern = shape.metadata.get("pattern")
        if pattern and not re.fullmatch(pattern, value):
            yield f"{where}: has characters that are not allowed"
    elif shape.type_name in ("integer", "double") and value > shape.metadata.get("max", value):
        yield f"{where}: too large"


def _without_values(line: str) -> str:
    return re.sub(r", value: .*?, type:", ", type:", line)
