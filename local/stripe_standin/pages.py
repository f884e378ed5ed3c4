from __future__ import annotations

from collections.abc import Mapping

from .api import Api
from .controls import Controls
from .idempotency import Answer
from .state import State


class Pages:
    def __init__(self, state: State, controls: Controls, api: Api) -> None: ...
    def serve(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
        return Answer(404, b"{}")
