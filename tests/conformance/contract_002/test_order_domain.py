"""Contract 002, "Register or Transfer a Domain": requests, responses, and errors about domains and money."""

from __future__ import annotations

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from hosting_orders.domain.catalogue import DomainPrice, Tld
from hosting_orders.usecases.unpaid_domains import MAX_UNPAID_DOMAINS
from tests.conformance.contract_002.support import (
    assert_envelope,
    assert_error,
    change_account,
    new_account,
    number_of,
    order_domain,
    refused_domain,
    shown,
    state_of,
)
from tests.support.world import Reply, World

CALLBACK = {"url": "https://client.example/hook", "authorization": "Bearer 12345"}
TRANSFER = {"action": "transfer", "authcode": "s3cret-auth"}


def punycode(name: str) -> str:
    label, _, ending = name.partition(".")
    return f"xn--{label.encode('punycode').decode()}.{ending}"


def lasting_things(world: World, account: str, name: str) -> tuple[int, bool, bool]:
    """Return the number of the customer's charges, whether the domain is taken, and whether contacts are stored."""
    customer = world.accounts[account]["customer"]
    contacts = [item for item in world.items("CONTACT") if item["PK"]["S"].endswith(f"acc_{account}")]
    return len(world.stripe.charges(customer)), world.services.orders.domain_taken(name), bool(contacts)


# -- accepted orders ----------------------------------------------------------------------------------------------


def test_O2_110_the_default_method_is_charged_once_and_off_session(world: World) -> None:
    """Off-session is Stripe's word for a charge while the customer is not present."""
    customer = world.accounts["ready"]["customer"]
    before = len(world.stripe.charges(customer))
    body = shown(world, world.order_domain("charged-once.com").body["orders"][0]["id"])
    charges = world.stripe.charges(customer)
    assert len(charges) == before + 1
    default = world.stripe.get(customer)["invoice_settings"]["default_payment_method"]
    assert (charges[-1]["payment_method"], charges[-1]["amount"]) == (default, 1200)
    paying = [request for request in world.stripe.requests if request.path.endswith("/pay")]
    assert "off_session" in str(paying[-1])
    assert not [request.path for request in world.stripe.requests if "checkout" in request.path]
    payment = body["payment"]
    assert (payment["status"], payment["amount_charged_cents"], payment["currency"]) == (
        "succeeded",
        1200,
        "EUR",
    )


def test_O2_137_the_bodies_of_domain_and_site_orders_are_alike(world: World) -> None:
    domain, site = world.order_domain("enveloped.com").body, world.place().body
    assert_envelope(domain)
    for part in ("cart", "payment"):
        assert set(domain[part]) == set(site[part])
    assert set(domain) == set(site)
    assert [set(order) for order in domain["orders"]] == [{"id", "status", "poll_url"}]
    assert domain["orders"][0]["status"] == "pending"
    assert domain["payment"]["method_type"] == "card"
    assert domain["cart"]["rollup_status"] == "pending"


# -- errors in the body -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [{}, {"callback": CALLBACK}])
def test_O2_120_domain_is_required(world: World, body: Any) -> None:
    refused_domain(world, body, 400, "missing_field", "/domain")


@pytest.mark.parametrize("domain", [None, [], "example.com", 1, True])
def test_O2_120_domain_must_be_an_object(world: World, domain: Any) -> None:
    refused_domain(world, {"domain": domain}, 400, "invalid_field", "/domain")


@pytest.mark.parametrize("field", ["authCode", "auth_code", "contacts", "years", "Name"])
def test_O2_120_a_misspelled_field_is_reported(world: World, field: str) -> None:
    reply = refused_domain(
        world, world.domain("misspelled.com", **{field: "x"}), 400, "invalid_field", f"/domain/{field}"
    )
    assert field in reply.body["errors"][0]


