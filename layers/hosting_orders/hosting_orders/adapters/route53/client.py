"""Requests to Route 53 Domains, and what its errors mean.

https://docs.aws.amazon.com/Route53/latest/APIReference/API_Operations_Amazon_Route_53_Domains.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

from hosting_orders.domain.errors import ProviderUnavailableError
from hosting_orders.domain.registration import AlreadyOrderedError

PENDING_ATTEMPTS = 4
"""How many times to ask while the answer is PENDING. AWS says that it can take "a few extra seconds"."""
PENDING_PAUSE_SECONDS = 0.5

# Error codes of requests that the registrar will never accept. The last two come from AWS's own input checks.
_FINAL = frozenset(
    {"InvalidInput", "TLDRulesViolation", "UnsupportedTLD", "ValidationException", "ValidationError"}
)


class RefusedError(Exception):
    """The registrar refuses permanently. `text` may contain personal data."""

    def __init__(self, text: str) -> None:
        super().__init__("the registrar refused")
        self.text = text


class Questions:
    """Read requests, which are safe to repeat."""

    def __init__(self, client: Any, pause: Callable[[float], None]) -> None:
        self._client = client
        self._pause = pause

    def ask(self, method: str, **arguments: Any) -> Mapping[str, Any]:
        return call(self._client, method, arguments)

    def settled(
        self, ask: Callable[[], Mapping[str, Any]], word: Callable[[Mapping[str, Any]], Any]
    ) -> Mapping[str, Any]:
        """Ask until `word(answer)` is not PENDING or the attempts are used up."""
        answer = ask()
        for _ in range(PENDING_ATTEMPTS - 1):
            if word(answer) != "PENDING":
                break
            self._pause(PENDING_PAUSE_SECONDS)
            answer = ask()
        return answer

    def listed(self, method: str, kind: str, arguments: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
        marker: dict[str, Any] = {}
        while True:
            page = self.ask(method, MaxItems=100, **arguments, **marker)
            if kind not in page:
                # boto3 reads an empty or garbled response as a response without fields. It must not look like an empty
                # list, because the domain would then be submitted a second time.
                raise ProviderUnavailableError(f"registrar: {method} gave no list")
            yield from page[kind]
            following = page.get("NextPageMarker")
            if not following:
                return
            if following == marker.get("Marker"):
                raise ProviderUnavailableError("registrar: its list does not end")
            marker = {"Marker": following}


def call(client: Any, method: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    """Errors must not contain the request, because it has contacts and the auth code."""
    try:
        answer: Mapping[str, Any] = getattr(client, method)(**arguments)
    except ParamValidationError:
        # boto3 rejected the request and did not send it.
        raise RefusedError(
            "the request lacks a value that the registrar requires, or has a malformed one"
        ) from None
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code"))
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if code in _FINAL and 400 <= status < 500:
            raise RefusedError(str(error.response["Error"].get("Message") or code)) from None
        if code == "DuplicateRequest":
            text, operation_id = f"registrar: {method} {code}", error.response.get("requestId")
            raise AlreadyOrderedError(text, str(operation_id or "")) from None
        raise ProviderUnavailableError(f"registrar: {method} {status} {code}") from None
    except BotoCoreError as fault:
        raise ProviderUnavailableError(f"registrar: {method} {type(fault).__name__}") from None
    except Exception as fault:
        # For a garbled response, botocore's parser can raise any exception. The request may have been accepted.
        raise ProviderUnavailableError(f"registrar: {method} {type(fault).__name__}") from None
    if not isinstance(answer, Mapping):
        raise ProviderUnavailableError(f"registrar: {method} gave no document")
    return answer
