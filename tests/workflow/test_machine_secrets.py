"""Logs, table, stream, callbacks, workflow, Stripe and alerts never contain a generated root password in plain text.

Of these, only the table and its stream contain a customer's SSH key.
"""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from hosting_orders.entrypoints.logs import logger
from hosting_orders.usecases.products import vm as vm_product
from hosting_orders.usecases.sealed_password import new_password
from tests.support.forgetful_lightsail import CLOUD, ForgetfulLightsail, sell_machines
from tests.support.mishaps import Mishap
from tests.support.table import everything_in
from tests.support.world import World, a_world

KEY = "AAAAC3NzaC1lZDI1NTE5AAAAINAmUhkUHOtXTgd5/H7wH5vhM7pfD3DidAlAvknMUDPG"


@contextmanager
def overheard() -> Iterator[io.StringIO]:
    """Capture everything that any logger writes."""
    written = io.StringIO()
    handlers = [handler for handler in logger().handlers if isinstance(handler, logging.StreamHandler)]
    assert handlers
    before = [handler.setStream(written) for handler in handlers]
    others = logging.StreamHandler(written)
    logging.getLogger().addHandler(others)
    try:
        yield written
    finally:
        logging.getLogger().removeHandler(others)
        for handler, stream in zip(handlers, before, strict=True):
            if stream is not None:
                handler.setStream(stream)


def tell_a_story(world: World, platform: ForgetfulLightsail) -> None:
    """Place orders that are delivered, refused by the platform, rejected by the API, or abandoned after faults."""
    callback = {"url": "https://client.example/hook"}

    def order(**changes: str) -> str:
        reply = world.place_cart({"vm": {**CLOUD, **changes}}, callback=callback)
        assert reply.status == 202, reply.body
        return str(reply.body["orders"][0]["id"])

    delivered = order()
    with_key = order(ssh_key=f"ssh-ed25519 {KEY} ada@example.com")
    world.mishaps.strike(6, Mishap.ANSWER_LOST)
    world.run()
    world.mishaps.none()
    world.live(120, every=30)
    for each in (delivered, with_key):
        platform.start(each)
    world.live(300, every=60)
    platform.refuse()
    order()
    world.live(900, every=60)
    platform.refuse(False)
    world.place_cart({"vm": {**CLOUD, "ssh_key": f"{KEY} of mine"}})
    broken = world.services.cipher
    sealed = broken.seal
    broken.seal = lambda *_: 1 / 0
    world.place_cart({"vm": CLOUD})  # an error in our own code, with a traceback in the log
    broken.seal = sealed
    opened = broken.open
    broken.open = lambda *_: 1 / 0
    order()
    world.run()
    world.live(900, every=60)
    broken.open = opened
    world.live(5 * 3600, every=900)
    for found in world.request("GET", "/api/orders").body["orders"]:
        for below in ("", "/events", "/callbacks"):
            assert world.request("GET", f"/api/orders/{found['id']}{below}").status == 200


def test_neither_the_password_nor_the_key_leaks(monkeypatch: pytest.MonkeyPatch) -> None:
    passwords: list[str] = []

    def noted() -> str:
        passwords.append(new_password())
        return passwords[-1]

    monkeypatch.setattr(vm_product, "new_password", noted)
    records: list[object] = []
    with overheard() as logs, a_world() as world:
        taken = world.stream_records

        def stream_records() -> list[dict[str, object]]:
            fresh = taken()
            records.extend(fresh)
            return fresh

        world.stream_records = stream_records  # type: ignore[method-assign]
        tell_a_story(world, sell_machines(world))
        told = {
            "logs": logs.getvalue(),
            "table": json.dumps(everything_in(world.dynamodb), default=str),
            "stream": json.dumps(records, default=str),
            "callbacks": repr([request.body for request in world.callbacks.received]),
            "workflow": repr(
                [
                    [execution.input, execution.output, execution.cause, execution.history]
                    for execution in world.runner.executions.values()
                ]
            ),
            "stripe": str(world.stripe.requests),
            "alerts": str(world.alerts.sent),
        }

    assert len(passwords) == 4
    assert '"message":"order completed"' in told["logs"] and "ZeroDivisionError" in told["logs"]
    assert len(told["callbacks"]) > 500 and "ORDER#" in told["stream"]
    for where, text in told.items():
        assert [password for password in passwords if password in text] == [], where
        # A public key is not secret, but it belongs to the customer. So only the table and its stream may contain it.
        assert where in ("table", "stream") or KEY not in text, where
