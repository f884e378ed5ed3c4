"""JSON pointers (RFC 6901): how every error names its field."""

from __future__ import annotations


def pointer_to(*steps: str | int) -> str:
    """The pointer to the value that these members and places lead to; the root is ""."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in steps)