@pytest.mark.parametrize("name", [None, 1, True, [], {}, ["example.com"]])
def test_O2_121_O2_141_the_domains_name_is_a_required_text(world: World, name: Any) -> None:
    body = world.domain()
    body["domain"]["name"] = name
    refused_domain(world, body, 400, "invalid_domain", "/domain/name")
    del body["domain"]["name"]
    refused_domain(world, body, 400, "invalid_domain", "/domain/name")


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        "com",
        "co.uk",
        "localhost",
        "www.example.com",
        "example.github.io",
        "a.b.co.uk",
        "https://example.com",
        "example.com/path",
        "ada@example.com",
        "192.0.2.1",
        "[2001:db8::1]",
        "exam ple.com",
        "example..com",
        ".example.com",
        "-example.com",
        "example-.com",
        "ex_ample.com",
        "ab--cd.com",
        "xn--a.com",
        "xn--ls8h.com",
        "💩.com",
        "münchen.nl",
        "a.nl",
        "*.com",
        "example.com:443",
        "a" * 64 + ".com",
        "a." * 126 + "com",
        "x" * 1025,
        "ex\x00ample.com",
        "ex\u202eample.com",
        "www。example。com",  # an ideographic full stop is a dot (UTS 46)
        "\ud800.com",
    ],
)
def test_O2_141_an_invalid_or_unregistrable_domain_is_refused(world: World, name: str) -> None:
    reply = refused_domain(world, world.domain(name), 400, "invalid_domain", "/domain/name")
    assert len(reply.body["errors"][0]) > 15


@pytest.mark.parametrize(
    "name", ["example.invalid", "example.zz", "example.io", "example.xn--p1ai", "пример.рф"]
)
def test_O2_142_a_tld_that_is_not_on_sale_is_refused(world: World, name: str) -> None:
    reply = refused_domain(world, world.domain(name), 400, "unsupported_tld", "/domain/name")
    assert "/api/tlds" in reply.body["errors"][0]


def test_O2_143_a_tld_without_a_price_for_the_account_is_refused(world: World) -> None:
    refused_domain(world, world.domain("priceless.info"), 400, "pricing_unavailable", "/domain/name")
    before = change_account(world, "ready", billing_plan="reseller")
    try:
        assert world.order_domain("priced.info").status == 202
        refused_domain(world, world.domain("priceless.com"), 400, "pricing_unavailable", "/domain/name")
    finally:
        world.services.directory.put_account(before)


def test_O2_143_C09_prices_are_in_the_accounts_currency(world: World) -> None:
    new_account(world, "ready", "dollars", currency="USD")
    refused_domain(
        world,
        world.domain("paid-in-dollars.org"),
        400,
        "pricing_unavailable",
        "/domain/name",
        account="dollars",
    )
    prices = {
        ("standard", "EUR"): DomainPrice(1300, 1300, 1500),
        ("standard", "USD"): DomainPrice(1450, 1460, 1470),
    }
    world.services.catalogue.put_tld(Tld("org", prices))
    world.advance(61)
    for account, paid in (("dollars", ("USD", 1450)), ("ready", ("EUR", 1300))):
        placed = world.order_domain(f"paid-in-{account}.org", account)
        payment = shown(world, placed.body["orders"][0]["id"], account)["payment"]
        assert (payment["currency"], payment["amount_charged_cents"]) == paid


def test_O2_122_O2_140_the_action_defaults_to_register(world: World) -> None:
    for name, changes in (("act-default.com", {}), ("act-register.com", {"action": "register"})):
        placed = world.order_domain(name, **changes)
        assert shown(world, placed.body["orders"][0]["id"])["domain"]["action"] == "register"
    placed = world.order_domain("act-transfer.com", **TRANSFER)
    assert shown(world, placed.body["orders"][0]["id"])["domain"]["action"] == "transfer"


@pytest.mark.parametrize("action", ["", "Register", "renew", "transfer ", "x" * 5000, 1, True, [], {}])
def test_O2_140_an_invalid_action_is_refused(world: World, action: Any) -> None:
    reply = refused_domain(
        world, world.domain("no-action.com", action=action), 400, "invalid_action", "/domain/action"
    )
    assert len(reply.body["errors"][0]) < 500


