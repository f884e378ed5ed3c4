"""Runs a module as a child that never outlives its parent: `python -m local.supervised PARENT_PID MODULE
ARG…`.

Ctrl-C and SIGTERM are handled by the parent, which stops its children in order. This is for the case where
the parent has no say any more (killed, crashed): within a second the child ends itself, and with it whatever
it has started, so that no emulator keeps a port for the next start to stumble over.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading
import time

_LOOK_EVERY_SECONDS = 0.5
_GRACE_SECONDS = 2.0


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_LOOK_EVERY_SECONDS)
    os.killpg(0, signal.SIGTERM)
    time.sleep(_GRACE_SECONDS)
    os.killpg(0, signal.SIGKILL)


def main() -> None:
    parent, module, *arguments = sys.argv[1:]
    threading.Thread(target=_end_with, args=(int(parent),), name="parent-watch", daemon=True).start()
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
