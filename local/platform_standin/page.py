"""The page of the platform stand-in: the services, and a button for every control."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from local import html
from local.html import Markup, button, choice, code, field, form, number, text

_NAMES = {
    "fail-…": "the build fails permanently",
    "refuse-…": "the site is refused immediately",
    "retry-…": "the platform is busy twice, then accepts the site",
    "flaky-…": "the first build fails, the next succeeds",
    "slow-…": "the build takes ten times as long",
    "stuck-…": "the build does not end until you press finish or fail",
    "lost-…": "the platform accepts the site, but its response is lost",
}
_FAULTS = {
    "422": "refuse it permanently (422)",
    "429": "answer that there are too many requests (429)",
    "500": "fail (500)",
    "503": "be busy (503)",
    "drop": "do nothing, and break the connection",
    "lose": "execute the request, but break the connection before the response",
    "garbage": "execute the request, but answer half of a JSON document",
    "html": "answer an HTML page like a proxy's (404)",
}
_METHODS = {
    "*": "any request",
    "PUT": "orders of a site (PUT)",
    "GET": "reads (GET)",
    "DELETE": "deletions",
}
_WEBHOOKS = {"on": "send each once", "duplicate": "send each twice", "off": "send none"}


def _service(service: Mapping[str, Any]) -> list[Markup]:
    operations: list[dict[str, Any]] = service["operations"]
    latest: dict[str, Any] = operations[-1] if operations else {"status": "refused", "error": None}
    status = "deleted" if service["deleted"] else str(latest["status"])
    shown = status + (", held" if service["held"] else "")
    return [
        html.markup(text(service["name"]), html.quiet(service["item_id"])),
        text(f"{service['plan']}, {service['variant']}, {service['location']}"),
        html.markup(html.status(status, shown), html.quiet((latest["error"] or {}).get("message"))),
        text(service["domain"] or ""),
        text(f"{service['puts']} / {service['built']}"),
        html.markup(*_buttons(service, status)),
    ]


def _buttons(service: Mapping[str, Any], status: str) -> list[Markup]:
    base = f"/_standin/services/{service['item_id']}"
    buttons = []
    if status == "running":
        buttons = [
            button(f"{base}/finish", "finish"),
            button(f"{base}/fail", "fail permanently"),
            button(f"{base}/fail", "fail, retryable", retryable="true", code="node_lost"),
            button(f"{base}/release", "continue") if service["held"] else button(f"{base}/hold", "hold"),
        ]
    if service["operations"]:
        buttons.append(button(f"{base}/webhook", "send its webhook again"))
        buttons.append(button(f"{base}/webhook", "three times", times=3))
    return buttons


def _faults(waiting: list[dict[str, Any]]) -> list[Markup]:
    found = [
        html.going_wrong(
            fault["times"], _METHODS.get(fault["method"], fault["method"]), _FAULTS[fault["answer"]]
        )
        for fault in waiting
    ]
    return [
        html.items(found, "No faults are set."),
        button("/_standin/faults", "clear all faults"),
    ]


def render(state: Mapping[str, Any]) -> str:
    webhooks = state["webhooks"]
    delay = state["delay"]
    sent = (
        text(f"{delivery['webhook_id']} → {delivery['status'] or 'no answer'}")
        for delivery in reversed(webhooks["deliveries"][-10:])
    )
    requests = (
        text(f"{request['method']} {request['path']} → {request['status'] or 'connection broken'}")
        for request in reversed(state["requests"][-15:])
    )
    takes = (
        "A site is not built until you press finish."
        if delay is None
        else f"A site takes {delay:g} s to build."
    )
    return html.page(
        "Hosting platform stand-in",
        html.markup("<h1>Hosting platform stand-in</h1>"),
        html.paragraph(
            text(
                "This is a stand-in for a hosting panel. Its API is docs/hosting-platform-contract.md. Nothing here "
            ),
            text(f"is real. {takes} "),
            html.link("/", "Refresh"),
            text(" · "),
            html.link("/_standin/state", "everything as JSON"),
        ),
        html.section(
            "Sites",
            html.table(
                ("Site", "Ordered", "Build", "Address", "Ordered / built", ""),
                map(_service, reversed(state["services"])),
            ),
        ),
        html.section("The prefix of a site's name decides the outcome", html.explained(_NAMES)),
        html.section(
            "Make requests fail",
            form(
                "/_standin/faults",
                "set",
                number("times", "The next", 1, least=1, whole=True),
                choice("method", "requests", _METHODS),
                choice("answer", "what the platform does", _FAULTS),
            ),
            *_faults(state["faults"]),
        ),
        html.section(
            "Webhooks",
            html.paragraph(
                text(
                    "A webhook reports the end of a build. It is signed, and sent again until it is accepted."
                )
            ),
            form(
                "/_standin/webhooks",
                "change",
                choice("mode", "When a build ends", _WEBHOOKS, webhooks["mode"]),
            ),
            html.items(sent),
        ),
        html.section(
            "Settings",
            form(
                "/_standin/settings",
                "change",
                field(
                    "delay", "Seconds to build a site, or never", "never" if delay is None else f"{delay:g}"
                ),
                field("webhook_url", "Webhooks go to", webhooks["url"] or ""),
            ),
            button("/_standin/reset", "delete all sites, requests and webhooks"),
        ),
        html.section("Latest requests", html.items(requests)),
        html.folded(
            "For programs",
            html.paragraph(
                text("Each control is a POST of JSON or form fields; "),
                code("python -m local.platform_standin --help"),
                text(" lists them."),
            ),
        ),
    )
