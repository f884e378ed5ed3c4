"""Lightsail's wire protocol (AWS JSON 1.1), validated against the service model in botocore."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

import botocore.session

from local.aws_json import ModelMismatchError, RefusalError, plain, problems

SERVICE = "lightsail"

_SCOPE = re.compile(r"^AWS4-HMAC-SHA256 Credential=[^/]+/\d{8}/([a-z0-9-]+)/([a-z0-9]+)/aws4_request,")


@cache
def service_model() -> Any:
    return botocore.session.Session().get_service_model(SERVICE)


@cache
def regions() -> tuple[str, ...]:
    return tuple(service_model().shape_for("RegionName").enum)


def asked(headers: Mapping[str, str]) -> tuple[str, str]:
    """Return a request's region and operation. The names in `headers` are in lower case.

    Raises RefusalError as AWS does.
    """
    match = _SCOPE.match(headers.get("authorization", ""))
    if match is None:
        raise RefusalError("MissingAuthenticationTokenException", "Missing Authentication Token", 403)
    region, service = match.groups()
    if service != SERVICE or region not in regions():
        raise RefusalError("InvalidSignatureException", "Credential should be scoped to a valid region.", 403)
    prefix, _, name = headers.get("x-amz-target", "").partition(".")
    if prefix != service_model().metadata["targetPrefix"] or name not in service_model().operation_names:
        raise RefusalError("UnknownOperationException", "The operation is not known.")
    return region, name


def read(operation: str, body: bytes) -> dict[str, Any]:
    """Raises RefusalError when the parameters do not fit the model."""
    try:
        given = json.loads(body or b"{}")
    except ValueError:
        raise RefusalError("SerializationException", "The body is not JSON.") from None
    if not isinstance(given, dict):
        raise RefusalError("SerializationException", "The body is not an object.")
    found = list(problems(service_model().operation_model(operation).input_shape, given, ""))
    if found:
        raise RefusalError("InvalidInputException", f"Invalid input: {', '.join(found)}")
    return given


def written(operation: str, answer: Mapping[str, Any]) -> bytes:
    """Raises ModelMismatchError when the response does not fit the model."""
    found = list(problems(service_model().operation_model(operation).output_shape, answer, ""))
    if found:
        raise ModelMismatchError(f"{operation}: {', '.join(found)}")
    return json.dumps(plain(answer)).encode()


def written_refusal(refusal: RefusalError) -> bytes:
    return json.dumps({"__type": refusal.code, "message": refusal.message}).encode()
