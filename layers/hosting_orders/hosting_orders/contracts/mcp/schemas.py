"""JSON Schemas of the tools, from the models and TypedDicts that the code uses."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter

Schema = dict[str, Any]


def schema_of(shape: Any, *, output: bool = False) -> Schema:
    """The schema has no `$ref`, because some clients do not resolve it. Objects allow no further members."""
    schema = TypeAdapter(shape).json_schema(mode="serialization" if output else "validation")
    parts = schema.pop("$defs", {})
    tidied: Schema = _tidied(schema, parts)
    return tidied


def _tidied(node: Any, parts: Schema) -> Any:
    if isinstance(node, list):
        return [_tidied(each, parts) for each in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        rest = {key: value for key, value in node.items() if key != "$ref"}
        return _tidied({**parts[node["$ref"].rpartition("/")[2]], **rest}, parts)
    kept = {key: value for key, value in node.items() if key != "title"}
    tidied = {key: _tidied(value, parts) for key, value in kept.items() if key != "properties"}
    if node.get("type") == "object" and "additionalProperties" not in node:
        tidied["additionalProperties"] = False
    if "properties" in node:
        # Under `properties`, `title` is the name of a field, so keep it.
        tidied["properties"] = {name: _tidied(value, parts) for name, value in node["properties"].items()}
    return tidied
