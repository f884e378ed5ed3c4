"""The Model Context Protocol over stateless Streamable HTTP, with JSON answers (docs/agents.md, Protocol).

In revisions before 2026-07-28, a client first sends `initialize`. In later ones, each request's `_meta` names the
revision.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from hosting_orders.domain.codes import Code
from hosting_orders.domain.errors import InvalidRequestError
from hosting_orders.domain.release import VERSION

from .errors import (
    HEADER_MISMATCH,
    INTERNAL_ERROR,
    INVALID_PARAMS,
    METHOD_NOT_FOUND,
    UNSUPPORTED_VERSION,
    error_message,
)

WITH_HANDSHAKE = ("2025-03-26", "2025-06-18", "2025-11-25")
STATELESS = ("2026-07-28",)
SPOKEN = (*WITH_HANDSHAKE, *STATELESS)
# A request without the header `MCP-Protocol-Version` has this revision.
_WITHOUT_HEADER = "2025-03-26"
# In these revisions, wrong arguments of a tool cause a protocol error. In later revisions, the tool's result reports
# them.
_STRICT_ARGUMENTS = ("2025-03-26", "2025-06-18")

_META = "io.modelcontextprotocol/"
_SERVER = {"name": "hosting-orders", "title": "Hosting Orders", "version": VERSION}
_CAPABILITIES: dict[str, Any] = {"tools": {"listChanged": False}}
_FRESH = {"ttlMs": 3_600_000, "cacheScope": "public"}
_JSON = {"application/json", "application/*", "*/*"}
_ENCODED = re.compile(r"=\?base64\?(.*)\?=")
INSTRUCTIONS = (
    "Order sites, virtual machines and domains, and follow orders. To order: list_catalogue or check_domain, then "
    "quote_order, then show the price and the terms to a person, then place_order with the quote. Amounts that end "
    "in _cents are in the currency's smallest unit. If an answer has a URL where a person must pay, give it to the "
    "person. After an error do what `next_step` says."
)


@dataclass(frozen=True, slots=True)
class Message:
    id: str | int | None  # None for a notification
    method: str
    params: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class ToolResult:
    """`structured` is the tool's output, or what a model needs to act on an error."""

    structured: Mapping[str, Any]
    text: tuple[str, ...]
    is_error: bool = False
    wrong_arguments: bool = False
    failed: bool = False  # the call failed because of an error on our side


@dataclass(frozen=True, slots=True)
class Tools:
    listed: Callable[[], list[Mapping[str, Any]]]
    names: frozenset[str]
    call: Callable[[str, Mapping[str, Any]], ToolResult]


class ProtocolError(Exception):
    def __init__(self, number: int, text: str, **data: Any) -> None:
        super().__init__(text)
        self.number = number
        self.data = data


def exchange(message: Message, headers: Mapping[str, str], tools: Tools) -> Answer:
    """Raises InvalidRequestError (406) if the client does not accept JSON."""
    accepted = {part.split(";")[0].strip().lower() for part in headers.get("accept", "*/*").split(",")}
    if not accepted & _JSON:
        raise InvalidRequestError(
            Code.NOT_ACCEPTABLE, "Send `Accept: application/json, text/event-stream`: answers are JSON."
        )
    stateless = False
    try:
        revision = _revision(message, headers)
        if message.id is None:
            return Answer(202)
        stateless = revision in STATELESS
        if stateless:
            _check_mirrored(message, headers)
        return _answered(message, revision, tools)
    except ProtocolError as error:
        early = error.number in (HEADER_MISMATCH, UNSUPPORTED_VERSION)
        missing = 404 if error.number == METHOD_NOT_FOUND else 400
        body = error_message(message.id, error.number, str(error), error.data)
        return Answer(missing if stateless or early else 200, body)


def _revision(message: Message, headers: Mapping[str, str]) -> str:
    sent = headers.get("mcp-protocol-version")
    meta = message.params.get("_meta")
    declared = meta.get(f"{_META}protocolVersion") if isinstance(meta, Mapping) else None
    if sent is None and declared is not None:
        raise ProtocolError(HEADER_MISMATCH, "The header `MCP-Protocol-Version` is missing.")
    revision = _WITHOUT_HEADER if sent is None else sent.strip()
    if revision not in SPOKEN:
        raise ProtocolError(
            UNSUPPORTED_VERSION,
            f"The protocol revision {revision[:40]!r} is not supported. Send one of: {', '.join(SPOKEN)}.",
            supported=list(SPOKEN),
            requested=revision[:40],
        )
    if declared is not None and declared != revision:
        raise ProtocolError(
            HEADER_MISMATCH, "`MCP-Protocol-Version` and `_meta` name different protocol revisions."
        )
    return revision


