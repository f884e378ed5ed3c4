"""The PageTokens port: the signed tokens in the addresses of order pages. Uses itsdangerous."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from itsdangerous import BadData, URLSafeSerializer
from itsdangerous.encoding import base64_decode, base64_encode

_SALT = "hosting-orders/order-page"


class SignedPageTokens:
    """`secrets` are all valid secrets, the newest first."""

    def __init__(self, secrets: Sequence[str]) -> None:
        # The library signs with the last secret.
        signer = {"key_derivation": "hmac", "digest_method": hashlib.sha256}
        self._serializer = URLSafeSerializer([*reversed(secrets)], salt=_SALT, signer_kwargs=signer)

    def token(self, account_id: str, number: int) -> str:
        return str(self._serializer.dumps([account_id, number]))

    def read(self, token: str) -> tuple[str, int] | None:
        try:
            account_id, number = self._serializer.loads(token)
            _, _, signature = token.rpartition(".")
            # Base64 has several spellings of the same bytes. Accept only the one that we write.
            if base64_encode(base64_decode(signature)).decode() != signature:
                return None
        except (BadData, TypeError, ValueError):
            return None
        return (account_id, number) if isinstance(account_id, str) and isinstance(number, int) else None
