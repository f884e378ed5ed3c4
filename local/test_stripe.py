"""Run the tests of the Stripe stand-in and the Stripe adapter against Stripe itself: `make test-stripe`.

They need a key of a sandbox in STRIPE_API_KEY. Tests that need the stand-in are left out
(tests/support/stripe_place.py). Arguments are passed to pytest.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence

from local.paths import ROOT
from local.stack import STRIPE_TEST_KEYS

KEY = "STRIPE_API_KEY"
AT_STRIPE = "CONTRACT_TESTS_AT"
"""The environment variable with the address of the server under test. By default it is Stripe's address."""
STRIPE = "https://api.stripe.com"
SUITES = ("tests/conformance/stripe_standin", "tests/conformance/stripe_adapter")
NO_KEY = f"""{KEY} is not set. These tests run at Stripe, in a sandbox of yours:
  1. Create a sandbox: https://docs.stripe.com/sandboxes
  2. {KEY}=sk_test_… make test-stripe"""
NOT_A_TEST_KEY = f"""{KEY} is not a key of a sandbox (sk_test_… or rk_test_…). Nothing was sent to Stripe.
These tests create customers, charge cards and refund. With a live key they would move real money."""


def refusal(key: str) -> str | None:
    """Return why the tests cannot start, or None."""
    if not key:
        return NO_KEY
    return None if key.startswith(STRIPE_TEST_KEYS) else NOT_A_TEST_KEY


def main(arguments: Sequence[str]) -> int:
    key = os.environ.get(KEY, "").strip()
    problem = refusal(key)
    if problem is not None:
        print(problem, file=sys.stderr)
        return 2
    places = [one for one in arguments if one.startswith("tests/")] or list(SUITES)
    rest = [one for one in arguments if not one.startswith("tests/")]
    environment = {AT_STRIPE: STRIPE, **os.environ, KEY: key}
    return subprocess.call([sys.executable, "-m", "pytest", *rest, *places], cwd=ROOT, env=environment)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
