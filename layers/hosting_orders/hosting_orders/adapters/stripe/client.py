"""Stripe requests, errors and retries. A StripeObject looks like a dict but is not one, so use `to_dict()`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar, cast

from hosting_orders.adapters.stripe.patient import PatientSession
from hosting_orders.domain.errors import ProviderUnavailableError, RefundRefusedError

if TYPE_CHECKING:
    import stripe

T = TypeVar("T")
Document = dict[str, Any]

# Seconds. Stripe keeps idempotency keys for at least 24 hours. If a request was first made longer ago than this, search
# for its object before posting.
KEYS_ARE_KEPT = 23 * 60 * 60
# Seconds. Our clock and Stripe's may differ, so an object may seem this much older than our own record of it.
CLOCK_SLACK = 60 * 60
PAGE = 100
# Stripe may store a fault (5xx) under an idempotency key and replay the fault for a day. The request is then retried
# under another key. At most this many keys are tried.
KEPT_FAULTS = 3
# Seconds. A refused request gets one new key in each period of this length. The reconciler retries about as often.
ASKED_ANEW = 300

# Error codes that say nothing about the payment. They mean a wrong configuration or too many concurrent requests.
_OUR_OWN_FAULT = frozenset(
    {
        "api_key_expired",
        "idempotency_key_in_use",
        "livemode_mismatch",
        "lock_timeout",
        "platform_api_key_expired",
        "rate_limit",
        "secret_key_required",
        "testmode_charges_only",
    }
)


class StripeApi:
    """Importing Stripe's SDK is slow, so build this only where money moves.

    `timeout_seconds` limits the connection and each read. A Lambda's time-out must exceed
    `timeout_seconds` * (`retries` + 1).
    """

    def __init__(
        self,
        api_key: str,
        *,
        api_base: str | None = None,
        timeout_seconds: float = 10,
        retries: int = 2,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
        automatic_tax: bool = False,
    ) -> None:
        import requests
        import stripe

        session = requests.Session()
        session.trust_env = False  # no proxy, and no .netrc, which would replace the Authorization header
        session.max_redirects = 0  # the API never redirects; a followed redirect would send the key elsewhere
        # Use `requests`: the SDK's urllib client has no timeout, and its connection errors are not StripeErrors.
        self.sdk = stripe
        self.client = stripe.StripeClient(
            api_key,
            base_addresses={"api": api_base} if api_base else None,
            max_network_retries=retries,
            http_client=stripe.RequestsClient(
                timeout=timeout_seconds, session=cast(Any, PatientSession(session, now, sleep))
            ),
        )
        self.v1 = self.client.v1
        self.now = now
        self.automatic_tax = automatic_tax
        self.live = api_key.startswith(("sk_live_", "rk_live_"))

    def once(self, key: str, post: Callable[[Any], T], done: Callable[[], T | None] = lambda: None) -> T:
        """Post under the idempotency key.

        If Stripe replays a stored fault, return what `done` finds. If that is None, retry under the next key.
        Concurrent callers use the same keys.
        """
        for attempt in range(1, KEPT_FAULTS + 1):
            try:
                return post({"idempotency_key": key if attempt == 1 else f"{key}:{attempt}"})
            except self.sdk.StripeError as error:
                if (error.http_status or 0) < 500 or not is_kept(error) or attempt == KEPT_FAULTS:
                    raise
                result = done()
                if result is not None:
                    return result
        raise AssertionError("unreachable")

    def once_anew(self, key: str, post: Callable[[Any], T], done: Callable[[], T | None]) -> T:
        """Like `once`, but retry a stored refusal under a key of the current period.

        Only one process may call this at a time. Nothing happened under the refused key, so a new key is safe.
        """
        try:
            return self.once(key, post, done)
        except self.sdk.StripeError as error:
            if not (self.is_refusal(error) and is_kept(error)):
                raise
            result = done()
            period = int(self.now() // ASKED_ANEW)
            return self.once(f"{key}:{period}", post, done) if result is None else result

    def give_back(
        self,
        order_id: str,
        post: Callable[[Any], Document],
        known: Callable[[], Document | None],
        refusals: int,
    ) -> Document:
        """`known` finds an existing refund. `refusals`: see the Refunds port. Raises RefundRefusedError."""
        # Stripe repeats a refusal for a day under the same key, so the key contains the number of refusals. The letter
        # `r` distinguishes that number from the attempt that `once` appends.
        key = f"order:{order_id}:refund" + (f":r{refusals}" if refusals else "")
        try:
            return self.once(key, post, known)
        except self.sdk.StripeError as error:
            if not self.is_refusal(error):
                raise
            # A concurrent call may have made the refund.
            found = known()
            if found is not None:
                return found
            raise RefundRefusedError(f"Stripe refuses the refund ({error.code or 'refused'}).") from None

    def is_refusal(self, error: stripe.StripeError) -> bool:
        """Faults and conflicts are not refusals."""
        if error.http_status == 409 or code_of(error) in _OUR_OWN_FAULT:
            return False
        refusals = (
            self.sdk.CardError,
            self.sdk.InvalidRequestError,
            self.sdk.IdempotencyError,
        )
        return isinstance(error, refusals)

    def refusal_of(self, act: Callable[[], object]) -> stripe.StripeError | None:
        try:
            act()
        except self.sdk.StripeError as error:
            if not self.is_refusal(error):
                raise
            return error
        return None

    def found(self, retrieve: Callable[[], Any]) -> Document | None:
        try:
            document: Document = retrieve().to_dict()
        except self.sdk.InvalidRequestError as error:
            if error.http_status == 404:
                return None
            raise
        return None if document.get("deleted") else document

    @contextmanager
    def faults_translated(self) -> Iterator[None]:
        """Replace StripeErrors, which may contain data that must not be logged."""
        try:
            yield
        except self.sdk.StripeError as error:
            facts = [type(error).__name__, error.http_status, error.code, error.request_id]
            said = " ".join(str(fact) for fact in facts if fact)
            raise ProviderUnavailableError(f"Stripe: {said}") from None

    def invoice(self, invoice_id: str) -> Document | None:
        if not invoice_id:
            return None
        return self.found(
            lambda: self.v1.invoices.retrieve(
                invoice_id, {"expand": ["payments.data.payment.payment_intent"]}
            )
        )

    def invoice_lines(self, invoice_id: str) -> list[Document]:
        pages = self.v1.invoices.line_items.list(invoice_id, {"limit": PAGE}).auto_paging_iter()
        return [line.to_dict() for line in pages]

    def session(self, session_id: str) -> Document | None:
        if not session_id:
            return None
        return self.found(
            lambda: self.v1.checkout.sessions.retrieve(
                session_id, {"expand": ["payment_intent.payment_method", "invoice"]}
            )
        )

    def session_items(self, session_id: str) -> list[Document]:
        pages = self.v1.checkout.sessions.line_items.list(
            session_id, {"limit": PAGE, "expand": ["data.price.product"]}
        ).auto_paging_iter()
        return [item.to_dict() for item in pages]

    def session_of(self, payment_id: str) -> str | None:
        found = self.v1.checkout.sessions.list({"payment_intent": payment_id, "limit": 1}).data
        return found[0].id if found else None

    def credit_notes(self, invoice_id: str) -> list[Document]:
        pages = self.v1.credit_notes.list(
            {"invoice": invoice_id, "limit": PAGE, "expand": ["data.refunds.refund"]}
        ).auto_paging_iter()
        return [document for note in pages if (document := note.to_dict())["status"] != "void"]

    def credit_note(self, invoice_id: str, order_id: str) -> Document | None:
        return note_of(self.credit_notes(invoice_id), order_id)


def method_types(currency: str) -> list[str]:
    # Without this list, Stripe would offer all methods of the Stripe account's settings. One of them is the bank
    # transfer, which arrives too late.
    return ["card", "sepa_debit"] if currency.upper() == "EUR" else ["card"]


def note_of(notes: list[Document], order_id: str) -> Document | None:
    return next((note for note in notes if (note["metadata"] or {}).get("order_id") == order_id), None)


def given(parameters: Document) -> Any:
    return parameters


def filled(document: Document) -> Document:
    """Leave out the fields without a value."""
    return {name: value for name, value in document.items() if value}


def _header(answer: stripe.StripeError | stripe.StripeObject, name: str) -> str | None:
    sent = (
        answer.headers
        if isinstance(answer, Exception)
        else answer.last_response and answer.last_response.headers
    )
    headers: Mapping[str, str] = sent or {}
    return next((value for key, value in headers.items() if key.lower() == name), None)


def is_kept(answer: stripe.StripeError | stripe.StripeObject) -> bool:
    """Whether Stripe replayed a stored response."""
    return _header(answer, "idempotent-replayed") == "true"


def code_of(error: stripe.StripeError) -> str | None:
    # The SDK does not set `code` on every error.
    details = error.error.to_dict() if error.error is not None else {}
    return error.code or details.get("code")
