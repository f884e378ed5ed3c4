"""The stand-in's page: domains, operations, and a button for every control."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from local import html
from local.html import Markup, button, choice, code, field, form, number, text

from .names import PREFIXES, WRONG_AUTH_CODE

_KINDS = {
    "REGISTER_DOMAIN": "register",
    "TRANSFER_IN_DOMAIN": "transfer here",
    "RENEW_DOMAIN": "renew for a year",
}
_FAULTS = {
    "lose": "execute the request, but break the connection before the response",
    "ThrottlingException": "answer that there are too many requests",
    "OperationLimitExceeded": "answer that too many operations are running",
    "TLDRulesViolation": "answer that the registry's rules forbid it",
    "AccessDeniedException": "answer that this account has no access",
}
_OPERATIONS = {
    "*": "any request",
    "CheckDomainAvailability": "availability checks",
    "CheckDomainTransferability": "transferability checks",
    "RegisterDomain": "registrations",
    "TransferDomain": "transfers",
    "RenewDomain": "renewals",
    "GetOperationDetail": "reads of an operation",
    "ListOperations": "lists of operations",
    "GetDomainDetail": "reads of a domain in the account",
}


def _readable(name: str) -> Markup:
    try:
        shown = name.encode("ascii").decode("idna")
    except UnicodeError:
        shown = name
    return html.markup(text(shown), html.quiet(name if shown != name else ""))


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _operation(operation: Mapping[str, Any]) -> list[Markup]:
    base = f"/_standin/names/{operation['name']}"
    buttons = []
    if operation["flag"]:
        buttons += [button(f"{base}/approve", "approve"), button(f"{base}/reject", "reject")]
    if operation["running"]:
        buttons += [
            button(f"{base}/advance", "go to the next step"),
            button(f"{base}/finish", "finish"),
            button(f"{base}/fail", "fail"),
        ]
    kind = _KINDS.get(operation["type"], operation["type"])
    return [
        _readable(operation["name"]),
        html.markup(text(kind), html.quiet(_time(operation["submitted_at"]))),
        html.markup(html.status(operation["status"]), html.quiet(operation["flag"])),
        text(operation["message"] or ""),
        html.markup(*buttons),
    ]


def _domain(domain: Mapping[str, Any]) -> list[Markup]:
    servers = "<br>".join(text(server) for server in domain["nameservers"])
    base = f"/_standin/names/{domain['name']}"
    buttons = [button(f"{base}/verify", "confirm the e-mail address")]
    buttons += [button(f"{base}/leave", "move away"), button(f"{base}/lapse", "delete at the registry")]
    return [
        _readable(domain["name"]),
        text(_time(domain["expires_at"])),
        html.markup(servers),
        html.markup(*buttons),
    ]


def _fault(fault: Mapping[str, Any]) -> Markup:
    answer = "lose" if fault["answer"] == "lost" else fault["answer"]
    operation = _OPERATIONS.get(fault["operation"], fault["operation"])
    return html.going_wrong(fault["times"], operation, _FAULTS.get(answer, answer))


def _delay(seconds: float | None) -> str:
    return "until you press finish" if seconds is None else f"{seconds:g} s"


def render(state: Mapping[str, Any]) -> str:
    delay, transfer_delay = state["delay"], state["transfer_delay"]
    requests = (
        text(f"{request['operation']} {request['name']} → {request['outcome']}")
        for request in reversed(state["requests"][-15:])
    )
    return html.page(
        "Registrar stand-in",
        html.markup("<h1>Registrar stand-in</h1>"),
        html.paragraph(
            text("This is a stand-in for Route 53 Domains. Nothing here is real. A registration takes "),
            text(f"{_delay(delay)}, a transfer {_delay(transfer_delay)}. "),
            html.link("/", "Refresh"),
            text(" · "),
            html.link("/_standin/state", "everything as JSON"),
        ),
        html.section(
            "Operations",
            html.table(
                ("Domain", "Ordered", "Status", "Message", ""),
                map(_operation, reversed(state["operations"])),
            ),
        ),
        html.section(
            "Domains in the account",
            html.table(("Domain", "Expires", "Nameservers", ""), map(_domain, reversed(state["domains"]))),
        ),
        html.section(
            "The prefix of a domain decides the outcome",
            html.explained({f"{prefix}…": effect for prefix, effect in PREFIXES.items()}),
            html.paragraph(
                text("Every other domain is available, and can be transferred with any auth code except "),
                code(WRONG_AUTH_CODE),
                text("."),
            ),
        ),
        html.section(
            "Make requests fail",
            form(
                "/_standin/faults",
                "set",
                number("times", "The next", 1, least=1, whole=True),
                choice("operation", "requests", _OPERATIONS),
                choice("answer", "what the registrar does", _FAULTS),
            ),
            html.items(map(_fault, state["faults"]), "No faults are set."),
            button("/_standin/faults", "clear all faults"),
        ),
        html.section(
            "Another owner",
            form(
                "/_standin/take",
                "register it",
                field("name", "Domain", required=True),
            ),
        ),
        html.section(
            "Settings",
            form(
                "/_standin/settings",
                "change",
                number("delay", "Seconds a registration takes", "" if delay is None else f"{delay:g}"),
                number(
                    "transfer_delay",
                    "Seconds a transfer takes",
                    "" if transfer_delay is None else f"{transfer_delay:g}",
                ),
            ),
            button("/_standin/reset", "delete all domains, requests and faults"),
        ),
        html.section("Latest requests", html.items(requests)),
        html.folded(
            "For programs",
            html.paragraph(
                text("Each control is a POST of JSON or form fields; "),
                code("python -m local.registrar_standin --help"),
                text(" lists them."),
            ),
        ),
    )
