"""The logger of all use cases. Entry points configure it."""

from __future__ import annotations

import logging

log = logging.getLogger("hosting-orders")
