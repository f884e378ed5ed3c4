"""The stand-in's server on loopback: POST `/` is the Lightsail API, and GET `/` shows a page about the machines.

POST `/_standin/…` controls the stand-in, for example its faults.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from local.aws_server import Answer, AwsHandler
from local.loopback import Server

from .page import render
from .standin import BROKEN, LightsailStandIn

QUOTA = "Sorry, you've reached the maximum number of instances for your account."


class LightsailServer:
    def __init__(self, standin: LightsailStandIn, *, port: int = 0) -> None:
        self.standin = standin
        self._server = Server(_Handler, standin, port)

    @property
    def url(self) -> str:
        return self._server.url

    def __enter__(self) -> LightsailServer:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop()

    def serve_forever(self) -> None:
        try:
            self._server.serve_forever()
        finally:
            self._server.server_close()


def control(standin: LightsailStandIn, path: str, fields: Mapping[str, Any]) -> Answer:
    try:
        match path.removeprefix("/_standin/").split("/"):
            case ["machines", name, "finish"]:
                standin.finish(unquote(name))
            case ["machines", name, "fail"]:
                code, details = str(fields.get("code") or BROKEN[0]), str(fields.get("details") or BROKEN[1])
                standin.fail(unquote(name), code, details)
            case ["faults"]:
                _control_faults(standin, fields)
            case ["settings"]:
                _control_settings(standin, fields)
            case ["reset"]:
                standin.reset()
            case _:
                return 404, {"error": "there is no such control"}
    except KeyError:
        return 404, {"error": "there is no machine of this name"}
    except (TypeError, ValueError) as problem:
        return 400, {"error": str(problem)}
    return 200, standin.state()


def _control_settings(standin: LightsailStandIn, fields: Mapping[str, Any]) -> None:
    """A field with an empty value changes nothing."""
    given = {name: value for name, value in fields.items() if value != ""}
    standin.configure(
        delay=max(0.0, float(given["delay"])) if "delay" in given else None,
        quota=int(given["quota"]) if "quota" in given else None,
        address_quota=int(given["address_quota"]) if "address_quota" in given else None,
    )


def _control_faults(standin: LightsailStandIn, fields: Mapping[str, Any]) -> None:
    if not fields:
        standin.clear_faults()
        return
    answer = str(fields.get("answer") or "lose")
    operation = str(fields.get("operation") or "*")
    times = int(fields.get("times") or 1)
    if answer == "lose":
        standin.lose_next_answer(operation, times)
    elif answer == "quota":
        standin.fail_next(operation, "InvalidInputException", QUOTA, times=times)
    else:
        status = 500 if answer == "ServiceException" else 400
        standin.fail_next(operation, answer, "made to fail", status=status, times=times)


class _Handler(AwsHandler):
    server_version = "lightsail-standin"
    own_fault = "ServiceException"

    def page(self) -> str:
        return render(self.standin.state())

    def controlled(self, path: str, fields: Mapping[str, Any]) -> Answer:
        return control(self.standin, path, fields)
