"""Which scripts (writing systems) a domain label may mix: Unicode's level "Highly Restrictive".

https://www.unicode.org/reports/tr39/#Restriction_Level_Detection
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jsonschema_rs import Draft202012Validator

# The scripts in everyday use: https://www.unicode.org/reports/tr31/#Table_Recommended_Scripts
_EVERYDAY = (
    *("Arab", "Armn", "Beng", "Bopo", "Cyrl", "Deva", "Ethi", "Geor", "Grek", "Gujr"),
    *("Guru", "Hang", "Hani", "Hebr", "Hira", "Kana", "Khmr", "Knda", "Laoo", "Latn"),
    *("Mlym", "Mymr", "Orya", "Sinh", "Taml", "Telu", "Thaa", "Thai", "Tibt"),
)
# Chinese, Japanese and Korean texts mix the scripts of one of these groups.
_TOGETHER = (
    ("Latn", "Hani", "Bopo"),
    ("Latn", "Hani", "Hira", "Kana"),
    ("Latn", "Hani", "Hang"),
)


def mixes_scripts(label: str) -> bool:
    return not label.isascii() and not _readable().is_valid(label)


@cache
def _readable() -> Draft202012Validator:
    """Accepts a label in one everyday script, in one group of `_TOGETHER`, or without any everyday script."""
    from jsonschema_rs import Draft202012Validator

    shared = r"\p{scx=Zyyy}\p{scx=Zinh}"  # digits, hyphens, symbols and accents belong to every script
    allowed = [
        f"[{shared}{_characters(scripts)}]+" for scripts in (*((one,) for one in _EVERYDAY), *_TOGETHER)
    ]
    rare = f"[^{_characters(_EVERYDAY)}]+"
    return Draft202012Validator({"pattern": f"^(?:{'|'.join([*allowed, rare])})$"})


def _characters(scripts: tuple[str, ...]) -> str:
    return "".join(rf"\p{{scx={script}}}" for script in scripts)
