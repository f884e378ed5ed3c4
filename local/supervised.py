"""Run a module as a child process that ends with its parent: `python -m local.supervised PARENT_PID MODULE ARG…`.

When the parent crashes or is killed, the child ends itself and its own children within three seconds. Without this, an
emulator could keep running and block its port.
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
