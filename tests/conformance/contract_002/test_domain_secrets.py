"""A domain's contacts and auth code are in plain text only at the registrar (O2-124 … O2-134, C22)."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from hosting_orders.domain.errors import ProviderUnavailableError
from hosting_orders.entrypoints.logs import logger
from tests.conformance.contract_002.support import finished, new_key, oauth, order_domain, send
from tests.conformance.contract_002.test_secrets import found, records_of
from tests.support.table import everything_in
from tests.support.world import World, a_world

AUTH_CODE = "auth-7Kq-code-9f2c"
CALLBACK = {"url": "https://client.example/hook", "authorization": "Bearer 12345"}
PEOPLE: dict[str, dict[str, Any]] = {
    "owner": {
        "first_name": "Ottoline",
        "last_name": "Zwartendijk",
        "organization": "Kwispelstaart Holding",
        "street_address": "Wijde Begijnestraat 7781",
        "post_code": "3511 QX",
        "city": "Oudewaterveen",
        "country": "IT",
        "email": "ottoline.zwartendijk@kwispel.example.com",
        "phone": "+39.0655598711",
        "extra_properties": {"entityType": "ITALIAN_COMPANIES", "pin": "74918264530"},
    },
    "tech": {
        "first_name": "Balthasar",
        "last_name": "Quistgaard",
        "street_address": "Havnegade 4471",
        "post_code": "DK-9981-QZ",
        "city": "Jerupstrand",
        "country": "DK",
        "email": "balthasar@quistgaard.example.org",
        "phone": "+45.33559917",
    },
}
CHANGED = {"post_code": "9982 ZZZ", "email": "no address of Ottoline", "phone": "+39 no number"}


def personal() -> list[str]:
    """Return the personal values and the auth code. They are too long to occur in an id or a ciphertext by chance.

    Each telephone number is in the list with and without its dot.
    """
    values = [AUTH_CODE, *CHANGED.values()]
    for person in PEOPLE.values():
        kept = {name: value for name, value in person.items() if name not in ("country", "extra_properties")}
        values += [*kept.values(), person["phone"].replace(".", "")]
    return [*values, "74918264530"]


@dataclass
class Story:
    """Everything that the system produced while domains were ordered, delivered, refused, cancelled and refunded."""

    world: World
    logs: str = ""
    printed: str = ""
    records: str = ""
    refusals: str = ""
    replies: list[str] = field(default_factory=list)


def body_of(world: World, name: str, **changes: Any) -> dict[str, Any]:
    roles = {"tech": {"source": "new", **PEOPLE["tech"]}}
    body = world.domain(name, contact=PEOPLE["owner"], role_contacts=roles)
    body["domain"] |= changes
    return body | {"callback": CALLBACK}


def everything_that_happens(story: Story) -> None:
    world = story.world

    def post(body: Any, account: str = "ready", **headers: str) -> Any:
        reply = order_domain(world, body, account, **headers)
        text = json.dumps(reply.body, ensure_ascii=False)
        if reply.status == 202:
            story.replies.append(text)
        else:
            story.refusals += text
        return reply

    def ordered(name: str, account: str = "ready", **changes: Any) -> str:
        reply = post(body_of(world, name, **changes), account, idempotency_key=name)
        assert reply.status == 202, reply.body
        return str(reply.body["orders"][0]["id"])

    first = finished(world, ordered("story-one.it"))
    assert first["order"]["status"] == "completed"
    transfer = {"action": "transfer", "authcode": AUTH_CODE}
    finished(world, ordered("story-two.it", **transfer))
    again = body_of(world, "story-three.it")
    again["domain"]["contact"] = None
    again["domain"]["contact_source"] = {"registration_id": first["domain"]["registration_id"]}
    finished(world, post(again).body["orders"][0]["id"])
    # The registry refuses these domains. For `badcontact-`, the registry's message repeats the contact.
    for name in ("badcontact-story.it", "fail-story.it", "gone-story.it"):
        assert finished_or_not(world, ordered(name))["order"]["status"] == "failed"
    # Responses are lost, the registrar is unavailable, and our own code fails.
    lost = ordered("lost-answer-story.it")
    world.registrar.lose_next_answer("RegisterDomain")
    world.live(600, every=60)
    assert world.registrar.submissions("lost-answer-story.it") == 1
    assert lost
    world.registrar.fail_next("CheckDomainAvailability", "InternalFailure", "made up", status=500, times=20)
    post(body_of(world, "away-story.it"))
    world.registrar.clear_faults()
    cipher = world.services.cipher
    seal = cipher.seal
    for fault in (ZeroDivisionError(), ProviderUnavailableError("made up by a test")):
        cipher.seal = raising(fault)
        post(body_of(world, "broken-story.it"))
        cipher.seal = seal
    # Every kind of refusal, each with personal data in the request.
    wrong = PEOPLE["owner"] | CHANGED
    bodies = [
        body_of(world, "refused-story.it", contact=wrong),
        body_of(
            world, "refused-story.it", contact=wrong | {"street_address": "Wijde Begijnestraat 7781" * 20}
        ),
        body_of(world, "refused-story.it", contact=[PEOPLE["owner"]]),
        body_of(world, "refused-story.it", contact=PEOPLE["owner"], contact_source={"registration_id": "x"}),
        body_of(world, "refused-story.com"),
        body_of(world, "refused-story.it", contact=PEOPLE["owner"] | {"extra_properties": {}}),
        body_of(world, "refused-story.it", role_contacts={"admin": PEOPLE["tech"]}),
        body_of(world, "refused-story.it", role_contacts={"admin": {**PEOPLE["tech"], "source": "nobody"}}),
        body_of(world, "refused-story.it", authcode=[AUTH_CODE], action="transfer"),
        body_of(world, "refused-story.it", authcode=AUTH_CODE * 50, action="transfer"),
        body_of(world, "locked-story.it", **transfer),
        body_of(world, "taken-story.it"),
        body_of(world, "story-one.it"),
    ]
    for body in bodies:
        assert 400 <= post(body).status < 500
    post(body_of(world, "another-body.it"), idempotency_key="story-one.it")
    for account in ("no_method", "declined_final", "trial"):
        assert 400 <= post(body_of(world, "account-story.it"), account).status < 500
    text = json.dumps(body_of(world, "broken-json.it"), ensure_ascii=False)
    send(world, "POST", "/api/orders/domain", body=text[:-2])
    cart = {"items": [world.site(), {"domain": body_of(world, "cart-story.it")["domain"]}]}
    placed = world.request("POST", "/api/carts", cart)
    story.replies.append(json.dumps(placed.body))
    cart["items"][1]["domain"]["contact"] = wrong
    story.refusals += json.dumps(world.request("POST", "/api/carts", cart).body, ensure_ascii=False)
    waiting = ordered("cancelled-story.it", "authentication_required")
    world.run()
    world.request("DELETE", f"/api/orders/{waiting}", account="authentication_required")
    world.live(900, every=300)


def finished_or_not(world: World, order_id: str) -> Any:
    world.live(600, every=60)
    return world.request("GET", f"/api/orders/{order_id}").body


def raising(fault: Exception) -> Any:
    def broken(*_: object) -> str:
        raise fault

    return broken


@pytest.fixture(scope="module")
def story() -> Iterator[Story]:
    written = io.StringIO()
    handlers = [handler for handler in logger().handlers if isinstance(handler, logging.StreamHandler)]
    assert handlers
    before = [handler.setStream(written) for handler in handlers]
    everything_else = logging.StreamHandler(written)
    logging.getLogger().addHandler(everything_else)
    try:
        with a_world() as world:
            story = Story(world)
            records: list[object] = []
            taken = world.stream_records
            world.stream_records = lambda: records_of(taken(), records)  # type: ignore[method-assign]
            everything_that_happens(story)
            world.stream_records()
            story.records = json.dumps(records, default=str, ensure_ascii=False)
            story.logs = written.getvalue()
            yield story
    finally:
        logging.getLogger().removeHandler(everything_else)
        for handler, stream in zip(handlers, before, strict=True):
            if stream is not None:
                handler.setStream(stream)


def test_the_story_contains_every_personal_value(story: Story) -> None:
    """Without this test, the searches below could pass because there was nothing to find."""
    world = story.world
    assert '"message":"request failed"' in story.logs
    assert "order placed" in story.logs
    assert "ORDER#" in story.records and "CONTACT" in story.records
    statuses = {order["status"] for order in world.request("GET", "/api/orders").body["orders"]}
    assert {"completed", "failed"} <= statuses
    assert len(world.callbacks.received) > 5
    known = repr([operation.given for operation in world.registrar.operations])
    told = [value for person in PEOPLE.values() for value in person.values() if isinstance(value, str)]
    assert [value for value in (*told, AUTH_CODE) if value not in known] == []


def test_C22_no_log_line_contains_personal_data_or_an_auth_code(story: Story) -> None:
    assert found(story.logs, personal()) == []


def test_C22_no_table_item_has_personal_data_in_plain_text(story: Story) -> None:
    items = everything_in(story.world.dynamodb)
    assert [item for item in items if "CONTACT" in item["SK"]["S"]]
    assert found(json.dumps(items, default=str, ensure_ascii=False), personal()) == []
    assert found(json.dumps(items, default=bytes.decode), personal()) == []


def test_C22_no_stream_record_has_personal_data_in_plain_text(story: Story) -> None:
    assert found(story.records, personal()) == []


def test_C22_no_callback_contains_personal_data(story: Story) -> None:
    for request in story.world.callbacks.received:
        assert found(request.body.decode(), personal()) == []


def test_C22_no_workflow_contains_personal_data(story: Story) -> None:
    executions = story.world.runner.executions.values()
    assert executions
    for execution in executions:
        told = repr([execution.input, execution.output, execution.cause, execution.history])
        assert found(told, personal()) == []


def test_C22_stripe_receives_no_personal_data_of_contacts(story: Story) -> None:
    assert found(str(story.world.stripe.requests), personal()) == []


def test_C22_errors_repeat_no_personal_data(story: Story) -> None:
    assert len(story.refusals) > 3000
    assert found(story.refusals, personal()) == []


def test_C22_no_response_contains_personal_data(story: Story) -> None:
    world = story.world
    assert found("".join(story.replies), personal()) == []
    readers = {
        "its own account": {},
        "an OAuth token": oauth(world, "billing:read", "account:read", "tasks:read"),
        "another user": {"authorization": f"Bearer {new_key(world, 'ready', user='usr_other')}"},
    }
    orders = [order["id"] for order in world.request("GET", "/api/orders").body["orders"]]
    for reader, headers in readers.items():
        for path in [
            *(f"/api/orders/{order}{below}" for order in orders for below in ("", "/events", "/callbacks")),
            "/api/orders",
            "/api/tasks",
            "/api/about",
        ]:
            reply = send(world, "GET", path, headers=headers)
            assert reply.status == 200, reader
            assert found(json.dumps(reply.body, ensure_ascii=False), personal()) == [], (reader, path)


def test_C22_another_account_finds_no_personal_data(story: Story) -> None:
    world = story.world
    for order in world.request("GET", "/api/orders").body["orders"]:
        for below in ("", "/events", "/callbacks"):
            assert send(world, "GET", f"/api/orders/{order['id']}{below}", account="credit").status == 404


def test_C22_contacts_decrypt_only_for_their_own_order(story: Story) -> None:
    """Copying the encrypted contacts of one order into another order's item does not make them readable."""
    cipher = story.world.services.cipher
    stored = [item for item in everything_in(story.world.dynamodb) if "CONTACT" in item["SK"]["S"]]
    context = {"account": "acc_ready", "order": "1", "field": "contact_owner"}
    for item in stored:
        with pytest.raises(Exception, match=r".") as refused:
            cipher.open(item["owner"]["S"], context)
        assert found(str(refused.value), personal()) == []
