"""The stand-in's page: names and operations, and a button for every control."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from html import escape
from typing import Any

from .names import PREFIXES, WRONG_AUTH_CODE

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #222;
  margin: 2rem auto; max-width: 70rem; padding: 0 1rem }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid #ddd; vertical-align: top }
form { display: inline }
code { background: #f3f3f3; padding: 0 .2rem }
.FAILED, .ERROR { color: #a00 }
.SUCCESSFUL { color: #070 }
"""

_KINDS = {"REGISTER_DOMAIN": "register", "TRANSFER_IN_DOMAIN": "transfer"}
_FAULTS = ("lose", "ThrottlingException", "OperationLimitExceeded", "TLDRulesViolation")


def _button(path: str, label: str, **fields: str) -> str:
    hidden = "".join(
        f'<input type="hidden" name="{name}" value="{escape(value)}">' for name, value in fields.items()
    )
    action = f"/_standin/{escape(path)}"
    return f'<form method="post" action="{action}">{hidden}<button>{escape(label)}</button></form>'


def _readable(name: str) -> str:
    """A name as people read it, beside its own spelling."""
    try:
        shown = name.encode("ascii").decode("idna")
    except UnicodeError:
        shown = name
    return escape(shown) if shown == name else f"{escape(shown)}<br><small>{escape(name)}</small>"


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _operation(operation: Mapping[str, Any]) -> str:
    base = f"names/{operation['name']}"
    buttons = []
    if operation["flag"]:
        buttons += [_button(f"{base}/approve", "approve"), _button(f"{base}/reject", "reject")]
    if operation["running"]:
        buttons += [_button(f"{base}/{action}", action) for action in ("advance", "finish", "fail")]
    flag = f"<br><code>{escape(operation['flag'])}</code>" if operation["flag"] else ""
    cells = (
        f"<td>{_readable(operation['name'])}</td>",
        f"<td>{_KINDS[operation['type']]}<br><small>{_time(operation['submitted_at'])}</small></td>",
        f'<td class="{operation["status"]}">{operation["status"]}{flag}</td>',
        f"<td>{escape(operation['message'] or '')}</td>",
        f"<td>{' '.join(buttons)}</td>",
    )
    return f"<tr>{''.join(cells)}</tr>"


def _domain(domain: Mapping[str, Any]) -> str:
    cells = (
        f"<td>{_readable(domain['name'])}</td>",
        f"<td>{_time(domain['expires_at'])}</td>",
        f"<td>{'<br>'.join(escape(server) for server in domain['nameservers'])}</td>",
    )
    return f"<tr>{''.join(cells)}</tr>"


def _delay(seconds: float | None) -> str:
    return "until told" if seconds is None else f"{seconds:g} s"


def render(state: Mapping[str, Any]) -> str:
    """The page as HTML; `state` is `RegistrarStandIn.state()`."""
    operations = "".join(_operation(operation) for operation in reversed(state["operations"]))
    domains = "".join(_domain(domain) for domain in reversed(state["domains"]))
    prefixes = "".join(
        f"<li><code>{prefix}…</code> {escape(effect)}</li>" for prefix, effect in PREFIXES.items()
    )
    faults = " ".join(_button("faults", answer, answer=answer) for answer in _FAULTS)
    pending = ", ".join(
        f"{fault['operation']} {fault['answer']} ×{fault['times']}" for fault in state["faults"]
    )
    requests = "".join(
        f"<li>{escape(request['operation'])} {escape(request['name'])} → {escape(request['outcome'])}</li>"
        for request in reversed(state["requests"][-15:])
    )
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Registrar stand-in</title>
<style>{_STYLE}</style></head><body>
<h1>Registrar stand-in</h1>
<p>Stands in for Route 53 Domains; its API is <code>POST /</code>. Nothing here is real.
A registration takes {_delay(state["delay"])}, a transfer {_delay(state["transfer_delay"])}.
<a href="/">Refresh</a> · <a href="/_standin/state">state as JSON</a></p>
<h2>Operations</h2>
<table><tr><th>Name</th><th>Asked for</th><th>Status</th><th>Message</th><th></th></tr>
{operations or '<tr><td colspan="5">none yet</td></tr>'}</table>
<h2>Names in the account</h2>
<table><tr><th>Name</th><th>Expires</th><th>Name servers</th></tr>
{domains or '<tr><td colspan="3">none yet</td></tr>'}</table>
<h2>The next request goes wrong</h2>
<p>{faults} {_button("faults", "none")} {escape(pending)}</p>
<h2>Names that say what happens</h2><ul>{prefixes}</ul>
<p>Every other name is available, and can be transferred with any auth code but
<code>{WRONG_AUTH_CODE}</code>.</p>
<h2>Latest requests</h2><ul>{requests}</ul>
<p>{_button("reset", "forget everything")}</p>
</body></html>
"""
