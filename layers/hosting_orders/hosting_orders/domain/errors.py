"""Errors that stop a request or a workflow step. The workflow recognises some of them by class name."""

from __future__ import annotations

from .codes import Code
from .money import Money


class HostingOrdersError(Exception):
    """Base of all our errors. Clients may see the text, unless a class forbids it."""


# -- refused requests ---------------------------------------------------------------------------------------------


class RequestRefusedError(HostingOrdersError):
    code: Code  # for programs; the text is for people
    pointer: str | None = None  # the JSON pointer of the wrong field


class CredentialRefusedError(RequestRefusedError):
    """The text is the same for every cause, so it reveals nothing."""

    code = Code.UNAUTHORIZED


class CredentialMissingError(CredentialRefusedError):
    pass


class AccessTokenRefusedError(HostingOrdersError):
    """The text is for operators."""


class AccessDeniedError(RequestRefusedError):
    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code = code


class SpendCapExceededError(RequestRefusedError):
    """`period` is `day` or `month`. `remaining` can still be spent in it."""

    code = Code.SPEND_CAP_EXCEEDED

    def __init__(self, period: str, remaining: Money, cost: Money) -> None:
        when = "today" if period == "day" else "this month"
        super().__init__(
            f"The order costs {cost} with tax, but this API key may spend only {remaining} more {when} (UTC). "
            f"Order for less, wait until the {period} is over, or use a key with a higher spend cap."
        )
        self.period = period
        self.remaining = remaining


class StrongerKeyError(RequestRefusedError):
    """A key tried to make or rotate a key with more rights than its own."""

    code = Code.STRONGER_KEY

    def __init__(self, message: str, pointer: str) -> None:
        super().__init__(message)
        self.pointer = pointer


class InvalidRequestError(RequestRefusedError):
    def __init__(self, code: Code, message: str, pointer: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.pointer = pointer


class InvalidFieldsError(HostingOrdersError):
    def __init__(self, problems: list[InvalidRequestError]) -> None:
        super().__init__("; ".join(str(problem) for problem in problems))
        self.problems = problems


class NotReadyToChargeError(InvalidRequestError):
    """`lacks` is `billing_contact` or `payment_method`."""

    def __init__(self, lacks: str, message: str) -> None:
        super().__init__(Code.NO_DEFAULT_PAYMENT_METHOD, message)
        self.lacks = lacks


class QuoteRefusedError(InvalidRequestError):
    def __init__(self, code: Code, message: str) -> None:
        super().__init__(code, message, "/quote")


class PriceChangedError(InvalidRequestError):
    """The order costs more than was agreed. Both amounts include tax, in minor units."""

    def __init__(self, message: str, pointer: str, *, agreed: int, current: int, currency: str) -> None:
        super().__init__(Code.PRICE_CHANGED, message, pointer)
        self.agreed = agreed
        self.current = current
        self.currency = currency


class BodyTooLargeError(RequestRefusedError):
    code = Code.BODY_TOO_LARGE


class MethodNotAllowedError(RequestRefusedError):
    code = Code.METHOD_NOT_ALLOWED

    def __init__(self, allowed: str) -> None:
        super().__init__(f"This address accepts {allowed} only.")
        self.allowed = allowed


class UserRequiredError(RequestRefusedError):
    code = Code.USER_REQUIRED


class FeatureDisabledError(RequestRefusedError):
    code = Code.FEATURE_DISABLED


class DomainRefusedError(RequestRefusedError):
    def __init__(self, code: Code, message: str, pointer: str) -> None:
        super().__init__(message)
        self.code = code
        self.pointer = pointer


class ContactsRefusedError(RequestRefusedError):
    """`findings` are violations or missing fields, for the response body."""

    def __init__(self, code: Code, message: str, findings: list[dict[str, object]]) -> None:
        super().__init__(message)
        self.code = code
        self.findings = findings


class RateLimitedError(RequestRefusedError):
    """`retry_after` is in seconds."""

    code = Code.RATE_LIMITED

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class TooManyWebhooksError(RequestRefusedError):
    code = Code.TOO_MANY_WEBHOOKS


class WebhookDisabledError(RequestRefusedError):
    code = Code.WEBHOOK_DISABLED


class NotFoundError(RequestRefusedError):
    """The text must not show whether another account has the item."""

    code = Code.NOT_FOUND


class KeyInactiveError(RequestRefusedError):
    code = Code.KEY_INACTIVE


class KeyChangedError(RequestRefusedError):
    code = Code.KEY_CHANGED


class TooManyKeysError(RequestRefusedError):
    code = Code.TOO_MANY_KEYS


class IdempotencyKeyReusedError(RequestRefusedError):
    code = Code.IDEMPOTENCY_KEY_REUSED


class OrderNotCancellableError(RequestRefusedError):
    code = Code.ORDER_NOT_CANCELLABLE

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class PaymentNotStartedError(RequestRefusedError):
    """The provider refused the payment. The cart can no longer be paid."""

    code = Code.CART_PAY_FAILED

    def __init__(self, message: str, decline_code: str | None = None) -> None:
        super().__init__(message)
        self.decline_code = decline_code


class TooManySubscriptionsError(PaymentNotStartedError):
    pass


# -- outcomes of an order; the workflow matches some of them by name ----------------------------------------------


class PaymentFailedError(HostingOrdersError):
    """A final decline, or a returned debit."""


class OrderCanceledError(HostingOrdersError):
    """The order was cancelled before delivery began, or it has ended."""


class OrderExpiredError(HostingOrdersError):
    pass


class ProvisioningFailedError(HostingOrdersError):
    """The provider refuses permanently, or the delivery failed or was abandoned."""


class PaymentSettledError(HostingOrdersError):
    """The payment that RefundOrder waited for has settled. The workflow runs RefundOrder again immediately."""


class RefundRefusedError(HostingOrdersError):
    """The refund was refused or returned. An operator must act."""


class IllegalMoveError(HostingOrdersError):
    """A bug or a lost race, never the client's fault."""


# -- lost races: another process or request was faster ------------------------------------------------------------


class ConcurrentUpdateError(HostingOrdersError):
    """Another process wrote the item after we read it."""


class CartExistsError(HostingOrdersError):
    """Another request with this Idempotency-Key has placed the cart."""


class QuoteUsedError(HostingOrdersError):
    pass


class KeyExistsError(HostingOrdersError):
    """Another request with this Idempotency-Key has made the API key."""


class WebhookExistsError(HostingOrdersError):
    """Another request with this Idempotency-Key has created the endpoint."""


class NumberTakenError(HostingOrdersError):
    """Another order or account has this number. Draw a new number."""


class DomainTakenError(HostingOrdersError):
    def __init__(self, name: str) -> None:
        super().__init__(f"{name} is already owned or on order")
        self.name = name


class CapacityExhaustedError(HostingOrdersError):
    def __init__(self, resource: str) -> None:
        super().__init__(f"no capacity left for {resource}")
        self.resource = resource


# -- faults, which are always retried, and forged webhooks --------------------------------------------------------


class ProviderUnavailableError(HostingOrdersError):
    """The provider may have acted. Retry with the same idempotency key, or read the provider's state."""


class NotConnectedError(ProviderUnavailableError):
    """The provider's credentials are missing. The text names the secret and the command."""


class ForgedWebhookError(HostingOrdersError):
    pass