@pytest.mark.parametrize("changes", [{}, {"authcode": ""}, {"authcode": "  "}, {"authcode": None}])
def test_O2_123_O2_144_most_transfers_need_an_auth_code(world: World, changes: dict[str, Any]) -> None:
    for name in ("to-move.com", "to-move.de"):
        body = world.domain(name, action="transfer", **changes)
        refused_domain(world, body, 400, "authcode_required", "/domain/authcode")


def test_O2_123_a_transfer_under_co_uk_needs_no_auth_code(world: World) -> None:
    contact = world.contact(
        country="GB", post_code="SW1A 1AA", city="London", extra_properties={"contactType": "IND"}
    )
    placed = world.order_domain("to-move.co.uk", action="transfer", contact=contact)
    assert placed.status == 202, placed.body
    world.run()
    assert world.registrar.submissions("to-move.co.uk") == 1


def test_O2_123_the_auth_code_reaches_the_registrar_and_is_not_shown(world: World) -> None:
    placed = world.order_domain("with-code.com", action="transfer", authcode="Auth/+=€code")
    world.run()
    (operation,) = [one for one in world.registrar.operations if one.name == "with-code.com"]
    assert operation.given["AuthCode"] == "Auth/+=€code"
    order = shown(world, placed.body["orders"][0]["id"])
    assert "Auth/+" not in json.dumps(order, ensure_ascii=False)


@pytest.mark.parametrize("code", [1, True, [], {}, "x" * 256])
def test_O2_123_an_auth_code_must_be_a_text_and_not_too_long(world: World, code: Any) -> None:
    body = world.domain("odd-code.com", action="transfer", authcode=code)
    reply = refused_domain(world, body, 400, "invalid_field", "/domain/authcode")
    assert "xxxxx" not in str(reply.body)


def test_O2_140_O2_141_O2_144_all_errors_are_reported_together(world: World) -> None:
    body = world.domain(
        "a b.com",
        action="steal",
        contact=world.contact(email="nobody", country="Netherlands", city=None),
        role_contacts={"tech": {"source": "new", "first_name": "Ada"}, "admin": {"source": "someone"}},
    )
    reply = refused_domain(world, body, 400, "invalid_action")
    found = {detail["pointer"]: detail["code"] for detail in reply.body["details"]}
    assert found["/domain/action"] == "invalid_action"
    assert found["/domain/name"] == "invalid_domain"
    assert found["/domain/contact/email"] == found["/domain/contact/country"] == "invalid_contact"
    assert found["/domain/contact/city"] == "incomplete_contact"
    body = world.domain("moving.com", action="transfer", contact=world.contact(phone="12"))
    reply = refused_domain(world, body, 400, "authcode_required", "/domain/authcode", "/domain/contact/phone")
    assert [detail["code"] for detail in reply.body["details"]] == ["authcode_required", "invalid_contact"]


@pytest.mark.parametrize(
    ("callback", "pointer"),
    [
        ({}, "/callback/url"),
        ({"url": "http://client.example/"}, "/callback/url"),
        ({"url": "https://127.0.0.1/"}, "/callback/url"),
        ({"url": "https://client.example/", "authorization": "a\r\nb"}, "/callback/authorization"),
        ("https://client.example/", "/callback"),
    ],
)
def test_O2_136_domain_and_site_orders_share_the_callback_rules(
    world: World, callback: Any, pointer: str
) -> None:
    body = world.domain("called-back.com") | {"callback": callback}
    before = state_of(world)
    domain = order_domain(world, body)
    site = world.request("POST", "/api/orders", world.site() | {"callback": callback})
    assert (domain.status, domain.body) == (400, site.body)
    assert [detail["pointer"] for detail in domain.body["details"]] == [pointer]
    assert state_of(world) == before


