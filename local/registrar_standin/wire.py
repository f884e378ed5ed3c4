"""The wire protocol of Route 53 Domains (AWS JSON 1.1). Messages are validated with the service model in botocore."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

import botocore.session

from local.aws_json import CONTENT_TYPE, ModelMismatchError, RefusalError, moment, plain, problems

__all__ = [
    "CONTENT_TYPE",
    "ModelMismatchError",
    "RefusalError",
    "moment",
    "operation_of",
    "read",
    "service_model",
    "written",
    "written_refusal",
]

SERVICE = "route53domains"
REGION = "us-east-1"

_SCOPE = re.compile(r"^AWS4-HMAC-SHA256 Credential=[^/]+/\d{8}/([a-z0-9-]+)/([a-z0-9]+)/aws4_request,")


@cache
def service_model() -> Any:
    return botocore.session.Session().get_service_model(SERVICE)


def operation_of(headers: Mapping[str, str]) -> str:
    """Return a request's operation. Raises RefusalError if AWS would refuse it. Header names are in lower case."""
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
    """Raises RefusalError when the parameters do not fit the model."""
    try:
        given = json.loads(body or b"{}")
    except ValueError:
        raise RefusalError("SerializationException", "The body is not JSON.") from None
    if not isinstance(given, dict):
        raise RefusalError("SerializationException", "The body is not an object.")
    shape = service_model().operation_model(operation).input_shape
    found = list(problems(shape, given, ""))
    if found:
        raise RefusalError("InvalidInput", f"Invalid request. Problems: {', '.join(found)}")
    return given


def written(operation: str, answer: Mapping[str, Any]) -> bytes:
    """Raises ModelMismatchError when the response does not fit the model."""
    shape = service_model().operation_model(operation).output_shape
    found = list(problems(shape, answer, ""))
    if found:
        raise ModelMismatchError(f"{operation}: {', '.join(found)}")
    return json.dumps(plain(answer)).encode()


def written_refusal(refusal: RefusalError) -> bytes:
    shape = service_model().shape_for_error_code(refusal.code)
    name = f"com.amazonaws.route53domains.v20140515#{refusal.code}" if shape is not None else refusal.code
    return json.dumps({"__type": name, "message": refusal.message, **refusal.fields}).encode()
