"""A webhook is accepted only with a recent signature over its exact bytes, made with one of our secrets."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator

import pytest

from tests.support.stripe_news import made, post, signature, table
from tests.support.world import World, a_world

NEW_SECRET = "whsec_the_next_secret"
DAY = 24 * 3600


@pytest.fixture(scope="module")
def shared() -> Iterator[World]:
    """One world for all tests, because no test changes it."""
    with a_world() as world:
        yield world


PAID = json.dumps(made("invoice.paid", {"id": "in_1", "object": "invoice"})).encode()


def changes_nothing(world: World, body: bytes, header: str | None, *, as_base64: bool = False) -> None:
    """Check that this webhook gets a 401, writes nothing and causes no request to Stripe."""
    before, requests = table(world), len(world.stripe.requests)
    reply = post(world, body, header, as_base64=as_base64)
    assert (reply.status, reply.body["code"]) == (401, "invalid_signature"), reply.body
    assert table(world) == before
    assert len(world.stripe.requests) == requests


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "nonsense",
        "t=,v1=",
        "t=abc,v1=abc",
        "v1=abc",
        "t=1767225600",
        ",,,,",
        "t" * 10_000,
        "t=99999999999999999999999999,v1=abc",
    ],
)
def test_a_malformed_signature_header_is_refused(shared: World, header: str | None) -> None:
    changes_nothing(shared, PAID, header)


def test_only_our_secret_is_accepted(shared: World) -> None:
    changes_nothing(shared, PAID, signature(shared, PAID, "whsec_of_somebody_else"))
    changes_nothing(shared, PAID, signature(shared, PAID, ""))


def test_only_signature_scheme_v1_is_accepted(shared: World) -> None:
    changes_nothing(shared, PAID, signature(shared, PAID).replace("v1=", "v0="))


def test_the_signature_covers_the_exact_bytes(shared: World) -> None:
    spaced = json.dumps(json.loads(PAID), indent=1).encode()
    changes_nothing(shared, spaced, signature(shared, PAID))
    changes_nothing(shared, PAID + b"\n", signature(shared, PAID))
    assert post(shared, spaced, signature(shared, spaced)).status == 200


def test_a_base64_body_is_verified_after_decoding(shared: World) -> None:
    body = json.dumps(
        made("customer.updated", {"id": "cus_1", "name": "Žluťoučký"}), ensure_ascii=False
    ).encode()
    assert post(shared, body, signature(shared, body), as_base64=True).status == 200
    as_text = base64.b64encode(body)
    changes_nothing(shared, body, signature(shared, as_text), as_base64=True)


@pytest.mark.parametrize("age", [301, 3600, 30 * DAY, -301, -DAY])
def test_an_old_or_future_timestamp_is_refused(shared: World, age: int) -> None:
    changes_nothing(shared, PAID, signature(shared, PAID, age=age))


@pytest.mark.parametrize("age", [0, 299, -299])
def test_clocks_may_differ_by_five_minutes(shared: World, age: int) -> None:
    body = json.dumps(made("made.up", {"id": "x_1"})).encode()
    assert post(shared, body, signature(shared, body, age=age)).status == 200


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"invoice.paid"',
        b"{}",
        b'{"object": "event", "type": "invoice.paid"}',
        b'{"object": "event", "type": 7, "data": {"object": {}}}',
        b'{"object": "event", "type": "invoice.paid", "data": {"object": "in_1"}}',
        b'{"object": "invoice", "type": "invoice.paid", "data": {"object": {"id": "in_1"}}}',
        b"[" * 100_000,
    ],
)
def test_a_signed_body_must_be_an_event(shared: World, body: bytes) -> None:
    changes_nothing(shared, body, signature(shared, body))


def test_a_signed_body_must_be_text(shared: World) -> None:
    body = b"\xff\xfe" + PAID
    changes_nothing(shared, body, signature(shared, body), as_base64=True)