# -- the pre-flight check: can the account be charged? ------------------------------------------------------------


def test_O2_148_an_account_must_be_chargeable_to_order_a_domain(world: World) -> None:
    refused_domain(
        world, world.domain("preflight.com"), 400, "no_default_payment_method", account="no_method"
    )
    new_account(world, "ready", "no_customer", stripe_customer_id=None)
    refused_domain(
        world, world.domain("preflight.com"), 400, "no_default_payment_method", account="no_customer"
    )
    account = world.services.directory.account("acc_ready")
    for field in ("name", "email", "street", "post_code", "city", "country"):
        incomplete = replace(account.billing_contact, **{field: ""})
        change_account(world, "ready", billing_contact=incomplete)
        try:
            refused_domain(world, world.domain("preflight.com"), 400, "no_default_payment_method")
        finally:
            world.services.directory.put_account(account)


def test_O2_148_the_registrar_is_not_called_if_the_account_cannot_pay(world: World) -> None:
    asked = len(world.registrar.requests)
    world.order_domain("not-asked.com", "no_method")
    assert len(world.registrar.requests) == asked


def test_an_account_without_the_right_to_order_is_refused(world: World) -> None:
    new_account(world, "ready", "barred", can_order=False)
    reply = refused_domain(
        world, world.domain("barred.com"), 400, "account_unable_to_create_orders", account="barred"
    )
    assert reply.body["errors"] == ["Account unable to create orders."]


# -- the registry's response --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["taken-name.com", "reserved-name.com", "taken-bücher.de", "premium-name.com"]
)
def test_O2_149_taken_reserved_and_unpriced_domains_are_unavailable(world: World, name: str) -> None:
    reply = refused_domain(world, world.domain(name), 422, "domain_unavailable", "/domain/name")
    assert name in reply.body["errors"][0]


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("locked-name.com", "x"),
        ("young-name.com", "x"),
        ("elsewhere-name.com", "x"),
        ("premium-name.com", "x"),
        ("any-name.com", "wrong"),
    ],
)
def test_O2_149_O2_150_a_transfer_that_cannot_work_is_refused(world: World, name: str, code: str) -> None:
    body = world.domain(name, action="transfer", authcode=code)
    reply = refused_domain(world, body, 422, "domain_add_failed", "/domain/name")
    assert name in reply.body["errors"][0]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("straße-a.de", punycode("straße-a.de")),
        (punycode("straße-b.de"), "straße-b.de"),
        ("Same-Case.com", "same-case.COM"),
        ("same-dot.com", "same-dot.com."),
        ("u\u0308ber-nfc.de", "\u00fcber-nfc.de"),
    ],
)
def test_O2_150_two_spellings_of_a_domain_are_one_domain(world: World, first: str, second: str) -> None:
    charges = len(world.stripe.charges(world.accounts["ready"]["customer"]))
    assert world.order_domain(first).status == 202
    refused_domain(world, world.domain(second), 422, "domain_add_failed", "/domain/name", account="credit")
    refused_domain(world, world.domain(second), 422, "domain_add_failed", "/domain/name")
    assert len(world.stripe.charges(world.accounts["ready"]["customer"])) == charges + 1


def test_O2_150_only_one_of_several_concurrent_orders_gets_the_domain(world: World) -> None:
    world.order_domain("warm-up.com")  # import the functions before the threads begin
    names = ["raced.com", "RACED.com"] * 5
    accounts = ["ready", "credit"] * 5
    paid = {account: world.net_paid(account) for account in ("ready", "credit")}
    with ThreadPoolExecutor(10) as threads:
        replies = list(threads.map(world.order_domain, names, accounts))
    assert Counter(reply.status for reply in replies) == {202: 1, 422: 9}
    for reply in replies:
        if reply.status == 422:
            assert_error(reply, 422, "domain_add_failed", "/domain/name")
    new = sum(world.net_paid(account) for account in paid) - sum(paid.values())
    assert new in (1200, 700)  # if the account `credit` won, its credit balance paid 500
    world.run()
    assert world.registrar.submissions("raced.com") == 1


