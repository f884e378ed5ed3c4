"""The Quotes port: signs quotes of prices, and reads them back."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from itsdangerous import BadData, URLSafeSerializer

from hosting_orders.domain.quote import Quote, QuotedPrice

# Quotes and page addresses are signed with the same secret. Different salts ensure that a page address is never
# accepted as a quote.
_SALT = "hosting-orders/quote"


class SignedQuotes:
    """`secrets` are all valid secrets, the newest first."""

    def __init__(self, secrets: Sequence[str]) -> None:
        # The library signs with the last secret of its list, so the newest has to be last.
        signer = {"key_derivation": "hmac", "digest_method": hashlib.sha256}
        self._serializer = URLSafeSerializer([*reversed(secrets)], salt=_SALT, signer_kwargs=signer)

    def sign(self, quote: Quote) -> str:
        prices = [[price.first, price.renewal] for price in quote.prices]
        whose = [quote.id, quote.account_id, quote.fingerprint]
        return str(self._serializer.dumps([*whose, quote.currency, prices, quote.gross, quote.expires_at]))

    def read(self, token: str) -> Quote | None:
        # If another release signed the token, the token may have other fields.
        try:
            quote_id, account_id, fingerprint, currency, prices, gross, expires_at = self._serializer.loads(
                token
            )
            quoted = tuple(QuotedPrice(first, renewal) for first, renewal in prices)
        except (BadData, TypeError, ValueError):
            return None
        return Quote(quote_id, account_id, fingerprint, currency, quoted, gross, expires_at)
