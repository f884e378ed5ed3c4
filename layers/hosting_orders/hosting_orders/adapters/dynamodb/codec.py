"""Convert plain Python values to DynamoDB's typed JSON and back."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

_SERIALIZER = TypeSerializer()
_DESERIALIZER = TypeDeserializer()


def encode(values: Mapping[str, Any]) -> dict[str, Any]:
    """`{"used": 3}` → `{"used": {"N": "3"}}`. Raises TypeError for a float."""
    return {name: _SERIALIZER.serialize(value) for name, value in values.items()}


def decode(values: Mapping[str, Any]) -> dict[str, Any]:
    """Raises ValueError for a fraction."""
    return {name: _whole(_DESERIALIZER.deserialize(value)) for name, value in values.items()}


def _whole(value: Any) -> Any:
    if isinstance(value, Decimal):
        if value != value.to_integral_value():
            raise ValueError(f"{value} is not a whole number")
        return int(value)
    if isinstance(value, dict):
        return {name: _whole(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_whole(inner) for inner in value]
    return value
