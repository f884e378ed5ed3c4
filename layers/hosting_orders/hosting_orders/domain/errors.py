"""Business facts that stop a request or a step. Each class name is a fact; the workflow matches on these names."""

from __future__ import annotations

from .codes import Code


class HostingOrdersError(Exception):
    """Base of every error this project raises on purpose. The text is safe to show to the client."""


# -- what a client did --------------------------------------------------------------------------------------------


class RequestRefusedError(HostingOrdersError):
    """A request is refused for a reason that its client is told: `code` for programs, the text for people.

    `pointer` is the JSON pointer of the field that is wrong, None if it is no field.
    """

    code: Code
    pointer: str | None = None


class CredentialRefusedError(RequestRefusedError):
    """No, unknown, expired or foreign credential; one text for all of them, so nothing leaks."""

    code = Code.UNAUTHORIZED


class AccessDeniedError(RequestRefusedError):
    """The credential is good but may not do this. `code` says why, such as `oauth_not_allowed`."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code = code


class InvalidRequestError(RequestRefusedError):
    """One thing about the request is wrong."""

    def __init__(self, code: Code, message: str, pointer: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.pointer = pointer


class InvalidFieldsError(HostingOrdersError):
    """Several fields are wrong at once; every one is named, so that the client mends them in one go."""

    def __init__(self, problems: list[InvalidRequestError]) -> None:
        super().__init__("; ".join(str(problem) for problem in problems))
        self.problems = problems


class NotReadyToChargeError(InvalidRequestError):
    """The account cannot be charged: `lacks` is `billing_contact` or `payment_method`."""

    def __init__(self, lacks: str, message: str) -> None:
        super().__init__(Code.NO_DEFAULT_PAYMENT_METHOD, message)
        self.lacks = lacks


class BodyTooLargeError(RequestRefusedError):
    """The request body is larger than any order could be."""

    code = Code.BODY_TOO_LARGE


class UserRequiredError(RequestRefusedError):
    """The credential is an account's own, and only a person may do this."""

    code = Code.USER_REQUIRED


class FeatureDisabledError(RequestRefusedError):
    """The operator has this switched off for the account."""

    code = Code.FEATURE_DISABLED


class DomainRefusedError(RequestRefusedError):
    """A domain cannot be ordered: `code` is `domain_unavailable`, `domain_add_failed` or `too_many_unpaid_domains`."""

    def __init__(self, code: Code, message: str, pointer: str) -> None:
        super().__init__(message)
        self.code = code
        self.pointer = pointer


class ContactsRefusedError(RequestRefusedError):
    """The registry does not take a domain's contacts.

    `findings` is a list of objects for the answer's body: what is wrong (code `domain_contact_invalid`), or what is
    missing (code `domain_contact_needs_augmentation`).
    """

    def __init__(self, code: Code, message: str, findings: list[dict[str, object]]) -> None:
        super().__init__(message)
        self.code = code
        self.findings = findings


class RateLimitedError(RequestRefusedError):
    """The key has made too many requests. `retry_after` is in seconds."""

    code = Code.RATE_LIMITED

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class NotFoundError(RequestRefusedError):
    """Unknown, or not the caller's: the two must not be told apart."""

    code = Code.NOT_FOUND


class IdempotencyKeyReusedError(RequestRefusedError):
    """The Idempotency-Key was used before with another body."""

    code = Code.IDEMPOTENCY_KEY_REUSED


class OrderNotCancellableError(RequestRefusedError):
    """`reason` is a word a program can read; the text says it to a person."""

    code = Code.ORDER_NOT_CANCELLABLE

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class PaymentNotStartedError(RequestRefusedError):
    """The cart was valid but its payment could not be started; nothing is left open."""

    code = Code.CART_PAY_FAILED

    def __init__(self, message: str, decline_code: str | None = None) -> None:
        super().__init__(message)
        self.decline_code = decline_code


# -- what happened to an order; the workflow catches these by name ------------------------------------------------


class PaymentFailedError(HostingOrdersError):
    """The payment ended without money (declined for good, debit returned)."""


class OrderCanceledError(HostingOrdersError):
    """The customer cancelled before delivery began."""


class OrderExpiredError(HostingOrdersError):
    """Nobody paid in time."""


class ProvisioningFailedError(HostingOrdersError):
    """The platform or registrar said no for good."""


class PaymentSettledError(HostingOrdersError):
    """The payment that a refund waits for has settled: the step that waits looks at it anew, at once."""


class RefundRefusedError(HostingOrdersError):
    """The payment provider refuses to give the money back: an operator's case."""


class IllegalMoveError(HostingOrdersError):
    """An order was asked to go where its state does not lead. A bug or a lost race, never a client's fault."""


# -- lost races: the caller reads again and decides anew ----------------------------------------------------------


class ConcurrentUpdateError(HostingOrdersError):
    """Somebody wrote the item between our read and our write."""


class CartExistsError(HostingOrdersError):
    """A cart with this token is there already: a replay, or a twin of this very request."""


class NumberTakenError(HostingOrdersError):
    """Two orders minted one number; mint again."""


class DomainTakenError(HostingOrdersError):
    """The domain name belongs to another order."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} is already owned or on order")
        self.name = name


class CapacityExhaustedError(HostingOrdersError):
    """The last free place was taken."""

    def __init__(self, resource: str) -> None:
        super().__init__(f"no capacity left for {resource}")
        self.resource = resource


# -- faults: always retried ---------------------------------------------------------------------------------------


class ProviderUnavailableError(HostingOrdersError):
    """A provider gave no usable answer; whether it acted is unknown. Retry under the same key, or look."""


class NotConnectedError(ProviderUnavailableError):
    """An operator has not stored the provider's credentials yet. The text names the secret and the command."""


class ForgedWebhookError(HostingOrdersError):
    """A provider's message whose signature does not hold. Nothing may change because of it."""
