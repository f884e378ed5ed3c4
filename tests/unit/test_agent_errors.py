"""What an agent is told to do after each error that a tool can return."""

from __future__ import annotations

import pytest

from hosting_orders.contracts.mcp.errors import next_step, tool_error
from hosting_orders.contracts.orders_v2 import operations
from hosting_orders.contracts.problem import Detail, Problem, problem_of
from hosting_orders.domain.codes import Code

# Errors that an agent can fix by calling the tool with other arguments.
ARGUMENTS = {Code.MISSING_FIELD, Code.INVALID_FIELD, Code.INVALID_CALLBACK, Code.INVALID_DOMAIN}
# Errors that no tool returns, because no tool has the field or header that they are about.
NEVER = {
    *(
        Code.INVALID_ACTION,
        Code.INVALID_RETURN_URL,
        Code.INVALID_IDEMPOTENCY_KEY,
        Code.IDEMPOTENCY_KEY_REUSED,
    ),
    *(Code.UNAUTHORIZED, Code.MISSING_ACCOUNT, Code.UNSUPPORTED_API_VERSION),
    *(Code.MALFORMED_JSON, Code.MALFORMED_BODY, Code.BODY_TOO_LARGE, Code.UNKNOWN_TERM),
}
OF_TOOLS = {
    *operations.PLACE_CART.codes,
    *operations.CANCEL_ORDER.codes,
    *(Code.SPEND_CAP_REQUIRED, Code.INSUFFICIENT_SCOPE, Code.INVALID_ID, Code.INVALID_CURSOR),
} - NEVER


def told(code: Code) -> str:
    return next_step(Problem(code, (Detail(code, "x"),)))


@pytest.mark.parametrize("code", sorted(OF_TOOLS))
def test_only_argument_errors_advise_to_change_arguments(code: Code) -> None:
    assert (told(code) == told(Code.INVALID_FIELD)) is (code in ARGUMENTS)


@pytest.mark.parametrize(
    "code",
    [
        Code.INCOMPLETE_CONTACT,
        Code.INVALID_CONTACT,
        Code.DOMAIN_CONTACT_INVALID,
        Code.DOMAIN_CONTACT_NEEDS_AUGMENTATION,
    ],
)
def test_an_agent_must_not_invent_contact_data(code: Code) -> None:
    assert "Ask the person" in told(code) and "Do not invent" in told(code)


def test_an_internal_error_may_have_moved_money() -> None:
    assert tool_error(problem_of(RuntimeError("x")), moves_money=True)["money_moved"] == "unknown"


@pytest.mark.parametrize("words", ["Idempotency-Key", "Link"])
def test_no_text_names_a_header(words: str) -> None:
    texts = "Send it with the same Idempotency-Key.", "Take it from a `Link` header."
    for code in (Code.INTERNAL_ERROR, Code.INVALID_CURSOR):
        details = tuple(Detail(code, text) for text in texts)
        assert words not in tool_error(Problem(code, details), moves_money=False)["message"]
