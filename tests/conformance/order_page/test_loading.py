"""Only the function that shows pages loads templates and translations. It loads them when it starts."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.structure.project import PACKAGE, ROOT


@pytest.mark.parametrize(
    ("folder", "loaded"),
    [
        ("show_order_page", True),
        ("answer_unknown_route", False),
        ("send_callback", False),
        ("place_order", False),
    ],
)
def test_only_the_page_function_loads_templates(folder: str, loaded: bool) -> None:
    program = f"""
import sys
import functions.{folder}.app
pages = sys.modules.get("hosting_orders.contracts.order_page.pages")
print("jinja2" in sys.modules, pages is not None and len(pages._environment.cache) > 3)
"""
    answer = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": os.pathsep.join([str(ROOT), str(PACKAGE.parent)]), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout.split() == [str(loaded), str(loaded)]
