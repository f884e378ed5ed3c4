"""The stand-ins' pages: server-side HTML without scripts, for light and dark mode.

All functions except `markup` escape the texts that they receive.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from typing import NewType

Markup = NewType("Markup", str)

CONTENT_TYPE = "text/html; charset=utf-8"

_STYLE = """
:root { color-scheme: light dark; --text: #1f2328; --quiet: #59636e; --paper: #fff; --raised: #f6f8fa; --line: #d1d9e0;
  --link: #0a58ca; --good: #11703a; --bad: #b3261e; --wait: #8a5a00 }
@media (prefers-color-scheme: dark) { :root { --text: #e6e8eb; --quiet: #9aa4af; --paper: #16191d; --raised: #20252b;
  --line: #3a424b; --link: #7db3ff; --good: #5fce8c; --bad: #ff8a80; --wait: #f0bf5a } }
* { box-sizing: border-box }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--text); background: var(--paper); margin: 0 auto;
  max-width: 78rem; padding: 1.5rem 1.25rem 4rem }
main { max-width: 34rem; margin: 3rem auto; padding: 1.5rem 2rem; border: 1px solid var(--line); border-radius: .6rem }
h1 { font-size: 1.5rem; margin: 0 0 .25rem } h2 { font-size: 1.1rem; margin: 2.25rem 0 .5rem }
p { margin: .4rem 0 } a { color: var(--link) } small, .quiet { color: var(--quiet) }
.wide { overflow-x: auto }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; padding: .4rem .8rem .4rem 0; border-bottom: 1px solid var(--line); vertical-align: top }
th { font-weight: 600; color: var(--quiet); font-size: .85rem }
td.amount { padding-right: 0; text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums }
form { display: inline-flex; flex-wrap: wrap; gap: .4rem .8rem; align-items: end; margin: .15rem .3rem .15rem 0;
  vertical-align: bottom }
form.rows { display: flex; margin: .6rem 0; padding: .8rem 1rem; background: var(--raised); border-radius: .5rem }
label { display: flex; flex-direction: column; font-size: .85rem; color: var(--quiet) }
input, select, textarea, button { font: inherit; font-size: .9rem; color: var(--text); background: var(--paper);
  border: 1px solid var(--line); border-radius: .35rem; padding: .25rem .5rem }
input, select, button { height: 2.1rem } input[type=number] { width: 8rem }
textarea { width: 100%; min-width: 20rem; font-family: ui-monospace, monospace }
button { background: var(--raised); cursor: pointer; white-space: nowrap }
form.rows button { background: var(--paper) }
button:hover { border-color: var(--link) }
code, pre { font: .9em ui-monospace, monospace; overflow-wrap: anywhere } pre { white-space: pre-wrap; margin: 0 }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem; margin: .5rem 0 } dd { margin: 0 }
details { margin-top: 2.25rem } summary { cursor: pointer; font-weight: 600 }
ul { padding-left: 1.2rem; margin: .4rem 0 }
.good, .paid { color: var(--good) } .bad, .void { color: var(--bad) } .wait { color: var(--wait) }
.whole { white-space: nowrap }
.total td { font-weight: 600 }
"""

_GOOD = frozenset(("paid", "succeeded", "SUCCESSFUL", "active", "200"))
_BAD = frozenset(("void", "failed", "canceled", "FAILED", "ERROR", "uncollectible", "deleted", "refused"))


def markup(*parts: str) -> Markup:
    """Join text that is already HTML."""
    return Markup("".join(parts))


def text(value: object) -> Markup:
    return Markup(escape(str(value)))


def page(title: str, *content: Markup, language: str = "en") -> str:
    return f"""<!doctype html>
