"""The stand-in's page: what it holds, and a button for every control."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #222;
  margin: 2rem auto; max-width: 70rem; padding: 0 1rem }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid #ddd }
form { display: inline }
code { background: #f3f3f3; padding: 0 .2rem }
.failed { color: #a00 }
.succeeded { color: #070 }
"""

_NAMES = {
    "fail-": "the operation fails for good",
    "refuse-": "the PUT is refused for good (422)",
    "retry-": "the first two PUTs answer 503",
    "flaky-": "the first operation fails for now, the next one succeeds",
    "slow-": "takes ten times as long",
    "stuck-": "never completes until told to",
    "lost-": "the first PUT is applied and its answer lost",
}


def _button(path: str, label: str, **fields: str) -> str:
    hidden = "".join(
        f'<input type="hidden" name="{name}" value="{escape(value)}">' for name, value in fields.items()
    )
    action = f"/_standin/{escape(path)}"
    return f'<form method="post" action="{action}">{hidden}<button>{escape(label)}</button></form>'


def _service(service: Mapping[str, Any]) -> str:
    operations: list[dict[str, Any]] = service["operations"]
    latest: dict[str, Any] = operations[-1] if operations else {"status": "refused", "error": None}
    status = "deleted" if service["deleted"] else str(latest["status"])
    if service["held"]:
        status += " (held)"
    if latest["error"]:
        status += f": {latest['error']['code']}"
    base = f"services/{service['item_id']}"
    buttons = [_button(f"{base}/{action}", action) for action in ("finish", "fail", "hold", "release")]
    buttons.append(_button(f"{base}/webhook", "send webhook again"))
    cells = (
        f"<td>{escape(service['name'])}<br><small>{escape(service['item_id'])}</small></td>",
        f"<td>{escape(service['plan'])} · {escape(service['variant'])} · {escape(service['location'])}</td>",
        f'<td class="{latest["status"]}">{escape(status)}</td>',
        f"<td>{escape(service['domain'] or '')}</td>",
        f"<td>{service['puts']} / {service['built']}</td>",
        f"<td>{' '.join(buttons)}</td>",
    )
    return f"<tr>{''.join(cells)}</tr>"


def render(state: Mapping[str, Any]) -> str:
    """The page as HTML; `state` is `PlatformStandIn.state()`."""
    services = "".join(_service(service) for service in reversed(state["services"]))
    names = "".join(f"<li><code>{prefix}…</code> {escape(effect)}</li>" for prefix, effect in _NAMES.items())
    webhooks = state["webhooks"]
    modes = " ".join(_button("webhooks", mode, mode=mode) for mode in ("on", "off", "duplicate"))
    faults = " ".join(
        _button("faults", answer, answer=answer)
        for answer in ("422", "503", "drop", "lose", "garbage", "html")
    )
    sent = "".join(
        f"<li>{escape(delivery['webhook_id'])} → {delivery['status'] or 'no answer'}</li>"
        for delivery in reversed(webhooks["deliveries"][-10:])
    )
    requests = "".join(
        f"<li>{escape(request['method'])} {escape(request['path'])} → {request['status'] or 'dropped'}</li>"
        for request in reversed(state["requests"][-15:])
    )
    pending = ", ".join(f"{fault['method']} {fault['answer']} ×{fault['times']}" for fault in state["faults"])
    delay = "until told" if state["delay"] is None else f"{state['delay']:g} s"
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Hosting platform stand-in</title>
<style>{_STYLE}</style></head><body>
<h1>Hosting platform stand-in</h1>
<p>Stands in for a hosting panel after <code>docs/hosting-platform-contract.md</code>. Nothing here is real.
Building a service takes {delay}. <a href="/">Refresh</a> · <a href="/_standin/state">state as JSON</a></p>
<h2>Services</h2>
<table><tr><th>Site</th><th>Asked for</th><th>Operation</th><th>Domain</th><th>PUTs / built</th><th></th></tr>
{services or '<tr><td colspan="6">none yet</td></tr>'}</table>
<h2>Webhooks</h2>
<p>To <code>{escape(webhooks["url"] or "nowhere: no address is set")}</code>,
mode <b>{webhooks["mode"]}</b>: {modes}</p>
<ul>{sent}</ul>
<h2>The next request goes wrong</h2>
<p>{faults} {_button("faults", "none")} {escape(pending)}</p>
<h2>Names that say what happens</h2><ul>{names}</ul>
<h2>Latest requests</h2><ul>{requests}</ul>
<p>{_button("reset", "forget everything")}</p>
</body></html>
"""
