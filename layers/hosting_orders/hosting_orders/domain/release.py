"""The version in GET /api/about."""

VERSION = "0.1.0"
