"""The one logger of the use cases. Entry points configure it (Powertools, JSON); here it is plain `logging`."""

from __future__ import annotations

import logging

log = logging.getLogger("hosting-orders")
