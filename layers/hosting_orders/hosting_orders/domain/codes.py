"""Every error code of the API (docs/errors.md)."""

from __future__ import annotations

from enum import StrEnum


class Code(StrEnum):
    """Published codes never change. A contract may map them to its own words."""

    status: int
    heading: str
    about: str

    def __new__(cls, word: str, status: int, heading: str, about: str) -> Code:
        code = str.__new__(cls, word)
        code._value_ = word
        code.status = status
        code.heading = heading
        code.about = about
        return code

    # -- the request -----------------------------------------------------------------------------------------------

    MISSING_ACCOUNT = "missing_account", 400, "No account", "The header `X-Auth-Account` is missing."
    UNSUPPORTED_API_VERSION = (
        *("unsupported_api_version", 400, "Unsupported API version"),
        "The endpoint does not support the version in `X-Api-Version` or the key's own version.",
    )
    MALFORMED_JSON = (
        *("malformed_json", 400, "Malformed JSON"),
        "The body is not JSON, not UTF-8, has a key twice in one object, or is nested too deeply.",
    )
    MALFORMED_BODY = "malformed_body", 400, "Malformed body", "The body cannot be read."
    MISSING_FIELD = "missing_field", 400, "Missing field", "A required field is missing."
    INVALID_FIELD = (
        *("invalid_field", 400, "Invalid field"),
        "A field is unknown, of the wrong type, or too long.",
    )
    INVALID_IDEMPOTENCY_KEY = (
        *("invalid_idempotency_key", 400, "Invalid Idempotency-Key"),
        "`Idempotency-Key` is not 1 to 255 visible ASCII characters.",
    )
    INVALID_ID = (
        "invalid_id",
        400,
        "Invalid id",
        "The id in the path cannot be an order's id.",
    )
    INVALID_PAGE = "invalid_page", 400, "Invalid page", "`page` is not a whole number of 1 or more."
    INVALID_PER_PAGE = (
        "invalid_per_page",
        400,
        "Invalid page size",
        "`per_page` is not a whole number of 1 or more.",
    )
    INVALID_CURSOR = "invalid_cursor", 400, "Invalid cursor", "`cursor` does not come from a `Link` header."
    RESERVED = "reserved", 400, "Reserved", "The method is reserved: a placed order cannot be changed."
    METHOD_NOT_ALLOWED = (
        *("method_not_allowed", 405, "Method not allowed"),
        "The address does not accept this method; the header `Allow` names those that it accepts.",
    )
    NOT_ACCEPTABLE = (
        *("not_acceptable", 406, "Not acceptable"),
        "The header `Accept` excludes `application/json`, and the answer has no other form.",
    )
    BODY_TOO_LARGE = "body_too_large", 413, "Body too large", "The body has more than 64 KiB."

    # -- what is ordered -------------------------------------------------------------------------------------------

    UNKNOWN_VARIANT = "unknown_variant", 400, "Unknown variant", "`GET /api/about` lists the variants."
    UNKNOWN_LOCATION = "unknown_location", 400, "Unknown location", "`GET /api/about` lists the locations."
    UNKNOWN_PLAN = "unknown_plan", 400, "Unknown plan", "`GET /api/about` lists the plans."
    UNKNOWN_IMAGE = "unknown_image", 400, "Unknown image", "The catalogue has no such operating system."
    UNKNOWN_TERM = "unknown_term", 400, "Unknown term", "The term is not `monthly` or `annual`."
    VARIANT_UNAVAILABLE = (
        *("variant_unavailable", 400, "Variant unavailable"),
        "All places of the variant are in use.",
    )
    PRICING_MISSING = (
        *("pricing_missing", 400, "No price"),
        "There is no price for the account's billing plan and currency.",
    )
    ACCOUNT_UNABLE_TO_CREATE_ORDERS = (
        *("account_unable_to_create_orders", 400, "Account unable to create orders"),
        "The account may not order.",
    )
    NO_DEFAULT_PAYMENT_METHOD = (
        *("no_default_payment_method", 400, "Not ready to charge"),
        "The account has no customer at Stripe or no saved payment method, or its billing contact is incomplete.",
    )
    INVALID_RETURN_URL = (
        *("invalid_return_url", 400, "Invalid return URL"),
        "Customers cannot be sent to `return_url`.",
    )
    INVALID_CALLBACK = (
        *("invalid_callback", 400, "Invalid callback"),
        "The callback's URL or authorization cannot be used.",
    )

    INVALID_QUOTE = (
        "invalid_quote",
        400,
        "Invalid quote",
        "We did not issue the quote, or not to this account.",
    )
    QUOTE_EXPIRED = (
        "quote_expired",
        409,
        "Quote expired",
        "The quote's five minutes are over; ask for a new one.",
    )
    QUOTE_USED = (
        "quote_used",
        409,
        "Quote used",
        "Another order has used this quote. Each quote can be used for one order only.",
    )
    QUOTE_MISMATCH = (
        *("quote_mismatch", 422, "Quote for another request"),
        "The quote was issued for other products.",
    )
    PRICE_CHANGED = (
        *("price_changed", 409, "Price changed"),
        "The order costs more than the quote or `max_cost_cents` allows; the answer has both prices.",
    )

    # -- API keys --------------------------------------------------------------------------------------------------

    UNKNOWN_SCOPE = "unknown_scope", 400, "Unknown scope", "`GET /api/keys/scopes` lists the scopes."
    STRONGER_KEY = (
        *("stronger_key", 403, "Stronger key"),
        "A key cannot make or rotate a key that may do more than it may.",
    )
    KEY_INACTIVE = (
        *("key_inactive", 409, "Key inactive"),
        "The key is revoked or expired, so it cannot be rotated.",
    )
    KEY_CHANGED = (
        *("key_changed", 409, "Key changed"),
        "Another request changed the key at the same time, and this request changed nothing.",
    )
    TOO_MANY_KEYS = (
        *("too_many_keys", 422, "Too many keys"),
        "The account has reached its maximum of keys.",
    )

    # -- webhooks --------------------------------------------------------------------------------------------------

    INVALID_WEBHOOK_URL = (
        *("invalid_webhook_url", 400, "Invalid webhook URL"),
        "Webhooks cannot be sent to `url`.",
    )
    UNKNOWN_EVENT_TYPE = (
        *("unknown_event_type", 400, "Unknown event type"),
        "`GET /api/webhooks/event-types` lists the types.",
    )

    # -- domains ---------------------------------------------------------------------------------------------------

    INVALID_ACTION = "invalid_action", 400, "Invalid action", "`action` is not `register` or `transfer`."
    INVALID_DOMAIN = "invalid_domain", 400, "Invalid domain", "The text is not a valid domain."
    UNSUPPORTED_TLD = (
        *("unsupported_tld", 400, "Unsupported top-level domain"),
        "`GET /api/tlds` lists the top-level domains on sale.",
    )
    PRICING_UNAVAILABLE = (
        *("pricing_unavailable", 400, "No price for this domain"),
        "There is no price for this action under this top-level domain, for the account's billing plan.",
    )
    AUTHCODE_REQUIRED = (
        *("authcode_required", 400, "Auth code required"),
        "A transfer under this top-level domain needs the auth code of the current registrar.",
    )
    INCOMPLETE_CONTACT = (
        *("incomplete_contact", 400, "Incomplete contact"),
        "The contact lacks a field that every registry needs.",
    )
    INVALID_CONTACT = "invalid_contact", 400, "Invalid contact", "A contact has a field that cannot be used."
    INVALID_CONTACT_SOURCE = (
        *("invalid_contact_source", 400, "Invalid contact source"),
        "The source registration does not belong to the account.",
    )
    DOMAIN_UNAVAILABLE = (
        *("domain_unavailable", 422, "Domain unavailable"),
        "The domain cannot be registered: it is taken, or premium and not sold here.",
    )
    DOMAIN_ADD_FAILED = (
        *("domain_add_failed", 422, "Domain cannot be added"),
        "The domain cannot be transferred, or is already owned or on order here.",
    )
    TOO_MANY_UNPAID_DOMAINS = (
        *("too_many_unpaid_domains", 422, "Too many unpaid domains"),
        "The account has reached its maximum of unpaid domain orders.",
    )
    DOMAIN_CONTACT_INVALID = (
        *("domain_contact_invalid", 422, "Contact refused"),
        "The registry does not accept a contact's value; `violations` lists each one.",
    )
    DOMAIN_CONTACT_NEEDS_AUGMENTATION = (
        *("domain_contact_needs_augmentation", 422, "Contact needs more"),
        "The registry requires more contact fields; `needs_augmentation` lists them with their JSON Schemas.",
    )

    # -- authentication and permissions ----------------------------------------------------------------------------

    UNAUTHORIZED = (
        *("unauthorized", 401, "Unauthorized"),
        "The key is missing, unknown or expired, or it does not belong to the account.",
    )
    USER_REQUIRED = (
        *("user_required", 401, "User required"),
        "Only a person may do this: an account's own key is not enough.",
    )
    INVALID_SIGNATURE = (
        *("invalid_signature", 401, "Invalid signature"),
        "The webhook was not signed by its provider.",
    )
    OAUTH_NOT_ALLOWED = (
        *("oauth_not_allowed", 403, "Not available via OAuth"),
        "The endpoint takes API keys only.",
    )
    INSUFFICIENT_SCOPE = "insufficient_scope", 403, "Insufficient scope", "The key or token lacks the scope."
    FOREIGN_ORIGIN = (
        *("foreign_origin", 403, "Foreign origin"),
        "A web page of another site sent the request.",
    )
    SPEND_CAP_REQUIRED = (
        *("spend_cap_required", 403, "Spend cap required"),
        "An agent may order only with a key that has a spend cap.",
    )
    TEST_KEY = (
        *("test_key", 403, "Test key"),
        "A test key cannot order where payments move real money. It cannot change a live key or a live order.",
    )
    LIVE_KEY = (
        *("live_key", 403, "Live key"),
        "A live key cannot order where payments are in test mode.",
    )
    SPEND_CAP_EXCEEDED = (
        *("spend_cap_exceeded", 403, "Spend cap exceeded"),
        "The order costs more than the key's spend cap leaves; `period` and `remaining` say what is left.",
    )
    SPEND_CAP_CURRENCY = (
        *("spend_cap_currency", 403, "Spend cap in another currency"),
        "The key's spend cap is not in the account's currency.",
    )
    TEST_KEY_REQUIRED = (
        *("test_key_required", 403, "Test key required"),
        "Only a test key may send examples of this event.",
    )
    TRIAL_ACCOUNT = (
        *("trial_account", 403, "Trial account"),
        "The account's trial includes no use of the API, or no domains.",
    )

    # -- existing resources ----------------------------------------------------------------------------------------

    NOT_FOUND = (
        *("not_found", 404, "Not found"),
        "The resource does not exist, or it belongs to another account.",
    )
    ORDER_NOT_CANCELLABLE = (
        *("order_not_cancellable", 409, "Order not cancellable"),
        "The order cannot be cancelled any more; `reason` says why.",
    )
    WEBHOOK_DISABLED = (
        *("webhook_disabled", 409, "Webhook endpoint switched off"),
        "The endpoint is switched off; enable it first.",
    )
    TOO_MANY_WEBHOOKS = (
        *("too_many_webhooks", 422, "Too many webhook endpoints"),
        "The account has reached its maximum of webhook endpoints.",
    )
    IDEMPOTENCY_KEY_REUSED = (
        *("idempotency_key_reused", 422, "Idempotency-Key reused"),
        "The `Idempotency-Key` was used before with another body.",
    )
    CART_PAY_FAILED = (
        *("cart_pay_failed", 422, "Payment not started"),
        "The payment could not be started. The order is stored as failed, and nothing is left to pay.",
    )

    RATE_LIMITED = (
        *("rate_limited", 429, "Too many requests"),
        "Too many requests of this kind; `Retry-After` says when the next one is accepted.",
    )

    # -- failures on our side --------------------------------------------------------------------------------------

    INTERNAL_ERROR = "internal_error", 500, "Internal error", "Something went wrong on our side."
    FEATURE_DISABLED = (
        *("feature_disabled", 503, "Feature disabled"),
        "An operator has switched this feature off for the account.",
    )
    TEMPORARILY_UNAVAILABLE = (
        *("temporarily_unavailable", 503, "Temporarily unavailable"),
        "A provider gave no answer; `Retry-After` says when to try again.",
    )
