"""A receiver for our callbacks. It records every callback and verifies no signature. By default it answers 200.

    python -m local.callback_receiver --port 9009 --record .local/callbacks.jsonl

Callbacks may go to any path except those below. The record has one JSON line for each callback:
`{"at", "path", "status", "headers": {…}, "body"}`. `at` is in epoch milliseconds.

    GET  /                       a page
    GET  /received?order=<uuid>  the callbacks for one order as JSON; without `order`, for all orders
    POST /_receiver/next         how to answer the next callbacks (JSON or form fields): `status`, `times` (default 1),
                                 `retry_after` (the header Retry-After), `slow` (seconds before the response)
    POST /_receiver/reset        clear the callbacks, and answer with 200 again

In a test: `with CallbackReceiver() as receiver: … receiver.url … receiver.received`.
"""

from __future__ import annotations

import argparse
import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from local import html
from local.loopback import Handler, Server

HEADERS = (
    "authorization",
    "content-type",
    "host",
    "user-agent",
    "webhook-id",
    "webhook-timestamp",
    "webhook-signature",
)


@dataclass(frozen=True)
class Received:
    """`body` is parsed JSON if possible, else text."""

    at: int
    path: str
    status: int
    headers: dict[str, str]
    body: Any
    raw_body: bytes

    def document(self) -> dict[str, Any]:
        document = asdict(self)
        del document["raw_body"]
        return document

    def is_about(self, order: str) -> bool:
        try:
            return any(entry["id"] == order for entry in self.body["task"]["orders"])
        except (KeyError, TypeError):
            return False


@dataclass
class NextAnswer:
    """How to answer the next `times` callbacks; `slow` is in seconds."""

    status: int
    times: int = 1
    retry_after: str | None = None
    slow: float = 0.0


