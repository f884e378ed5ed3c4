"""Route 53 Domains' wire protocol (AWS JSON 1.1), held to the service model that botocore ships."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

import botocore.session
from botocore.validate import ParamValidator

SERVICE = "route53domains"
REGION = "us-east-1"
CONTENT_TYPE = "application/x-amz-json-1.1"

_SCOPE = re.compile(r"^AWS4-HMAC-SHA256 Credential=[^/]+/\d{8}/([a-z0-9-]+)/([a-z0-9]+)/aws4_request,")


class RefusalError(Exception):
    """An error answer: the code is one of the service model's, or one that every AWS service may give."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


class ModelMismatchError(Exception):
    """The stand-in was about to answer what the real service never would: a bug of the stand-in."""


@cache
def service_model() -> Any:
    return botocore.session.Session().get_service_model(SERVICE)


def operation_of(headers: Mapping[str, str]) -> str:
    """The operation's name. Headers are looked up in lower case. Raises RefusalError as AWS's front door does."""
    match = _SCOPE.match(headers.get("authorization", ""))
    if match is None:
        raise RefusalError("MissingAuthenticationTokenException", "Missing Authentication Token", 403)
    if match.groups() != (REGION, SERVICE):
        raise RefusalError("InvalidSignatureException", "Credential should be scoped to a valid region.", 403)
    prefix, _, name = headers.get("x-amz-target", "").partition(".")
    if prefix != service_model().metadata["targetPrefix"] or name not in service_model().operation_names:
        raise RefusalError("UnknownOperationException", "The operation is not known.")
    return name


def read(operation: str, body: bytes) -> dict[str, Any]:
    """The request's parameters, fitting the model. Raises RefusalError."""
    try:
        given = json.loads(body or b"{}")
    except ValueError:
        raise RefusalError("SerializationException", "The body is not JSON.") from None
    if not isinstance(given, dict):
        raise RefusalError("SerializationException", "The body is not an object.")
    shape = service_model().operation_model(operation).input_shape
    problems = list(_problems(shape, given, ""))
    if problems:
        raise RefusalError("InvalidInput", f"Invalid request. Problems: {', '.join(problems)}")
    return given


def written(operation: str, answer: Mapping[str, Any]) -> bytes:
    """The answer's body; times are datetimes. Raises ModelMismatchError when it does not fit the model."""
    shape = service_model().operation_model(operation).output_shape
    problems = list(_problems(shape, answer, ""))
    if problems:
        raise ModelMismatchError(f"{operation}: {', '.join(problems)}")
    return json.dumps(_plain(answer)).encode()


def written_refusal(refusal: RefusalError) -> bytes:
    shape = service_model().shape_for_error_code(refusal.code)
    name = f"com.amazonaws.route53domains.v20140515#{refusal.code}" if shape is not None else refusal.code
    return json.dumps({"__type": name, "message": refusal.message}).encode()


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain(member) for name, member in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(member) for member in value]
    if isinstance(value, datetime):
        return round(value.timestamp(), 3)
    return value


def moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _problems(shape: Any, value: Any, where: str) -> Iterator[str]:
    """What does not fit: structure, types and required members by botocore's own validator, and its gaps."""
    if not where:
        report = ParamValidator().validate(value, shape)
        if report.has_errors():
            # The values are left out: they may be personal data.
            yield from (_without_values(line) for line in report.generate_report().splitlines())
            return
    if shape.type_name == "structure":
        for name, member in value.items():
            yield from _problems(shape.members[name], member, f"{where}.{name}" if where else name)
    elif shape.type_name == "list":
        if "max" in shape.metadata and len(value) > shape.metadata["max"]:
            yield f"{where}: too many"
        for position, member in enumerate(value):
            yield from _problems(shape.member, member, f"{where}[{position}]")
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
