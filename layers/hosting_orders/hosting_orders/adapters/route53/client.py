"""Requests to Route 53 Domains and what their errors mean: a refusal, or not known.

https://docs.aws.amazon.com/Route53/latest/APIReference/API_Operations_Amazon_Route_53_Domains.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

from hosting_orders.domain.errors import ProviderUnavailableError

PENDING_ATTEMPTS = 4
"""A registry that is slow to answer is asked this often; usually "a few extra seconds" are enough."""
PENDING_PAUSE_SECONDS = 0.5

# Answers with which the registrar says that this request will never be taken. The last two are AWS's own, about a
# value that no registry would look at.
_FINAL = frozenset(
    {"InvalidInput", "TLDRulesViolation", "UnsupportedTLD", "ValidationException", "ValidationError"}
)


class RefusedError(Exception):
    """The registrar will not do it. Holds its text as it came: it may repeat personal data."""

    def __init__(self, text: str) -> None:
        super().__init__("the registrar refused")
        self.text = text


class Questions:
    """Requests that change nothing, and may be repeated. `client` is a boto3 client, `pause` waits for some seconds."""

    def __init__(self, client: Any, pause: Callable[[float], None]) -> None:
        self._client = client
        self._pause = pause

    def ask(self, method: str, **arguments: Any) -> Mapping[str, Any]:
        return call(self._client, method, arguments)

    def settled(
        self, ask: Callable[[], Mapping[str, Any]], word: Callable[[Mapping[str, Any]], Any]
    ) -> Mapping[str, Any]:
        """The answer, asked for again while the registry is only slow."""
        answer = ask()
        for _ in range(PENDING_ATTEMPTS - 1):
            if word(answer) != "PENDING":
                break
            self._pause(PENDING_PAUSE_SECONDS)
            answer = ask()
        return answer

    def listed(self, method: str, kind: str, arguments: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
        """The entries of all pages."""
        marker: dict[str, Any] = {}
        while True:
            page = self.ask(method, MaxItems=100, **arguments, **marker)
            if kind not in page:
                # boto3 reads an empty or garbled answer as one without anything in it. Taken for an empty list, it
                # would lead to a second order.
                raise ProviderUnavailableError(f"registrar: {method} gave no list")
            yield from page[kind]
            following = page.get("NextPageMarker")
            if not following:
                return
            if following == marker.get("Marker"):
                raise ProviderUnavailableError("registrar: its list does not end")
            marker = {"Marker": following}


def call(client: Any, method: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    """One request. Exceptions carry the kind of a fault only: the request holds contacts and the auth code."""
    try:
        answer: Mapping[str, Any] = getattr(client, method)(**arguments)
    except ParamValidationError:
        # Never sent: boto3 itself found that it cannot be a request.
        raise RefusedError("the order lacks something that the registrar asks for") from None
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code"))
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if code in _FINAL and 400 <= status < 500:
            raise RefusedError(str(error.response["Error"].get("Message") or code)) from None
        raise ProviderUnavailableError(f"registrar: {method} {status} {code}") from None
    except BotoCoreError as fault:
        raise ProviderUnavailableError(f"registrar: {method} {type(fault).__name__}") from None
    except Exception as fault:
        # botocore's parser lets through whatever a garbled answer happens to cause, and an order may have been taken.
        raise ProviderUnavailableError(f"registrar: {method} {type(fault).__name__}") from None
    if not isinstance(answer, Mapping):
        raise ProviderUnavailableError(f"registrar: {method} gave no document")
    return answer
