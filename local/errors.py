"""The error of the local stack, for the person at the terminal."""

from __future__ import annotations


class StackError(Exception):
    """The message gives the reason and the place to look."""
