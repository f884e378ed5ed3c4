"""Sealing of secrets with AWS KMS: the port Cipher.

The context (encryption context in KMS's words) is bound to what is sealed without being part of it: whoever
copies a sealed text to another account's item cannot have it opened there.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from hosting_orders.domain.errors import HostingOrdersError, ProviderUnavailableError

LONGEST = 4096
"""KMS encrypts at most this many bytes directly; a request's header is limited accordingly."""

# The answers that say the sealed text is not what it should be. Everything else may be better next time:
# KMS is throttled or away, or an operator mends the key or the permission.
_NOT_OURS = frozenset({"InvalidCiphertextException", "IncorrectKeyException"})


class SealBrokenError(HostingOrdersError):
    """The text was not sealed under this key with this context, or it was changed since."""


class KmsCipher:
    """`client` is a boto3 KMS client, `key_id` the id, ARN or alias of a symmetric key."""

    def __init__(self, client: Any, key_id: str) -> None:
        self._client = client
        self._key_id = key_id

    def seal(self, clear: str, context: Mapping[str, str]) -> str:
        """The sealed text in base64. Raises ValueError for an empty text or one longer than LONGEST bytes in
        UTF-8, ProviderUnavailableError when KMS gave no usable answer."""
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
        """The clear text again. Raises SealBrokenError, or ProviderUnavailableError as `seal` does."""
        try:
            blob = base64.b64decode(sealed, validate=True)
        except ValueError as error:
            raise SealBrokenError("what should be a sealed text is not base64") from error
        if not blob:
            raise SealBrokenError("what should be a sealed text is empty")
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