class CallbackReceiver:
    """The receiver on 127.0.0.1, as a context manager. Port 0 picks a free port."""

    def __init__(
        self,
        *,
        port: int = 0,
        record: Path | None = None,
        log: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.received: list[Received] = []
        self._record = record
        self._log = log
        self._next: list[NextAnswer] = []
        self._lock = threading.Lock()
        self._server = Server(_Handler, self, port)

    @property
    def url(self) -> str:
        return self._server.url

    def __enter__(self) -> CallbackReceiver:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop()

    def serve_forever(self) -> None:
        try:
            self._server.serve_forever()
        finally:
            self._server.server_close()

    def about(self, order: str | None) -> list[Received]:
        """The callbacks of one order, oldest first. None returns the callbacks of all orders."""
        with self._lock:
            return [entry for entry in self.received if order is None or entry.is_about(order)]

    def all(self) -> tuple[list[Received], list[NextAnswer]]:
        """All callbacks received so far, and the answers that are set for the next callbacks."""
        with self._lock:
            return list(self.received), [replace(answer) for answer in self._next]

    def answer_next(
        self, status: int, *, times: int = 1, retry_after: str | None = None, slow: float = 0.0
    ) -> None:
        """Answer `times` callbacks with `status` after `slow` seconds. Answers set earlier are used first."""
        if not 200 <= status <= 599 or times < 1 or slow < 0:
            raise ValueError("`status` must be 200 to 599, `times` at least 1, and `slow` not negative")
        with self._lock:
            self._next.append(NextAnswer(status, times, retry_after, slow))

    def reset(self) -> None:
        with self._lock:
            self.received.clear()
            self._next.clear()

    def take(self, path: str, headers: Mapping[str, str], raw_body: bytes) -> NextAnswer:
        try:
            body = json.loads(raw_body)
        except ValueError:
            body = raw_body.decode("utf-8", "replace")
        with self._lock:
            answer = self._next[0] if self._next else NextAnswer(200)
            answer.times -= 1
            if self._next and answer.times <= 0:
                self._next.pop(0)
            of_interest = {name: headers[name] for name in HEADERS if name in headers}
            entry = Received(int(time.time() * 1000), path, answer.status, of_interest, body, raw_body)
            self.received.append(entry)
            if self._record is not None:
                with self._record.open("a", encoding="utf-8") as record:
                    record.write(json.dumps(entry.document()) + "\n")
        self._log(f"{of_interest.get('webhook-id', 'no id')} {path} -> {answer.status}")
        return answer


def _page(entries: Sequence[Received], waiting: Sequence[NextAnswer]) -> str:
    answers = (
        html.text(
            f"The next {answer.times}: status {answer.status}"
            + (f", Retry-After: {answer.retry_after}" if answer.retry_after else "")
            + (f", after {answer.slow:g} s" if answer.slow else "")
        )
        for answer in waiting
    )
    return html.page(
        "Callbacks received",
        html.markup("<h1>Callbacks received</h1>"),
        html.paragraph(
            html.text("The receiving side of the callbacks. It records every callback and verifies none. "),
            html.link("/", "Refresh"),
            html.text(" · "),
            html.link("/received", "all as JSON"),
        ),
        html.section(
            "How the next callbacks are answered",
            html.form(
                "/_receiver/next",
                "set",
                html.number("times", "The next", 1, least=1, whole=True),
                html.number("status", "Status", 503, least=200, whole=True),
                html.field("retry_after", "Retry-After (seconds or a date)"),
                html.number("slow", "Seconds before the answer", 0),
            ),
            html.items(answers, "Each with 200."),
            *(
                html.button("/_receiver/next", f"the next with {status}", status=status)
                for status in (500, 410, 429)
            ),
        ),
        html.section(
            f"Received: {len(entries)}",
            html.table(
                ("Time", "Answered", "Headers", "Body"), map(_row, reversed(entries[-100:])), "Nothing yet."
            ),
            html.paragraph(html.button("/_receiver/reset", "clear the callbacks and answer with 200")),
        ),
    )


def _row(entry: Received) -> list[html.Markup]:
    headers = "\n".join(f"{name}: {value}" for name, value in sorted(entry.headers.items()))
    body = entry.body if isinstance(entry.body, str) else json.dumps(entry.body, indent=2, ensure_ascii=False)
    return [
        html.text(time.strftime("%H:%M:%S", time.localtime(entry.at / 1000))),
        html.status(str(entry.status)),
        html.markup(f"<pre>{html.text(entry.path)}\n{html.text(headers)}</pre>"),
        html.markup(f"<pre>{html.text(body)}</pre>"),
    ]


class _Handler(Handler):
    server_version = "callback-receiver"
    max_body_bytes = 1024 * 1024

    @property
    def receiver(self) -> CallbackReceiver:
        found: CallbackReceiver = self.server.served
        return found

    def problem(self, code: str, message: str) -> dict[str, Any]:
        return {"message": message}

    def get(self) -> None:
        url = urlsplit(self.path)
        if url.path == "/":
            self.answer(200, _page(*self.receiver.all()).encode(), html.CONTENT_TYPE)
        elif url.path == "/received":
            order = parse_qs(url.query).get("order", [None])[-1]
            self.answer_json(200, {"received": [entry.document() for entry in self.receiver.about(order)]})
        elif url.path == "/healthz":
            self.answer_json(200, {"status": "ok"})
        else:
            self.answer_json(404, {"message": "there is nothing here"})

    def post(self) -> None:
        body = self.read_body()
        if body is None:
            return
        path = urlsplit(self.path).path
        if path.startswith("/_receiver/"):
            fields = self.read_fields(body)
            if fields is not None:
                self.answer_control(*self._control(path, fields))
            return
        lower = {name.lower(): value for name, value in self.headers.items()}
        answer = self.receiver.take(self.path, lower, body)
        if answer.slow:
            time.sleep(answer.slow)
        headers = {"Retry-After": answer.retry_after} if answer.retry_after else {}
        self.answer(answer.status, b"{}", "application/json", headers)

    def _control(self, path: str, fields: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        try:
            if path == "/_receiver/next":
                retry_after = fields.get("retry_after")
                self.receiver.answer_next(
                    int(fields["status"]),
                    times=int(fields.get("times", 1)),
                    retry_after=None if retry_after is None else str(retry_after),
                    slow=float(fields.get("slow", 0)),
                )
            elif path == "/_receiver/reset":
                self.receiver.reset()
            else:
                return 404, {"message": "there is no such control"}
        except (KeyError, TypeError, ValueError) as problem:
            return 400, {"message": f"not understood: {problem}"}
        return 200, {}


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m local.callback_receiver",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--port", type=int, required=True, help="port of 127.0.0.1; 0 picks a free one")
    parser.add_argument(
        "--record", type=Path, metavar="FILE", help="file that gets a JSON line for each callback"
    )
    options = parser.parse_args()

    receiver = CallbackReceiver(
        port=options.port, record=options.record, log=lambda line: print(line, flush=True)
    )
    print(f"callback receiver: {receiver.url}", flush=True)
    try:
        receiver.serve_forever()
    except KeyboardInterrupt:
        print("callback receiver: stopped", flush=True)


if __name__ == "__main__":
    main()
