"""Start ministack with the fixes that this project needs: `python -m local.emulator_patches`.

It runs in .venv/emulator. Each fix states its reason and has a test in tests/e2e/test_emulator.py. Delete a fix when a
ministack release passes the test without it.
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
