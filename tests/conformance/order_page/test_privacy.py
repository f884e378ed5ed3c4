"""O1-052: the order's page contains no secret.

A browser that shows the page runs no script. It loads no other file, and it stores and sends nothing.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser

import pytest

from hosting_orders.domain.order import Order
from tests.support.checkout import HOOK, order_of, order_site, session_of, site
from tests.support.order_page import STATES, delivered, get, payable, seen, speak, table_away, token_of
from tests.support.world import Reply, World

HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(2)>{{7*7}}%(x)s'
# Words that a customer does not understand: our internal words, and words of the contracts and providers.
INTERNAL = re.compile(
    r"stripe|sepa|webhook|provision|cart\b|platform|registrar|tenant|workflow|session|idempot|dynamo|aws"
    r"|pending|processing|canceling|refund_|_failed|awaiting|acc_|usr_|cus_|vanilla|None|undefined|\{\{|%\(",
    re.IGNORECASE,
)


def pages(world: World, token: str) -> Iterator[Reply]:
    yield get(world, token)
    yield get(world, token, "success")
    yield get(world, "x")
    yield world.request("GET", "/o/", account=None)
    with table_away():
        yield get(world, token)
        yield get(world, world.services.page_tokens.token("acc_ready", 2**40))


def test_every_response_has_the_privacy_headers(world: World) -> None:
    for reply in pages(world, token_of(world, payable(world))):
        (style,) = re.findall(r"<style>(.*?)</style>", reply.body, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        assert reply.headers["content-security-policy"] == (
            f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; "
            "frame-ancestors 'none'"
        )
        assert reply.headers["content-type"] == "text/html; charset=utf-8"
        assert reply.headers["x-robots-tag"] == "noindex, nofollow"
        assert '<meta name="robots" content="noindex, nofollow">' in reply.body
        assert reply.headers["referrer-policy"] == "no-referrer"
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert reply.headers["cache-control"] == "no-store"
        assert reply.headers["strict-transport-security"] == "max-age=31536000"
        assert "x-api-version" not in reply.headers and "set-cookie" not in reply.headers


def test_a_page_runs_no_script_and_loads_nothing(world: World) -> None:
    for reply in pages(world, token_of(world, payable(world))):
        assert not re.search(
            r"<(script|link|img|iframe|form|object|base|svg)\b|\son\w+=|\sstyle=", reply.body
        )
        assert not re.search(r'src=|url\(|@import|http-equiv="refresh"', reply.body)
        assert reply.body.count("<h1>") == reply.body.count("<main>") == 1


def test_the_payment_page_receives_no_referrer(world: World) -> None:
    order = payable(world)
    html = get(world, token_of(world, order)).body
    url = session_of(world, order)["url"]
    assert f'<a class="button" href="{url}" rel="noreferrer">Pay now</a>' in html


@pytest.mark.parametrize(
    "name", [HOSTILE, "</bdi></dd></main>", "'; DROP TABLE--", "&amp;&lt;b&gt;", "\u202emoc.knab"]
)
def test_the_customers_input_is_escaped(name: str, world: World) -> None:
    plain = get(world, token_of(world, named(world, "Plain"))).body
    html = get(world, token_of(world, named(world, name))).body
    (typed,) = re.findall(r"<dt>Website</dt><dd><bdi>(.*?)</bdi></dd>", html)
    assert not set(typed) & set("<>\"'") and unescape(typed) == name
    assert tags(html) == tags(plain)


def named(world: World, name: str) -> Order:
    order = order_of(world, order_site(world, body=site(name="Plain")))
    # The test stores the name directly, because the API refuses some of these names. The page must escape every name.
    return world.services.orders.save_order(replace(order, item=replace(order.item, name=name)))


def tags(html: str) -> list[tuple[str, list[str]]]:
    found: list[tuple[str, list[str]]] = []
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, given: found.append((tag, [key for key, _ in given]))  # type: ignore[method-assign]
    parser.feed(html)
    return found


def test_a_page_shows_no_credentials_or_personal_data(world: World) -> None:
    order = delivered(world)
    shown = world.request("GET", f"/api/orders/{order.uuid}", account="no_method", key="user_key").body
    ssh = shown["site"]["ssh_data"]
    assert ssh["password"] and ssh["username"]
    account = world.services.directory.account(order.account_id)
    user = world.services.directory.user(order.user_id)
    cart = world.cart(order.cart_token, "no_method")
    assert account is not None and user is not None and cart.payment.reference is not None
    contact = account.billing_contact
    secrets = [str(ssh[name]) for name in ("password", "username", "ip_address") if ssh.get(name)]
    secrets += [account.id, account.name, account.stripe_customer_id or "cus_", contact.name, contact.email]
    secrets += [contact.street, contact.city, user.first_name, user.email, order.cart_token, order.uuid]
    secrets += [cart.payment.reference, world.client_address, HOOK, token_of(world, order)]
    assert all(secrets) and len(secrets) > 15
    for language in ("en", "nl"):
        speak(world, order, language)
        body = get(world, token_of(world, order)).body
        assert [secret for secret in secrets if secret in body] == []


@pytest.mark.parametrize("name", STATES)
def test_no_internal_word_is_on_a_page(name: str, world: World) -> None:
    order = STATES[name](world)
    for language in ("en", "nl"):
        speak(world, order, language)
        for outcome in (None, "success", "cancel"):
            assert INTERNAL.findall(seen(get(world, token_of(world, order), outcome)).text) == []


def test_a_browser_with_the_current_page_gets_a_304(world: World) -> None:
    token = token_of(world, payable(world))
    first = get(world, token, headers={"If-None-Match": '"unknown"'})
    assert first.status == 200
    again = get(world, token, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status, again.body) == (304, None)
    assert again.headers["refresh"] == first.headers["refresh"]
    assert again.headers["content-security-policy"] == first.headers["content-security-policy"]
    changed = get(world, token, "cancel", headers={"If-None-Match": first.headers["etag"]})
    assert changed.status == 200


def test_credentials_and_version_headers_are_ignored(world: World) -> None:
    token = token_of(world, payable(world))
    keyed = get(world, token, headers={"Authorization": "Bearer nonsense", "X-Api-Version": "9"})
    assert keyed.status == 200 and keyed.body == get(world, token).body
