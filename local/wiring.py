"""Add what the emulator's CloudFormation leaves out. A second run changes nothing.

The emulator (ministack 1.5.33) ignores an HTTP API's `Body`, where SAM writes the routes. It also ignores a table's
`TimeToLiveSpecification`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from local.aws import Aws
from local.errors import StackError

_ANY_METHOD = "x-amazon-apigateway-any-method"
_DEFAULT_ROUTE = "$default"
_INTEGRATION = "x-amazon-apigateway-integration"


def wire(aws: Aws, stack: str, resources: Mapping[str, str]) -> None:
    """`resources` are the stack's physical ids by logical id."""
    processed = aws.client("cloudformation").get_template(StackName=stack, TemplateStage="Processed")[
        "TemplateBody"
    ]
    template = json.loads(processed) if isinstance(processed, str) else processed
    for logical_id, resource in template["Resources"].items():
        properties = resource.get("Properties", {})
        if resource["Type"] == "AWS::DynamoDB::Table" and "TimeToLiveSpecification" in properties:
            _expire_items(aws, resources[logical_id], properties["TimeToLiveSpecification"])
        if resource["Type"] == "AWS::ApiGatewayV2::Api" and "Body" in properties:
            _add_routes(aws, resources[logical_id], properties["Body"], resources)


def _expire_items(aws: Aws, table: str, specification: Mapping[str, Any]) -> None:
    dynamodb = aws.client("dynamodb")
    present = dynamodb.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
    if present["TimeToLiveStatus"] not in ("ENABLED", "ENABLING"):
        dynamodb.update_time_to_live(TableName=table, TimeToLiveSpecification=dict(specification))


@dataclass(frozen=True, slots=True)
class _Route:
    key: str
    target: str  # `FUNCTION.Arn`, or the logical id of the function's alias


def _add_routes(aws: Aws, api: str, body: Mapping[str, Any], resources: Mapping[str, str]) -> None:
    gateway = aws.client("apigatewayv2")
    functions = aws.client("lambda")
    present = {route["RouteKey"] for route in gateway.get_routes(ApiId=api)["Items"]}
    for route in _routes(body):
        if route.key in present:
            continue
        function, is_bare, _ = route.target.partition(".Arn")
        arn = resources[function]  # the physical id of an alias is its ARN
        if is_bare:
            arn = functions.get_function(FunctionName=arn)["Configuration"]["FunctionArn"]
        integration = gateway.create_integration(
            ApiId=api, IntegrationType="AWS_PROXY", IntegrationUri=arn, PayloadFormatVersion="2.0"
        )
        gateway.create_route(
            ApiId=api, RouteKey=route.key, Target=f"integrations/{integration['IntegrationId']}"
        )


def _routes(body: Mapping[str, Any]) -> Iterator[_Route]:
    for path, operations in body["paths"].items():
        for method, operation in operations.items():
            if _INTEGRATION not in operation:
                continue
            if operation.get("security"):
                raise StackError(
                    f"{method} {path} has an authorizer, which local/wiring.py does not know how to add."
                )
            verb = "ANY" if method == _ANY_METHOD else method.upper()
            key = _DEFAULT_ROUTE if path.lstrip("/") == _DEFAULT_ROUTE else f"{verb} {path}"
            yield _Route(key, _target_of(operation[_INTEGRATION]["uri"]))


def _target_of(uri: Any) -> str:
    """The target in `…/functions/${NAME.Arn}/…` or, for an alias, `…/functions/${ALIAS}/…`."""
    text = json.dumps(uri)
    found = re.search(r"/functions/\$\{(\w+(?:\.Arn)?)\}/", text)
    if found is None:
        raise StackError(f"No function was found in the integration {text}.")
    return found.group(1)
