"""The page's one style sheet, and the policy that lets a browser use it and nothing else."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

STYLE = (Path(__file__).parent / "templates" / "style.css").read_text(encoding="utf-8")


def content_security_policy() -> str:
    """Nothing may be loaded, run, sent or framed; the style sheet is known by its hash."""
    digest = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )
