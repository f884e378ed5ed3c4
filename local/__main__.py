"""`python -m local run|demo|logs|switch`: the whole system on this machine, with sample orders."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from pathlib import Path
from types import FrameType

from local.demo import DemoFailedError, show_sample_order, write_demo_file
from local.demo_lines import show_how_to_go_on
from local.errors import StackError
from local.logs import log_lines
from local.paths import DEFAULT_STATE
from local.stack import Stack, running_stack
from local.switch import turn_domains
from local.terminal import Terminal

_LOOK_EVERY_SECONDS = 0.5


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m local", description=__doc__)
    parser.add_argument(
        "command",
        choices=("run", "demo", "logs", "switch"),
        help="run: serve until Ctrl-C. demo: place sample orders, then exit with 0 when they are completed. "
        "logs: print what the functions of the running stack have logged. switch: turn domain registration on, off, "
        "or on for one account.",
    )
    parser.add_argument(
        "about",
        nargs="?",
        help="logs: only lines with this id (order, cart, account, request); switch: on, off, or an account's id",
    )
    parser.add_argument(
        "--state",
        type=Path,
        default=DEFAULT_STATE,
        help="folder for logs, demo.json and received callbacks; each stack needs its own (default: .local)",
    )
    options = parser.parse_args()
    if options.command == "logs":
        return _print_logs(options.state, options.about)
    if options.command == "switch":
        return _switch(options.state, options.about)
    signal.signal(signal.SIGTERM, _interrupt)
    terminal = Terminal()
    terminal.heading("Starting Hosting Orders on this machine")
    try:
        stripe_api_key = os.environ.get("STRIPE_API_KEY") or None
        with running_stack(options.state, stripe_api_key=stripe_api_key, report=terminal.line) as stack:
            accounts = write_demo_file(stack)
            sample = show_sample_order(stack, accounts, terminal)
            if options.command == "run":
                show_how_to_go_on(stack, accounts, sample, terminal)
                _serve(stack, terminal)
        terminal.line(
            "Everything is stopped. `make run` places the same orders, keeps serving and prints commands to try."
        )
    except KeyboardInterrupt:
        terminal.line()
        terminal.line("Stopped.")
        return 0 if options.command == "run" else 130
    except (StackError, DemoFailedError) as error:
        terminal.bad(str(error))
        terminal.line(f"Logs: {options.state / 'logs'}")
        return 1
    return 0


def _print_logs(state: Path, about: str | None) -> int:
    found = False
    try:
        for line in log_lines(state, about):
            found = True
            print(line)
        if not found:
            Terminal().bad(_nothing_logged(about))
    except BrokenPipeError:
        # `make logs | head` closes the pipe early. Without this line, Python would print another error when it exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except StackError as error:
        Terminal().bad(str(error))
        return 1
    return 0


def _nothing_logged(about: str | None) -> str:
    if about is None:
        return "No function has logged anything yet."
    return f"No function has logged anything about {about}. Give the id of an order, cart, account or request in full."


def _switch(state: Path, to: str | None) -> int:
    if not to:
        Terminal().bad("Give one of: on, off, or an account's id to turn it on for that account only.")
        return 2
    try:
        turn_domains(state, to)
    except StackError as error:
        Terminal().bad(str(error))
        return 1
    return 0


def _serve(stack: Stack, terminal: Terminal) -> None:
    terminal.line("Serving until Ctrl-C.")
    while True:
        stack.check()
        time.sleep(_LOOK_EVERY_SECONDS)


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Handle the first SIGTERM like Ctrl-C and ignore later ones, so every `finally` runs to its end."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
