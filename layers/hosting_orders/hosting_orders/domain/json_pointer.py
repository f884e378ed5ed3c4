"""JSON pointers (RFC 6901)."""

from __future__ import annotations


def pointer_to(*steps: str | int) -> str:
    """The root is ""."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in steps)
