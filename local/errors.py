"""What can go wrong while the local stack starts, in words for the person at the terminal."""

from __future__ import annotations


class StackError(Exception):
    """The local stack could not be started or has stopped; the message says why and where to look."""
