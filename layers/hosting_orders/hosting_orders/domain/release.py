"""Which release this is, as GET /api/about tells it."""

VERSION = "0.1.0"
