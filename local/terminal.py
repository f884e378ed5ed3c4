"""Output for the person at the terminal."""

from __future__ import annotations

import os
import sys

_PLAIN, _BOLD, _DIM, _GREEN, _RED = "\033[0m", "\033[1m", "\033[2m", "\033[32m", "\033[31m"


class Terminal:
    """The output is coloured on a terminal, unless the variable NO_COLOR is set."""

    def __init__(self) -> None:
        self._coloured = sys.stdout.isatty() and "NO_COLOR" not in os.environ

    def heading(self, text: str) -> None:
        print(f"\n{self._in(_BOLD, text)}", flush=True)

    def line(self, text: str = "") -> None:
        print(f"  {text}" if text else "", flush=True)

    def fact(self, name: str, value: str) -> None:
        print(f"  {name:<18}{value}", flush=True)

    def event(self, seconds: float, text: str) -> None:
        """`seconds` since the order was placed."""
        print(f"  {self._in(_DIM, f'{seconds:5.1f} s')}  {text}", flush=True)

    def good(self, text: str) -> None:
        print(f"\n{self._in(_GREEN, text)}", flush=True)

    def bad(self, text: str) -> None:
        print(f"\n{self._in(_RED, text)}", file=sys.stderr, flush=True)

    def _in(self, colour: str, text: str) -> str:
        return f"{colour}{text}{_PLAIN}" if self._coloured else text
