"""What an OAuth access token gives access to, tested at the real handlers (docs/oauth.md, O2-002 … O2-004)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from hosting_orders.contracts.mcp import tools
from hosting_orders.contracts.published import PUBLISHED
from hosting_orders.domain.account import OAUTH_SCOPES, CredentialKind
from hosting_orders.usecases.authenticate import identify
from local.issuer_standin import SCOPES, IssuerStandIn
from tests.conformance.contract_002.support import ROUTES, assert_error, new_account, new_key, send, state_of
from tests.conformance.oauth.support import ask, call_tool
from tests.support.oauth import REMOVED, bearer, forged, use_issuer
from tests.support.world import World

# -- what a token gives access to ---------------------------------------------------------------------


@pytest.mark.parametrize("alg", ["RS256", "PS256", "ES256"])
def test_a_token_with_each_algorithm_reads_orders(world: World, issuer: IssuerStandIn, alg: str) -> None:
    token = issuer.token("usr_ready", "acc_ready", alg=alg)
    assert ask(world, token).status == 200


@pytest.mark.parametrize(
    "header", [{"typ": REMOVED}, {"typ": "JWT"}, {"typ": "application/at+jwt"}, {"org.example.tenant": 7}]
)
def test_headers_of_common_issuers_are_accepted(world: World, issuer: IssuerStandIn, header: Any) -> None:
    assert ask(world, forged(issuer, header=header)).status == 200


@pytest.mark.parametrize(
    ("claims", "status"),
    [
        ({"scope": "billing:read"}, 200),
        ({"scope": "openid  billing:read email"}, 200),
        ({"scope": ["billing:read"]}, 200),
        ({"scope": REMOVED, "scp": ["billing:read"]}, 200),
        ({"scope": REMOVED, "scp": "billing:read"}, 200),
        ({"scope": "account:read tasks:read"}, 403),
        ({"scope": "billing:write *  admin billing:manage"}, 403),
        ({"scope": "BILLING:READ"}, 403),
        ({"scope": ""}, 403),
        ({"scope": REMOVED}, 403),
        ({"aud": ["https://api.example.com", "https://other.example.com"]}, 200),
        ({"token_use": "access"}, 200),
        ({"typ": "Bearer"}, 200),
    ],
)
def test_O2_002_only_a_token_with_the_scope_reads_orders(
    world: World, issuer: IssuerStandIn, claims: Any, status: int
) -> None:
    reply = ask(world, forged(issuer, claims=claims))
    assert reply.status == status, reply.body
    if status == 403:
        assert_error(reply, 403, "insufficient_scope")


@pytest.mark.parametrize("form", ["Bearer {}", "token {}"])
def test_a_token_is_accepted_wherever_an_api_key_is(world: World, issuer: IssuerStandIn, form: str) -> None:
    token = issuer.token("usr_ready", "acc_ready")
    account = {"x-auth-account": "acc_ready"}
    for headers in ({"authorization": form.format(token)}, {"x-api-key": token}):
        assert send(world, "GET", "/api/orders", headers=headers | account, account=None).status == 200


@pytest.mark.parametrize("path", ["/api/orders", "/api/tasks", "/api/v1/ping", "/api/billing/order/1"])
def test_C12_a_token_with_another_credential_is_refused(
    world: World, issuer: IssuerStandIn, path: str
) -> None:
    token, other = issuer.token("usr_ready", "acc_ready"), issuer.token("usr_ready", "acc_ready", seconds=9)
    key, account = new_key(world), {"x-auth-account": "acc_ready"}
    for headers in (
        {"authorization": f"Bearer {token}", "x-api-key": key},
        {"authorization": f"Bearer {key}", "x-api-key": token},
        {"authorization": f"Bearer {token}", "x-api-key": other},
        # API Gateway joins headers of one name with a comma.
        {"authorization": f"Bearer {token},Bearer {token}"},
        {"authorization": f"Bearer {token}, Bearer {key}"},
        {"x-api-key": f"{token},{key}"},
        {"authorization": f"Bearer {key} {token}"},
        {"authorization": f"Basic {token}"},
        {"authorization": f"DPoP {token}"},
        {"authorization": token},
    ):
        reply = send(world, "GET", path, headers=account | headers, account=None)
        assert reply.status == 401, headers
    both = {"authorization": f"Bearer {token}", "x-api-key": token}
    once = send(world, "GET", path, headers=account | {"x-api-key": token}, account=None)
    assert once.status != 401
    assert send(world, "GET", path, headers=account | both, account=None).status == once.status


def test_O2_003_O2_004_a_token_with_every_scope_writes_nothing(world: World, issuer: IssuerStandIn) -> None:
    token = issuer.token(
        "usr_ready", "acc_ready", f"{SCOPES} billing:write vps:manage domains:manage admin *"
    )
    before = state_of(world)
    for method, path, _ in ROUTES:
        reply = send(world, method, path, headers=bearer(world, token), account=None, body="{}")
        if method != "GET":
            assert_error(reply, 403, "oauth_not_allowed")
        assert reply.status in (200, 400, 403, 404), (method, path, reply.body)
    assert state_of(world) == before


def test_a_token_grants_only_our_three_scopes(world: World, issuer: IssuerStandIn) -> None:
    """A token never gets a scope outside OAUTH_SCOPES, even if a future operation requires that scope."""
    token = issuer.token("usr_ready", "acc_ready", f"{SCOPES} billing:write vps:manage keys:manage *")
    credential = identify(world.services, bearer(world, token), "203.0.113.7")
    assert credential.scopes == {"billing:read", "account:read", "tasks:read"}
    assert (credential.kind, credential.account_ids) == (CredentialKind.OAUTH, ("acc_ready",))
    assert (
        credential.key_hash
        != identify(world.services, bearer(world, other_member(world, issuer)), "").key_hash
    )
    again = identify(world.services, bearer(world, issuer.token("usr_ready", "acc_ready", seconds=9)), "")
    assert credential.key_hash == again.key_hash, "a new token is counted with the old one"


def other_member(world: World, issuer: IssuerStandIn) -> str:
    member_of_two(world)
    return issuer.token("usr_two", "acc_ready")


def test_operations_that_accept_tokens_only_read() -> None:
    """This test fails for an operation with a scope that no token can have, and for a write that a token can call."""
    for module in PUBLISHED:
        for operation in module.OPERATIONS:
            scope = operation.access.scope if operation.access else None
            if scope is not None:
                assert scope in OAUTH_SCOPES, f"{operation.route}: no token can have {scope}"
                # Each tool of the MCP server has its own scope. The tests below check the tools.
                reads = operation.method == "GET" or operation.path == "/mcp"
                assert reads, f"{operation.route} is a write that a token can call"


def test_a_token_cannot_call_a_tool_without_a_declared_scope(
    world: World, issuer: IssuerStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """O2-182 applies to tools too: a token cannot call a new tool until the tool declares a scope."""
    token = issuer.token("usr_ready", "acc_ready")
    assert not call_tool(world, token, "list_orders").body["result"].get("isError")
    monkeypatch.setattr(tools, "LIST_ORDERS", replace(tools.LIST_ORDERS, oauth_scope=None))
    answer = call_tool(world, token, "list_orders").body["result"]
    assert answer["structuredContent"]["code"] == "oauth_not_allowed"
    monkeypatch.setattr(tools, "LIST_ORDERS", replace(tools.LIST_ORDERS, oauth_scope="tasks:read"))
    token = issuer.token("usr_ready", "acc_ready", "billing:read")
    answer = call_tool(world, token, "list_orders").body["result"]
    assert answer["structuredContent"]["code"] == "insufficient_scope"


def test_tools_that_accept_tokens_only_read() -> None:
    opened = [tool for tool in tools.TOOLS.values() if tool.oauth_scope is not None]
    assert {tool.oauth_scope for tool in opened} <= OAUTH_SCOPES
    assert all(tool.reads for tool in opened)
    assert tools.QUOTE_ORDER not in opened


def test_a_token_can_read_but_not_order_with_the_MCP_tools(world: World, issuer: IssuerStandIn) -> None:
    order = world.place().body["orders"][0]["id"]
    token = issuer.token("usr_ready", "acc_ready", f"{SCOPES} vps:manage domains:manage")
    place = {"plan": "vps-1", "image": "debian-13", "location": "ams", "term": "monthly"}
    items = [{"vm": {"hostname": "a.example.com", **place}}]
    before = state_of(world)
    listed = call_tool(world, token, "list_orders")
    assert (listed.status, listed.body["result"].get("isError", False)) == (200, False), listed.body
    for tool, arguments in {
        "quote_order": {"items": items},
        "place_order": {"items": items, "quote": "x" * 40, "confirm": True, "max_cost_cents": 1},
        "cancel_order": {"order": order, "confirm": True},
    }.items():
        answer = call_tool(world, token, tool, **arguments).body["result"]
        assert answer["structuredContent"]["code"] == "oauth_not_allowed", (tool, answer)
    assert state_of(world) == before


@pytest.mark.parametrize(
    "path",
    [
        *("/api/v1/orders/65f000000000000000000000", "/api/v1/orders", "/api/v1/ping", "/api/v1/catalogue"),
        *("/api/billing/order/1", "/api/account/pending-orders"),
    ],
)
def test_SQ_013_C22_contracts_000_and_001_are_closed_to_oauth(
    world: World, issuer: IssuerStandIn, path: str
) -> None:
    reply = ask(world, issuer.token("usr_ready", "acc_ready", f"{SCOPES} vps:provision"), path)
    assert (reply.status, reply.body["code"]) == (403, "OAUTH_NOT_ALLOWED")


def test_api_version_1_accepts_the_same_tokens(world: World, issuer: IssuerStandIn) -> None:
    headers = bearer(world, issuer.token("usr_ready", "acc_ready")) | {"x-api-version": "1"}
    reply = send(world, "GET", "/api/orders", headers=headers, account=None)
    assert (reply.status, reply.headers["x-api-version"]) == (200, "1")


def test_a_token_is_bound_to_one_account_of_its_user(world: World, issuer: IssuerStandIn) -> None:
    member_of_two(world)
    token = issuer.token("usr_two", "acc_ready")
    assert send(world, "GET", "/api/orders", headers=bearer(world, token), account=None).status == 200
    reply = send(world, "GET", "/api/orders", headers=bearer(world, token, "credit"), account=None)
    assert_error(reply, 401, "unauthorized")
    twice = bearer(world, token) | {"x-auth-account": "acc_ready,acc_credit"}
    assert_error(send(world, "GET", "/api/orders", headers=twice, account=None), 401, "unauthorized")
    assert ask(world, issuer.token("usr_two", "acc_ready"), "/api/tasks").status == 200
    for path in ("/api/orders", "/api/tasks", "/api/about"):
        other = send(world, "GET", path, headers=bearer(world, token, "sepa"), account=None)
        assert_error(other, 401, "unauthorized")


def member_of_two(world: World) -> None:
    user = world.services.directory.user("usr_ready")
    assert user is not None
    world.services.directory.put_user(replace(user, id="usr_two", account_ids=("acc_ready", "acc_credit")))


def test_a_user_without_the_account_loses_access_at_once(world: World, issuer: IssuerStandIn) -> None:
    new_account(world, "ready", "leaving")
    token = issuer.token("usr_leaving", "acc_leaving")
    headers = bearer(world, token, "leaving")
    assert send(world, "GET", "/api/orders", headers=headers, account=None).status == 200
    user = world.services.directory.user("usr_leaving")
    assert user is not None
    world.services.directory.put_user(replace(user, account_ids=()))
    assert_error(send(world, "GET", "/api/orders", headers=headers, account=None), 401, "unauthorized")
    world.services.directory.put_user(replace(user, account_ids=("acc_credit",)))
    assert_error(send(world, "GET", "/api/orders", headers=headers, account=None), 401, "unauthorized")


def test_settings_can_name_the_claims_of_cognito(world: World, issuer: IssuerStandIn) -> None:
    claims = {
        "aud": REMOVED,
        "client_id": "client-1",
        "token_use": "access",
        "sub": "0b1c",
        "custom:user": "usr_ready",
        "custom:account": "acc_ready",
        "account_id": REMOVED,
        "scope": "orders/billing:read account:read",
    }
    rules = {
        "audiences": ("client-2", "client-1"),
        "audience_claim": "client_id",
        "user_claim": "custom:user",
        "account_claim": "custom:account",
        "scope_prefix": "orders/",
    }
    token = forged(issuer, claims=claims, header={"typ": REMOVED})
    assert_error(ask(world, token), 401, "unauthorized")
    use_issuer(world, issuer, **rules)
    assert ask(world, token).status == 200
    # Without the prefix, a scope belongs to another API of the same issuer.
    assert_error(ask(world, token, "/api/about"), 403, "insufficient_scope")
    for wrong in (
        {"client_id": "client-3"},
        {"client_id": REMOVED},
        {"aud": "client-1"},
        {"token_use": "id"},
    ):
        refused = ask(world, forged(issuer, claims={**claims, **wrong}))
        assert_error(refused, 401, "unauthorized")


# -- what a response says to an OAuth client ----------------------------------------------------------


def test_the_403_for_a_token_names_the_missing_scope(
    world: World, issuer: IssuerStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RFC 6750, section 3.1. The response names the scope with the issuer's prefix."""
    monkeypatch.setenv("OAUTH_ISSUER", issuer.url)
    use_issuer(world, issuer, scope_prefix="orders/")
    monkeypatch.setenv("OAUTH_SCOPE_PREFIX", "orders/")
    token = issuer.token("usr_ready", "acc_ready", "orders/account:read")
    for path, scope in {"/api/orders": "billing:read", "/api/tasks": "tasks:read"}.items():
        reply = ask(world, token, path)
        assert_error(reply, 403, "insufficient_scope")
        wanted = f'Bearer error="insufficient_scope", scope="orders/{scope}"'
        assert reply.headers["www-authenticate"] == wanted
    reply = call_tool(world, token, "list_orders")
    assert reply.status == 403
    assert reply.headers["www-authenticate"].startswith(
        'Bearer error="insufficient_scope", resource_metadata="'
    )
    assert reply.headers["www-authenticate"].endswith('mcp", scope="orders/billing:read"')


