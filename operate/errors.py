"""What an operator reads instead of a traceback."""

from __future__ import annotations


class OperateError(Exception):
    """The command cannot continue. The text says why and what to do."""
