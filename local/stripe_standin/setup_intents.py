"""Setup intents: https://docs.stripe.com/api/setup_intents. Only SEPA debits with a mandate are supported."""

from __future__ import annotations

import secrets

from . import payment_methods
from .errors import bad_parameter, missing_parameter, not_built
from .sdk_types import Json
from .state import State

SUPPORTED = frozenset(
    (
        "customer",
        "payment_method",
        "allowed_payment_method_types",
        "confirm",
        "mandate_data",
        "usage",
        "metadata",
    )
)


def create(state: State, params: Json) -> Json:
    if not params.get("confirm"):
        raise not_built("a setup intent that is not confirmed at once")
    for name in ("customer", "payment_method"):
        if not params.get(name):
            raise missing_parameter(name)
    customer = state.get("customer", params["customer"], "customer")
    method = payment_methods.resolve(state, params["payment_method"])
    types = params.get("allowed_payment_method_types", ["card", "sepa_debit"])
    if method["type"] not in types:
        message = f"The PaymentMethod provided ({method['type']}) is not allowed for this SetupIntent."
        raise bad_parameter(message, None, "payment_method")
    if method["type"] != "sepa_debit":
        raise not_built(f"a setup intent for {method['type']}")
    if not params.get("mandate_data"):
        message = "When confirming a SetupIntent with a sepa_debit PaymentMethod, mandate_data is required."
        raise bad_parameter(message, "parameter_missing", "mandate_data")
    payment_methods.attach_to(state, method["id"], customer)
    state.instruments[method["id"]].mandate = True
    intent = state.new(
        "setup_intent",
        client_secret=f"seti_secret_{secrets.token_hex(8)}",
        customer=customer["id"],
        payment_method=method["id"],
        allowed_payment_method_types=params.get("allowed_payment_method_types"),
        payment_method_types=types,
        mandate=payment_methods.mandate_of(method),
        metadata=params.get("metadata") or {},
        status="succeeded",
        usage=params.get("usage", "off_session"),
    )
    state.emit("setup_intent.succeeded", intent)
    return intent
