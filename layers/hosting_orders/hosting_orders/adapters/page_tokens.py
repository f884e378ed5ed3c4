"""The names of the orders' pages, signed with itsdangerous: the port PageTokens."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from itsdangerous import BadData, URLSafeSerializer
from itsdangerous.encoding import base64_decode, base64_encode

_SALT = "hosting-orders/order-page"


class SignedPageTokens:
    """`secrets` are all that are valid now, the newest first: two during a rotation."""

    def __init__(self, secrets: Sequence[str]) -> None:
        # The library signs with the last one.
        signer = {"key_derivation": "hmac", "digest_method": hashlib.sha256}
        self._serializer = URLSafeSerializer([*reversed(secrets)], salt=_SALT, signer_kwargs=signer)

    def token(self, account_id: str, number: int) -> str:
        """The token of this order's page: the same each time."""
        return str(self._serializer.dumps([account_id, number]))

    def read(self, token: str) -> tuple[str, int] | None:
        """The account's id and the order's number; None for what we have not signed."""
        try:
            account_id, number = self._serializer.loads(token)
            _, _, signature = token.rpartition(".")
            # Base64 has several spellings of the same bytes; only the one that we write is ours.
            if base64_encode(base64_decode(signature)).decode() != signature:
                return None
        except (BadData, TypeError, ValueError):
            return None
        return (account_id, number) if isinstance(account_id, str) and isinstance(number, int) else None