<html lang="{language}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{text(title)}</title><style>{_STYLE}</style></head><body>
{"".join(content)}
</body></html>
"""


def section(title: str, *content: Markup) -> Markup:
    return markup(f"<h2>{text(title)}</h2>\n", *content)


def folded(title: str, *content: Markup) -> Markup:
    return markup(f"<details><summary>{text(title)}</summary>\n", *content, "</details>\n")


def paragraph(*content: Markup) -> Markup:
    return markup("<p>", *content, "</p>\n")


def link(address: str, label: str) -> Markup:
    return markup(f'<a href="{text(address)}">{text(label)}</a>')


def code(value: object) -> Markup:
    return markup(f"<code>{text(value)}</code>")


def quiet(value: object) -> Markup:
    """Small text on its own line, below what it explains."""
    return markup(f"<br><small>{text(value)}</small>") if value else markup()


def whole(value: object) -> Markup:
    """Text that does not break over two lines."""
    return markup(f'<span class="whole">{text(value)}</span>')


def going_wrong(times: int, requests: str, what: str) -> Markup:
    return text(f"{requests[:1].upper()}{requests[1:]}, {'once' if times == 1 else f'{times} times'}: {what}")


def status(word: str, shown: str | None = None) -> Markup:
    kind = "good" if word in _GOOD else "bad" if word in _BAD else "wait"
    return markup(f'<span class="{kind}">{text(shown or word)}</span>')


def items(lines: Iterable[Markup], none: str = "None yet.") -> Markup:
    listed = "".join(f"<li>{line}</li>" for line in lines)
    return markup(f"<ul>{listed}</ul>\n" if listed else f'<p class="quiet">{text(none)}</p>\n')


def explained(words: Mapping[str, str]) -> Markup:
    pairs = "".join(f"<dt>{code(word)}</dt><dd>{text(meaning)}</dd>" for word, meaning in words.items())
    return markup(f"<dl>{pairs}</dl>\n")


def table(heads: Iterable[str], rows: Iterable[Iterable[Markup]], none: str = "None yet.") -> Markup:
    """Without rows, show only the text `none`."""
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>\n" for row in rows)
    if not body:
        return markup(f'<p class="quiet">{text(none)}</p>\n')
    head = "".join(f"<th>{text(name)}</th>" for name in heads)
    return markup(f'<div class="wide"><table><tr>{head}</tr>\n{body}</table></div>\n')


# -- controls ------------------------------------------------------------------------------------------------


def button(action: str, label: str, **fields: object) -> Markup:
    hidden = (f'<input type="hidden" name="{name}" value="{text(value)}">' for name, value in fields.items())
    return markup(
        f'<form method="post" action="{text(action)}">', *hidden, f"<button>{text(label)}</button></form>"
    )


def form(action: str, label: str, *inputs: Markup, rows: bool = True) -> Markup:
    """With `rows`, the form is in a box of its own. Otherwise, other forms and buttons can be in the same line."""
    kind = ' class="rows"' if rows else ""
    return markup(
        f'<form method="post" action="{text(action)}"{kind}>',
        *inputs,
        f"<button>{text(label)}</button></form>\n",
    )


def hidden(name: str, value: object) -> Markup:
    return markup(f'<input type="hidden" name="{name}" value="{text(value)}">')


def field(name: str, label: str, value: object = "", *, hint: str = "", required: bool = False) -> Markup:
    return markup(
        f'<label>{text(label)}<input name="{name}" value="{text(value)}" placeholder="{text(hint)}"'
        f"{' required' if required else ''}></label>"
    )


def number(name: str, label: str, value: object = "", *, least: float = 0, whole: bool = False) -> Markup:
    step = "1" if whole else "any"
    return markup(
        f'<label>{text(label)}<input type="number" name="{name}" value="{text(value)}" min="{least:g}" '
        f'step="{step}"></label>'
    )


def choice(name: str, label: str, options: Mapping[str, str], chosen: str = "") -> Markup:
    """`options` maps values to labels. If `label` is empty, the choice and its button are in one line."""
    listed = "".join(
        f'<option value="{text(value)}"{" selected" if value == chosen else ""}>{text(shown)}</option>'
        for value, shown in options.items()
    )
    select = f'<select name="{name}" aria-label="{text(label or name)}">{listed}</select>'
    return markup(f"<label>{text(label)}{select}</label>" if label else select)


def area(name: str, label: str, value: str = "") -> Markup:
    return markup(f'<label>{text(label)}<textarea name="{name}" rows="3">{text(value)}</textarea></label>')
