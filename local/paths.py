"""Paths in this checkout."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TEMPLATE = ROOT / "template.yaml"
DEFAULT_STATE = ROOT / ".local"
"""The logs, addresses and received callbacks of a running stack. Each stack has its own folder."""

APP_PYTHON = ROOT / ".venv" / "app" / "bin" / "python"
EMULATOR_PYTHON = ROOT / ".venv" / "emulator" / "bin" / "python"
LAMBDA_RUNTIME = ROOT / "local" / "lambda_runtime"
