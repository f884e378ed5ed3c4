"""The Cipher port on AWS KMS. A text sealed with one context, such as an account, cannot be opened with another."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from hosting_orders.domain.errors import HostingOrdersError, ProviderUnavailableError

LONGEST = 4096
"""KMS encrypts at most this many bytes directly."""

# KMS's codes for a text that we did not seal. Every other error may be temporary, even a missing permission.
_NOT_OURS = frozenset({"InvalidCiphertextException", "IncorrectKeyException"})


class SealBrokenError(HostingOrdersError):
    """The text was changed, or sealed with another key or context."""


class KmsCipher:
    """`key_id` is the id, ARN or alias of a symmetric key."""

    def __init__(self, client: Any, key_id: str) -> None:
        self._client = client
        self._key_id = key_id

    def seal(self, clear: str, context: Mapping[str, str]) -> str:
        """Return base64. `clear` must have 1 to LONGEST bytes. Raises ValueError or ProviderUnavailableError."""
        plaintext = clear.encode()
        if not 0 < len(plaintext) <= LONGEST:
            raise ValueError(f"a text of {len(plaintext)} bytes cannot be sealed, only 1 to {LONGEST}")
        try:
            answer = self._client.encrypt(
                KeyId=self._key_id, Plaintext=plaintext, EncryptionContext=dict(context)
            )
        except (ClientError, BotoCoreError) as error:
            raise ProviderUnavailableError("the key service gave no usable answer") from error
        return base64.b64encode(answer["CiphertextBlob"]).decode()

    def open(self, sealed: str, context: Mapping[str, str]) -> str:
        """Raises SealBrokenError or ProviderUnavailableError."""
        try:
            blob = base64.b64decode(sealed, validate=True)
        except ValueError as error:
            raise SealBrokenError("the sealed text is not base64") from error
        if not blob:
            raise SealBrokenError("the sealed text is empty")
        try:
            answer = self._client.decrypt(
                KeyId=self._key_id, CiphertextBlob=blob, EncryptionContext=dict(context)
            )
        except ClientError as error:
            if error.response["Error"]["Code"] in _NOT_OURS:
                raise SealBrokenError("not sealed under this key with this context") from error
            raise ProviderUnavailableError("the key service gave no usable answer") from error
        except BotoCoreError as error:
            raise ProviderUnavailableError("the key service gave no usable answer") from error
        plaintext: bytes = answer["Plaintext"]
        return plaintext.decode()
