"""Loopback servers for the AWS stand-ins: POST `/` is the AWS API, GET `/` is a page, `/_standin/` has the controls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import urlsplit

from local import html
from local.aws_standin import AnswerLostError, Reply
from local.loopback import Handler

Answer = tuple[int, dict[str, Any]]


class AwsHandler(Handler):
    """`own_fault` is the service's code for an internal error."""

    max_body_bytes = 256 * 1024
    own_fault: ClassVar[str]

    def page(self) -> str:
        raise NotImplementedError

    def controlled(self, path: str, fields: Mapping[str, Any]) -> Answer:
        """Handle a POST below `/_standin/`, and return the status and the JSON response."""
        raise NotImplementedError

    @property
    def standin(self) -> Any:
        return self.server.served

    def get(self) -> None:
        path = urlsplit(self.path).path
        if path == "/":
            self.answer(200, self.page().encode(), html.CONTENT_TYPE)
        elif path == "/_standin/state":
            self.answer_json(200, self.standin.state())
        elif path == "/healthz":
            self.answer_json(200, {"status": "ok"})
        else:
            self.answer_json(404, {"error": "there is nothing here"})

    def post(self) -> None:
        body = self.read_body()
        if body is None:
            return
        path = urlsplit(self.path).path
        if path.startswith("/_standin/"):
            fields = self.read_fields(body)
            if fields is not None:
                self.answer_control(*self.controlled(path, fields))
        elif path == "/":
            self._protocol(body)
        else:
            self.answer_json(404, {"error": "there is nothing here"})

    def _protocol(self, body: bytes) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        try:
            reply: Reply = self.standin.answer(headers, body)
        except AnswerLostError:
            self.break_connection()
            return
        except Exception as problem:
            self.standin.log(f"{type(problem).__name__}: {problem}")
            failure = {"__type": self.own_fault, "message": "The stand-in failed; see its log."}
            self.answer_json(500, failure)
            return
        extra = {name: value for name, value in reply.headers.items() if name != "Content-Type"}
        self.answer(reply.status, reply.body, reply.headers["Content-Type"], extra)
