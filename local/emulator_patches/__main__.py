"""Starts ministack with the fixes this project's definition needs: `python -m local.emulator_patches`.

Runs in .venv/emulator. Each fix lives beside its reason, is held by a test in tests/e2e/test_emulator.py, and
is deleted when a release of ministack makes that test pass without it.
"""

from __future__ import annotations

from ministack import app

from local.emulator_patches import callbacks, functions, streams


def main() -> None:
    functions.apply()
    callbacks.apply()
    streams.apply()
    app.main()


if __name__ == "__main__":
    main()