def test_O2_150_the_write_refuses_a_domain_taken_since_the_check(world: World) -> None:
    """The check reports a taken domain as free, as if another order had taken it after the check."""
    assert world.order_domain("looked-free.com").status == 202
    orders = world.services.orders
    seen = orders.domain_taken
    orders.domain_taken = lambda name: False
    try:
        refused_domain(
            world, world.domain("looked-free.com"), 422, "domain_add_failed", "/domain/name", account="credit"
        )
    finally:
        orders.domain_taken = seen


def test_O2_150_a_domain_is_free_again_after_its_order_is_cancelled(world: World) -> None:
    account = "authentication_required"
    placed = world.order_domain("thought-better.com", account)
    order_id = placed.body["orders"][0]["id"]
    assert world.services.orders.contacts(f"acc_{account}", number_of(order_id)) is not None
    assert world.request("DELETE", f"/api/orders/{order_id}", account=account).status == 202
    world.run()
    assert shown(world, order_id, account)["domain"]["status"] == "cancelled"
    assert world.services.orders.contacts(f"acc_{account}", number_of(order_id)) is None
    assert world.order_domain("thought-better.com", "credit").status == 202


@pytest.mark.parametrize(
    ("fault", "name"), [("lost", "away.com"), ("throttled", "away.com"), ("unsure", "unsure-away.com")]
)
@pytest.mark.parametrize("action", ["register", "transfer"])
def test_O2_149_nothing_is_stored_if_the_registrar_is_unavailable(
    world: World, fault: str, name: str, action: str
) -> None:
    operation = {"register": "CheckDomainAvailability", "transfer": "CheckDomainTransferability"}[action]
    if fault == "lost":
        world.registrar.lose_next_answer(operation, times=20)
    if fault == "throttled":
        world.registrar.fail_next(operation, times=20)
    try:
        changes = TRANSFER if action == "transfer" else {}
        reply = refused_domain(world, world.domain(name, **changes), 503, "temporarily_unavailable")
        assert int(reply.headers["retry-after"]) > 0
    finally:
        world.registrar.clear_faults()


def test_O2_149_a_slow_availability_check_is_retried(world: World) -> None:
    assert world.order_domain("slow-check-me.com").status == 202


# -- payments that cannot be started ------------------------------------------------------------------------------


def test_O2_153_O2_154_a_refused_payment_frees_the_domain(world: World) -> None:
    reply = world.order_domain("not-paid.com", "declined_final", key="refused")
    assert_error(reply, 422, "cart_pay_failed")
    world.run()
    assert lasting_things(world, "declined_final", "not-paid.com") == (0, False, False)
    assert world.stripe.open_invoices(world.accounts["declined_final"]["customer"]) == []
    assert world.registrar.submissions("not-paid.com") == 0
    (order,) = world.request("GET", "/api/orders", account="declined_final").body["orders"]
    body = shown(world, order["id"], "declined_final")
    assert (body["order"]["status"], body["payment"]["status"]) == ("failed", "failed")
    assert (body["domain"]["status"], body["domain"]["registration_id"]) == ("failed", None)
    before = state_of(world)
    assert_error(world.order_domain("not-paid.com", "declined_final", key="refused"), 422, "cart_pay_failed")
    assert state_of(world) == before
    assert world.order_domain("not-paid.com", "credit").status == 202


# -- the same request again ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {"contact": {}},
        {"name": "another.com"},
        {"action": "transfer", "authcode": "x"},
        {"role_contacts": {}},
    ],
)
def test_a_reused_idempotency_key_is_refused_with_another_body(world: World, changes: dict[str, Any]) -> None:
    body = world.domain("key-reused.com")
    if not world.services.orders.domain_taken("key-reused.com"):
        assert order_domain(world, body, idempotency_key="reused").status == 202
    before = state_of(world)
    other = {"domain": body["domain"] | changes}
    assert_error(order_domain(world, other, idempotency_key="reused"), 422, "idempotency_key_reused")
    assert state_of(world) == before
    assert order_domain(world, body, idempotency_key="reused").status == 202


