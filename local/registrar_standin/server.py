"""The stand-in on loopback: POST `/` is the Route 53 Domains API, GET `/` is the page, /_standin has the controls."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from local.aws_server import Answer, AwsHandler
from local.loopback import Server

from .page import render
from .standin import RegistrarStandIn

TICK_SECONDS = 0.2


class RegistrarServer:
    def __init__(self, standin: RegistrarStandIn, *, port: int = 0) -> None:
        self.standin = standin
        self._server = Server(_Handler, standin, port)
        self._ended = threading.Event()
        self._ticking = threading.Thread(target=self._tick, daemon=True)

    @property
    def url(self) -> str:
        return self._server.url

    def __enter__(self) -> RegistrarServer:
        self._server.start()
        self._ticking.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._server.stop()
        self._ticking.join()

    def serve_forever(self) -> None:
        self._ticking.start()
        try:
            self._server.serve_forever()
        finally:
            self._ended.set()
            self._server.server_close()

    def _tick(self) -> None:
        """Finish operations when their time has come, even if no request arrives."""
        while not self._ended.wait(TICK_SECONDS):
            try:
                self.standin.settle()
            except Exception as problem:  # the zone could not be created; the next tick tries again
                self.standin.log(f"settling: {type(problem).__name__}: {problem}")


def control(standin: RegistrarStandIn, path: str, fields: Mapping[str, Any]) -> Answer:
    try:
        match path.removeprefix("/_standin/").split("/"):
            case ["names", name, action]:
                _control_name(standin, unquote(name), action, fields)
            case ["faults"]:
                _control_faults(standin, fields)
            case ["settings"]:
                delay, transfer_delay, rate = (
                    fields.get(name) for name in ("delay", "transfer_delay", "rate")
                )
                standin.configure(
                    delay=None if delay is None else max(0.0, float(delay)),
                    transfer_delay=None if transfer_delay is None else max(0.0, float(transfer_delay)),
                    rate=None if rate is None else max(0, int(rate)),
                )
            case ["take"]:
                if not fields.get("name"):
                    raise ValueError("name is missing: the domain that another owner registers")
                standin.take(str(fields["name"]))
            case ["reset"]:
                standin.reset()
            case _:
                return 404, {"error": "there is no such control"}
    except KeyError:
        return 404, {"error": "no operation is running for this domain, or it is not in the account"}
    except (TypeError, ValueError) as problem:
        return 400, {"error": str(problem)}
    return 200, standin.state()


def _control_name(standin: RegistrarStandIn, name: str, action: str, fields: Mapping[str, Any]) -> None:
    told = {"message": str(fields["message"])} if fields.get("message") else {}
    match action:
        case "finish":
            standin.finish(name)
        case "fail":
            standin.fail(name, **told)
        case "approve":
            standin.approve(name)
        case "reject":
            standin.reject(name, **told)
        case "advance":
            standin.advance(name)
        case "take":
            standin.take(name)
        case "verify":
            standin.verify(name)
        case "leave":
            standin.leave(name)
        case "lapse":
            standin.lapse(name)
        case _:
            raise ValueError(
                f"{action} is not one of finish, fail, approve, reject, advance, take, verify, leave, lapse"
            )


def _control_faults(standin: RegistrarStandIn, fields: Mapping[str, Any]) -> None:
    if not fields:
        standin.clear_faults()
        return
    answer = str(fields.get("answer") or "lose")
    operation = str(fields.get("operation") or "*")
    times = int(fields.get("times") or 1)
    if answer == "lose":
        standin.lose_next_answer(operation, times)
    else:
        standin.fail_next(operation, answer, str(fields.get("message") or "made to fail"), times=times)


class _Handler(AwsHandler):
    server_version = "registrar-standin"
    own_fault = "InternalFailure"

    def page(self) -> str:
        return render(self.standin.state())

    def controlled(self, path: str, fields: Mapping[str, Any]) -> Answer:
        return control(self.standin, path, fields)
