"""The fields of a contact and their limits (contract 002, `domain.contact`)."""

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
    "email": 254,  # RFC 5321 and Route 53
    "phone": 30,
}
"""Maximum characters of each field, within Route 53's limits. `MAX_CONTACT_BYTES` limits the whole contact."""

REQUIRED = ("first_name", "last_name", "street_address", "post_code", "city", "country", "email", "phone")
OPTIONAL = ("organization", "state")
CONTACT_FIELDS = (*REQUIRED, *OPTIONAL, "extra_properties")
MAX_EXTRA_LENGTH = 128

MAX_CONTACT_BYTES = 3900
"""Maximum size of a contact as JSON. KMS encrypts a contact directly, and takes at most 4,096 bytes."""
