"""The stand-in's page: machines, addresses, and a button for every control."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from local import html
from local.html import Markup, button, choice, code, form, number, text

from .cloud import HOSTNAME_TAG
from .offers import PREFIXES

_FAULTS = {
    "lose": "execute the request, but break the connection before the response",
    "ThrottlingException": "answer that there are too many requests",
    "quota": "answer that a quota is reached",
    "InvalidInputException": "answer that the bundle or image is not offered",
    "ServiceException": "fail (500)",
    "AccessDeniedException": "answer that this account has no access",
}
_OPERATIONS = {
    "*": "any request",
    "CreateInstances": "orders of a machine",
    "GetInstance": "reads of a machine",
    "DeleteInstance": "deletions of a machine",
    "AllocateStaticIp": "orders of an address",
    "AttachStaticIp": "attachments of an address",
    "ReleaseStaticIp": "releases of an address",
    "PutInstancePublicPorts": "changes of open ports",
}


def _machine(machine: Mapping[str, Any]) -> list[Markup]:
    base = f"/_standin/machines/{machine['name']}"
    buttons = []
    if machine["state"] != "running":
        buttons = [button(f"{base}/finish", "finish"), button(f"{base}/fail", "fail")]
    ports = ", ".join(str(port) for port in machine["ports"])
    return [
        html.markup(text(machine["tags"].get(HOSTNAME_TAG, "")), html.quiet(machine["name"])),
        text(f"{machine['bundle']}, {machine['blueprint']}, {machine['zone']}"),
        html.markup(html.status(machine["state"]), html.quiet(machine["error"])),
        text(ports),
        html.markup(*buttons),
    ]


def _address(address: Mapping[str, Any]) -> list[Markup]:
    return [
        html.markup(text(address["ip"]), html.quiet(address["name"])),
        text(address["region"]),
        text(address["attached_to"] or "nothing"),
    ]


def _fault(fault: Mapping[str, Any]) -> Markup:
    answer = "lose" if fault["answer"] == "lost" else fault["answer"]
    operation = _OPERATIONS.get(fault["operation"], fault["operation"])
    return html.going_wrong(fault["times"], operation, _FAULTS.get(answer, answer))


def render(state: Mapping[str, Any]) -> str:
    delay = state["delay"]
    takes = "until you press finish" if delay is None else f"{delay:g} s"
    requests = (
        text(f"{request['region']} {request['operation']} {request['name']} → {request['outcome']}")
        for request in reversed(state["requests"][-15:])
    )
    return html.page(
        "Lightsail stand-in",
        html.markup("<h1>Lightsail stand-in</h1>"),
        html.paragraph(
            text(f"This is a stand-in for Amazon Lightsail. Nothing here is real. A machine takes {takes}. "),
            html.link("/", "Refresh"),
            text(" · "),
            html.link("/_standin/state", "everything as JSON"),
        ),
        html.section(
            "Machines",
            html.table(
                ("Host name", "Size, system, place", "State", "Open ports", ""),
                map(_machine, reversed(state["machines"])),
            ),
        ),
        html.section(
            "Static IP addresses",
            html.table(("Address", "Region", "Attached to"), map(_address, reversed(state["addresses"]))),
        ),
        html.section(
            "The prefix of a host name decides the outcome",
            html.explained({f"{prefix}…": effect for prefix, effect in PREFIXES.items()}),
        ),
        html.section(
            "Make requests fail",
            form(
                "/_standin/faults",
                "set",
                number("times", "The next", 1, least=1, whole=True),
                choice("operation", "requests", _OPERATIONS),
                choice("answer", "what Lightsail does", _FAULTS),
            ),
            html.items(map(_fault, state["faults"]), "No faults are set."),
            button("/_standin/faults", "clear all faults"),
        ),
        html.section(
            "Settings",
            form(
                "/_standin/settings",
                "change",
                number("delay", "Seconds a machine takes", "" if delay is None else f"{delay:g}"),
                number("quota", "Machines a region may hold", state["quota"], whole=True),
                number("address_quota", "Addresses a region may hold", state["address_quota"], whole=True),
            ),
            button("/_standin/reset", "delete all machines, addresses, requests and faults"),
        ),
        html.section("Latest requests", html.items(requests)),
        html.folded(
            "For programs",
            html.paragraph(
                text("Each control is a POST of JSON or form fields; "),
                code("python -m local.lightsail_standin --help"),
                text(" lists them."),
            ),
        ),
    )
