"""The KMS cipher against moto's KMS. To seal is to encrypt, and to open is to decrypt."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError
from moto import mock_aws

from hosting_orders.adapters.kms_cipher import LONGEST, KmsCipher, SealBrokenError
from hosting_orders.domain.errors import ProviderUnavailableError
from tests.support.table import REGION, InterruptedClient, fault

OURS = {"account_id": "account-1", "order": "42"}
PASSWORD = "pä55 wörd ✓"


@pytest.fixture(scope="module")
def kms() -> Iterator[Any]:
    with mock_aws():
        yield boto3.client("kms", region_name=REGION)


@pytest.fixture(scope="module")
def key_id(kms: Any) -> str:
    key: str = kms.create_key()["KeyMetadata"]["KeyId"]
    return key


@pytest.fixture
def cipher(kms: Any, key_id: str) -> KmsCipher:
    return KmsCipher(kms, key_id)


def test_a_sealed_secret_opens_again(cipher: KmsCipher) -> None:
    for clear in (PASSWORD, "x", "x" * LONGEST):
        assert cipher.open(cipher.seal(clear, OURS), OURS) == clear


def test_the_sealed_text_is_ascii_and_reveals_nothing(cipher: KmsCipher) -> None:
    sealed = cipher.seal(PASSWORD, OURS)
    assert sealed.isascii()
    assert PASSWORD not in sealed
    assert sealed != cipher.seal(PASSWORD, OURS), "equal secrets have different sealed texts"


def test_the_key_can_be_named_by_its_alias(kms: Any, key_id: str, cipher: KmsCipher) -> None:
    kms.create_alias(AliasName="alias/orders", TargetKeyId=key_id)
    assert cipher.open(KmsCipher(kms, "alias/orders").seal(PASSWORD, OURS), OURS) == PASSWORD


@pytest.mark.parametrize(
    "context",
    [{"account_id": "account-2", "order": "42"}, {"account_id": "account-1"}, {}, {**OURS, "more": "1"}],
)
def test_a_secret_does_not_open_with_another_context(cipher: KmsCipher, context: dict[str, str]) -> None:
    sealed = cipher.seal(PASSWORD, OURS)
    with pytest.raises(SealBrokenError) as broken:
        cipher.open(sealed, context)
    assert PASSWORD not in str(broken.value)


@pytest.mark.parametrize("text", ["", "no base64!", "bm90IHNlYWxlZA==", "ä"])
def test_a_text_that_was_never_sealed_does_not_open(cipher: KmsCipher, text: str) -> None:
    with pytest.raises(SealBrokenError):
        cipher.open(text, OURS)


@pytest.mark.parametrize("clear", ["", "x" * (LONGEST + 1), "ä" * (LONGEST // 2 + 1)])
def test_an_empty_or_too_long_secret_is_refused(kms: Any, key_id: str, clear: str) -> None:
    def must_not_be_asked() -> None:
        raise AssertionError("KMS was called")

    with pytest.raises(ValueError, match="cannot be sealed"):
        KmsCipher(InterruptedClient(kms, "encrypt", must_not_be_asked), key_id).seal(clear, OURS)


def away() -> object:
    raise EndpointConnectionError(endpoint_url="http://kms")


@pytest.mark.parametrize(
    "trouble",
    [
        fault("ThrottlingException"),
        fault("KMSInternalException", status=500),
        fault("DependencyTimeoutException", status=500),
        fault("DisabledException"),
        fault("AccessDeniedException"),
        away,
    ],
)
def test_an_error_of_kms_raises_provider_unavailable_error(
    kms: Any, key_id: str, cipher: KmsCipher, trouble: Callable[[], object]
) -> None:
    sealed = cipher.seal(PASSWORD, OURS)
    with pytest.raises(ProviderUnavailableError):
        KmsCipher(InterruptedClient(kms, "encrypt", trouble), key_id).seal(PASSWORD, OURS)
    with pytest.raises(ProviderUnavailableError):
        KmsCipher(InterruptedClient(kms, "decrypt", trouble), key_id).open(sealed, OURS)


def test_the_repr_of_a_cipher_shows_no_secret(cipher: KmsCipher) -> None:
    cipher.seal(PASSWORD, OURS)
    assert PASSWORD not in repr(cipher) + repr(vars(cipher))
