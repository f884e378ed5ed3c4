"""The fields of a contact, as clients send them, and their limits. Follows contract 002, `domain.contact`."""

from __future__ import annotations

LONGEST = {
    "first_name": 64,
    "last_name": 64,
    "organization": 128,
    "street_address": 160,
    "post_code": 16,
    "city": 64,
    "state": 64,
    "country": 2,
    "email": 254,  # RFC 5321, and Route 53's own limit
    "phone": 30,
}
"""The most characters of each field: within what Route 53 takes, and such that any of them can be told to be too long
by itself. What a whole contact may have is `MAX_CONTACT_BYTES`."""

REQUIRED = ("first_name", "last_name", "street_address", "post_code", "city", "country", "email", "phone")
OPTIONAL = ("organization", "state")
CONTACT_FIELDS = (*REQUIRED, *OPTIONAL, "extra_properties")
MAX_EXTRA_LENGTH = 128

MAX_CONTACT_BYTES = 3900
"""Bytes of JSON. KMS encrypts at most 4096 bytes at once, and a contact is sealed by it directly."""
