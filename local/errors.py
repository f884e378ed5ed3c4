"""The error of the local stack, for the person at the terminal."""

from __future__ import annotations


class StackError(Exception):
    """The local stack could not start or has stopped. The message gives the reason and the place to look."""