def _check_mirrored(message: Message, headers: Mapping[str, str]) -> None:
    """Raises ProtocolError if the headers do not repeat the body's values."""
    meta = message.params.get("_meta")
    known = meta if isinstance(meta, Mapping) else {}
    for name, kind in (("protocolVersion", str), ("clientCapabilities", Mapping)):
        if not isinstance(known.get(_META + name), kind):
            raise ProtocolError(INVALID_PARAMS, f"`params._meta` needs `{_META}{name}`.")
    if headers.get("mcp-method") != message.method:
        raise ProtocolError(
            HEADER_MISMATCH, "The header `Mcp-Method` is missing or is not the body's `method`."
        )
    if message.method == "tools/call" and _decoded(headers.get("mcp-name", "")) != message.params.get("name"):
        raise ProtocolError(HEADER_MISMATCH, "The header `Mcp-Name` is missing or is not the tool's name.")


def _decoded(value: str) -> str | None:
    encoded = _ENCODED.fullmatch(value)
    if encoded is None:
        return value
    try:
        return base64.b64decode(encoded[1], validate=True).decode()
    except (binascii.Error, ValueError):
        return None


def _answered(message: Message, revision: str, tools: Tools) -> Answer:
    stateless = revision in STATELESS
    match message.method, stateless:
        case "initialize", False:
            return _result(message, _initialized(message))
        case "ping", False:
            return _result(message, {})
        case "server/discover", True:
            found = {
                "supportedVersions": list(SPOKEN),
                "capabilities": _CAPABILITIES,
                "instructions": INSTRUCTIONS,
            }
            return _complete(message, {**found, **_FRESH})
        case "tools/list", _:
            if message.params.get("cursor") is not None:
                raise ProtocolError(INVALID_PARAMS, "`cursor` is not valid: the list has one page.")
            shown = {"tools": tools.listed()}
            return _complete(message, {**shown, **_FRESH}) if stateless else _result(message, shown)
        case "tools/call", _:
            result = _called(message, revision, tools)
            if result.failed:
                text = str(result.structured["message"])
                return Answer(500, error_message(message.id, INTERNAL_ERROR, text, result.structured))
            return _complete(message, _shown(result)) if stateless else _result(message, _shown(result))
        case _:
            known = {"supported": list(SPOKEN)} if message.method == "initialize" else {}
            raise ProtocolError(
                METHOD_NOT_FOUND, f"There is no method {message.method[:60]!r} here.", **known
            )


def _initialized(message: Message) -> dict[str, Any]:
    wanted = message.params.get("protocolVersion")
    if not isinstance(wanted, str):
        raise ProtocolError(INVALID_PARAMS, "`params.protocolVersion` is required.")
    return {
        "protocolVersion": wanted if wanted in WITH_HANDSHAKE else WITH_HANDSHAKE[-1],
        "capabilities": _CAPABILITIES,
        "serverInfo": _SERVER,
        "instructions": INSTRUCTIONS,
    }


def _called(message: Message, revision: str, tools: Tools) -> ToolResult:
    name, arguments = message.params.get("name"), message.params.get("arguments", {})
    if not isinstance(name, str) or not isinstance(arguments, Mapping):
        raise ProtocolError(INVALID_PARAMS, "`params` needs `name` (text) and `arguments` (an object).")
    if name not in tools.names:
        raise ProtocolError(INVALID_PARAMS, f"Unknown tool: {name[:60]}")
    result = tools.call(name, arguments)
    if result.wrong_arguments and revision in _STRICT_ARGUMENTS:
        raise ProtocolError(INVALID_PARAMS, str(result.structured["message"]), **result.structured)
    return result


def _shown(result: ToolResult) -> dict[str, Any]:
    return {
        "content": [{"type": "text", "text": text} for text in result.text],
        "structuredContent": result.structured,
        "isError": result.is_error,
    }


def _complete(message: Message, result: Mapping[str, Any]) -> Answer:
    about = {f"{_META}serverInfo": _SERVER}
    return _result(message, {"resultType": "complete", **result, "_meta": about})


def _result(message: Message, result: Mapping[str, Any]) -> Answer:
    return Answer(200, {"jsonrpc": "2.0", "id": message.id, "result": dict(result)})