def test_a_race_between_duplicate_requests_gives_one_order(world: World) -> None:
    orders = world.services.orders
    seen = orders.domain_taken
    twins = []

    def after_its_twin(name: str) -> bool:
        orders.domain_taken = seen
        twins.append(world.order_domain("own-twin.com", key="own-twin"))
        return bool(seen(name))

    orders.domain_taken = after_its_twin
    reply = world.order_domain("own-twin.com", key="own-twin")
    assert (reply.status, reply.body) == (202, twins[0].body)
    assert reply.headers["idempotent-replayed"] == "true"


def test_the_idempotency_key_of_another_endpoint_is_refused(world: World) -> None:
    assert world.place(key="two-endpoints").status == 202
    reply = world.order_domain("two-endpoints.com", key="two-endpoints")
    assert_error(reply, 422, "idempotency_key_reused")


def test_a_refused_request_does_not_use_up_its_idempotency_key(world: World) -> None:
    assert_error(
        world.order_domain("unspent.com", key="unspent", contact=world.contact(phone="1")),
        400,
        "invalid_contact",
    )
    world.registrar.fail_next("CheckDomainAvailability", times=20)
    assert world.order_domain("unspent.com", key="unspent").status == 503
    world.registrar.clear_faults()
    assert world.order_domain("unspent.com", key="unspent").status == 202


def test_twenty_concurrent_equal_requests_make_one_order(world: World) -> None:
    world.order_domain("warm.com")  # import the functions before the threads begin
    charges = len(world.stripe.charges())
    with ThreadPoolExecutor(20) as threads:
        replies = list(threads.map(lambda _: world.order_domain("twenty.com", key="twenty"), range(20)))
    assert Counter(reply.status for reply in replies) == {202: 20}
    assert len({reply.body["orders"][0]["id"] for reply in replies}) == 1
    assert sum("idempotent-replayed" in reply.headers for reply in replies) == 19
    world.run()
    assert len(world.stripe.charges()) == charges + 1
    assert world.registrar.submissions("twenty.com") == 1


def test_O2_123_an_auth_code_is_trimmed_and_must_be_a_single_line(world: World) -> None:
    two_lines = world.domain("two-lines.nl", action="transfer", authcode="one\ntwo")
    refused_domain(world, two_lines, 400, "invalid_field", "/domain/authcode")
    # The stand-in refuses only the auth code `wrong`. If the spaces were sent, the stand-in would accept the code.
    spaces = world.domain("spaces-around.nl", action="transfer", authcode="  wrong \n")
    refused_domain(world, spaces, 422, "domain_add_failed", "/domain/name")


def test_a_misspelled_top_level_field_is_reported(world: World) -> None:
    body = {**world.domain("callback-lost.com"), "callbak": CALLBACK}
    refused_domain(world, body, 400, "invalid_field", "/callbak")


def test_an_account_cannot_exceed_the_maximum_of_unpaid_domains(world: World) -> None:
    def cart(first: int, count: int) -> Reply:
        items = [world.domain(f"hoard-{number}.com") for number in range(first, first + count)]
        return world.place_cart(*items, account="authentication_required")

    assert cart(0, 20).body["payment"]["status"] == "awaiting_authentication"
    before = state_of(world)
    one_too_many = cart(20, MAX_UNPAID_DOMAINS - 19)
    assert_error(one_too_many, 422, "too_many_unpaid_domains", "/items/0/domain/name")
    assert one_too_many.body["errors"] == [
        "This account has 20 unpaid domains on order, and this request adds 6. "
        "The maximum is 25: pay or cancel some first."
    ]
    assert state_of(world) == before
    assert cart(20, MAX_UNPAID_DOMAINS - 20).status == 202
