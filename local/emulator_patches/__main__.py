"""Start ministack with this project's fixes: `python -m local.emulator_patches`, in .venv/emulator.

Each fix has a test in tests/e2e/test_emulator.py. When a ministack release passes that test without the fix, delete the
fix.
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
