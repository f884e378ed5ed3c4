"""Amazon Lightsail without a socket. The adapter and boto3 are real, and the stand-in runs in this process.

lightsail = LightsailInProcess(now=lambda: clock.now() / 1000)
platform = lightsail.platform(metrics)
lightsail.finish(item_id)
assert lightsail.standing() == {item_id: {"vm": 1, "address": 1}}
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from typing import Any

from hosting_orders.adapters.lightsail.platform import Counts, LightsailPlatform
from local.aws_standin import AnswerLostError, Reply
from local.lightsail_standin import LightsailStandIn
from local.lightsail_standin.records import PENDING, SHUTTING_DOWN
from tests.support import permissions
from tests.support.mishaps import Mishaps

_REGION = "eu-central-1"


def _note(model: Any, **_: Any) -> None:
    permissions.used(f"lightsail:{model.name}")
    if model.name == "CreateInstances":
        permissions.used("lightsail:TagResource")  # CreateInstances sets tags, so IAM requires this right too


class LightsailInProcess:
    """`delay` is the number of seconds until a machine runs. If it is None, a machine runs only after `finish`.

    `mishaps` chooses the failure of each request by the request's name, `lightsail.<operation>`.
    """

    def __init__(
        self,
        mishaps: Mishaps | None = None,
        *,
        now: Callable[[], float] = time.time,
        delay: float | None = None,
    ) -> None:
        self.standin = LightsailStandIn(now=now, delay=delay)
        self._clients: dict[str, Any] = {}
        self._held: set[str] = set()
        if mishaps is not None:
            self._let_go_wrong(mishaps)

    def _let_go_wrong(self, mishaps: Mishaps) -> None:
        answer = self.standin.answer

        def around(headers: Mapping[str, str], body: bytes | str) -> Reply:
            operation = headers["x-amz-target"].rpartition(".")[2]
            return mishaps.around(
                f"lightsail.{operation}", lambda: answer(headers, body), lambda: AnswerLostError(operation)
            )

        self.standin.answer = around  # type: ignore[method-assign]

    def platform(self, metrics: Counts) -> LightsailPlatform:
        return LightsailPlatform(self.client, metrics, now=self.standin.cloud.now)

    def client(self, region: str = _REGION) -> Any:
        if region not in self._clients:
            client = self._clients[region] = self.standin.client(region)
            client.meta.events.register("before-call.lightsail", _note)
        return self._clients[region]

    @property
    def pending(self) -> list[str]:
        """The ids of orders whose machine is being built, except those passed to `hold`."""
        building = [
            machine.name.removeprefix("ho-") for machine in self.standin.machines if machine.state == PENDING
        ]
        return [item_id for item_id in building if item_id not in self._held]

    def hold(self, item_id: str) -> None:
        self._held.add(item_id)

    def finish(self, item_id: str) -> None:
        self.standin.finish(f"ho-{item_id}")

    def built(self, item_id: str) -> int:
        return self.standin.built(f"ho-{item_id}")

    def standing(self) -> Mapping[str, Mapping[str, int]]:
        """The numbers of machines and addresses by order id, without machines that are shutting down."""
        books: dict[str, Counter[str]] = defaultdict(Counter)
        for machine in self.standin.machines:
            if machine.state == SHUTTING_DOWN:
                continue
            books[machine.name.removeprefix("ho-")]["vm"] += 1
        for address in self.standin.addresses:
            books[address.name.removeprefix("ho-").removesuffix("-ip")]["address"] += 1
        return books