def test_the_401_names_the_scope_of_the_endpoint(
    world: World, issuer: IssuerStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OAUTH_ISSUER", issuer.url)
    expired = issuer.token("usr_ready", "acc_ready", seconds=-60)
    refused = ask(world, expired, "/api/about").headers["www-authenticate"]
    assert refused == 'Bearer error="invalid_token", scope="account:read"'
    without = send(world, "GET", "/api/about", account=None).headers["www-authenticate"]
    assert without == 'Bearer scope="account:read"'
    # An endpoint that is closed to OAuth names no scope.
    assert ask(world, expired, "/api/keys").headers["www-authenticate"] == 'Bearer error="invalid_token"'
    closed = ask(world, issuer.token("usr_ready", "acc_ready"), "/api/keys")
    assert_error(closed, 403, "oauth_not_allowed")
    assert "www-authenticate" not in closed.headers


def test_the_metadata_lists_the_scopes_as_the_issuer_names_them(
    world: World, issuer: IssuerStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RFC 9728: a client requests these scopes."""
    monkeypatch.setenv("OAUTH_ISSUER", issuer.url)
    path = "/.well-known/oauth-protected-resource"
    for prefix in ("", "orders/"):
        monkeypatch.setenv("OAUTH_SCOPE_PREFIX", prefix)
        api = send(world, "GET", path, account=None).body
        assert api["scopes_supported"] == [f"{prefix}{scope}" for scope in sorted(SCOPES.split())]
        mcp = send(world, "GET", f"{path}/mcp", account=None).body
        assert mcp["scopes_supported"] == [f"{prefix}billing:read"]
