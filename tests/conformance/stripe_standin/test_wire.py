"""Parameters, errors, pages, `expand` and idempotency keys, as Stripe treats them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
import stripe

from .conftest import Shop

DAY = 24 * 60 * 60


def post(shop: Shop, path: str, form: dict[str, str], key: str | None = None) -> requests.Response:
    headers = {"Authorization": f"Bearer {shop.place.key}"}
    if key is not None:
        headers["Idempotency-Key"] = shop.once(key)
    answer = requests.post(shop.place.url + path, data=form, headers=headers, timeout=30)
    shop.place.saw("POST", path, answer.json())
    return answer


# -- parameters ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "form", "code", "param"),
    [
        ("/v1/customers", {"nickname": "x"}, "parameter_unknown", "nickname"),
        ("/v1/customers", {"address[planet]": "x"}, "parameter_unknown", "address[planet]"),
        ("/v1/customers", {"balance": "much"}, "parameter_invalid_integer", "balance"),
        ("/v1/customers", {"email": ""}, "parameter_invalid_empty", "email"),
        ("/v1/customers", {"address": "Street 1"}, None, "address"),
        ("/v1/customers", {"tax_exempt": "perhaps"}, None, "tax_exempt"),
        ("/v1/invoices", {"customer": "cus_unknown"}, "resource_missing", "customer"),
        ("/v1/invoices", {"auto_advance": "yes"}, None, "auto_advance"),
        ("/v1/products", {}, "parameter_missing", "name"),
    ],
)
def test_the_error_names_the_invalid_parameter(
    shop: Shop, path: str, form: dict[str, str], code: str | None, param: str
) -> None:
    answer = post(shop, path, form)

    error = answer.json()["error"]
    assert (answer.status_code, error["type"]) == (400, "invalid_request_error")
    assert (error.get("code"), error["param"]) == (code, param)


@pytest.mark.standin_only("what the stand-in lacks")
def test_a_request_for_an_unsupported_feature_gets_a_501(shop: Shop) -> None:
    answer = post(shop, "/v1/customers", {"invoice_prefix": "ABC"})

    assert answer.status_code == 501
    assert "invoice_prefix" in answer.json()["error"]["message"]


def test_an_unknown_id_is_not_found(shop: Shop) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        shop.client.v1.invoices.retrieve("in_unknown")
    assert (refusal.value.http_status, refusal.value.code) == (404, "resource_missing")


def test_an_unknown_path_is_not_found(shop: Shop) -> None:
    assert post(shop, "/v1/orders", {}).status_code == 404


@pytest.mark.standin_only("looks into the stand-in")
@pytest.mark.parametrize("authorization", [None, "Bearer sk_live_1", "Bearer ", "Basic nonsense"])
def test_a_request_without_a_test_key_is_refused(shop: Shop, authorization: str | None) -> None:
    headers = {"Authorization": authorization} if authorization else {}
    answer = requests.get(f"{shop.standin.url}/v1/customers/cus_1", headers=headers, timeout=10)

    assert answer.status_code == 401


def test_new_metadata_is_merged_and_an_empty_value_removes_a_key(shop: Shop) -> None:
    customer = shop.client.v1.customers.create({"metadata": {"a": "1", "b": "2"}})

    changed = shop.client.v1.customers.update(customer.id, {"metadata": {"b": "", "c": "3"}})
    assert changed.to_dict()["metadata"] == {"a": "1", "c": "3"}
    emptied = shop.client.v1.customers.update(customer.id, {"metadata": ""})
    assert emptied.to_dict()["metadata"] == {}


# -- pages, expand -------------------------------------------------------------------------------------------


def test_lists_are_paged_newest_first(shop: Shop) -> None:
    customer = shop.customer()
    made = [shop.draft(customer).id for _ in range(5)]
    shop.draft(shop.customer())

    first = shop.client.v1.invoices.list({"customer": customer.id, "limit": 2})
    assert ([invoice.id for invoice in first.data], first.has_more) == ([made[4], made[3]], True)
    every = [invoice.id for invoice in first.auto_paging_iter()]
    assert every == made[::-1]
    back = shop.client.v1.invoices.list({"customer": customer.id, "ending_before": made[1], "limit": 2})
    assert [invoice.id for invoice in back.data] == [made[3], made[2]]


@pytest.mark.standin_only("moves the stand-in's time")
def test_lists_are_filtered_by_the_time_of_creation(shop: Shop) -> None:
    customer = shop.customer()
    old = shop.draft(customer)
    shop.standin.clock.advance(3600)
    new = shop.draft(customer)

    since = shop.client.v1.invoices.list({"customer": customer.id, "created": {"gt": old.created}})
    assert [invoice.id for invoice in since.data] == [new.id]


def test_the_lines_of_a_long_invoice_are_paged(shop: Shop) -> None:
    invoice = shop.draft(shop.customer(), *range(100, 112))

    assert (len(invoice.lines.data), invoice.lines.has_more) == (10, True)
    lines = list(shop.client.v1.invoices.line_items.list(invoice.id, {"limit": 5}).auto_paging_iter())
    assert [line.amount for line in lines] == list(range(100, 112))
    assert invoice.subtotal == sum(range(100, 112))


def test_expand_replaces_ids_with_objects(shop: Shop) -> None:
    customer = shop.customer()
    read: Any = shop.client.v1.customers.retrieve(
        customer.id, {"expand": ["invoice_settings.default_payment_method"]}
    )
    assert read.invoice_settings.default_payment_method.card.brand == "visa"

    listed: Any = shop.client.v1.invoices.list({"customer": customer.id, "expand": ["data.customer"]})
    assert listed.data == []
    shop.draft(customer)
    listed = shop.client.v1.invoices.list({"customer": customer.id, "expand": ["data.customer"]})
    assert listed.data[0].customer.id == customer.id


@pytest.mark.parametrize("path", ["customer.name", "nonsense", "a.b.c.d.e"])
def test_an_unexpandable_field_is_refused(shop: Shop, path: str) -> None:
    invoice = shop.draft(shop.customer())

    with pytest.raises(stripe.InvalidRequestError, match="expand"):
        shop.client.v1.invoices.retrieve(invoice.id, {"expand": [path]})


# -- idempotency keys ----------------------------------------------------------------------------------------


@pytest.mark.standin_only("reads the stand-in's events in order")
def test_the_same_key_replays_the_first_response(shop: Shop) -> None:
    first = post(shop, "/v1/customers", {"name": "A"}, "key-1")
    second = post(shop, "/v1/customers", {"name": "A"}, "key-1")

    assert first.json() == second.json()
    assert "Idempotent-Replayed" not in first.headers
    assert second.headers["Idempotent-Replayed"] == "true"
    assert shop.event_types().count("customer.created") == 1


def test_the_same_key_with_other_parameters_is_refused(shop: Shop) -> None:
    post(shop, "/v1/customers", {"name": "A"}, "key-1")
    answer = post(shop, "/v1/customers", {"name": "B"}, "key-1")

    assert (answer.status_code, answer.json()["error"]["type"]) == (400, "idempotency_error")


@pytest.mark.standin_only("reads the stand-in's events in order")
def test_a_declined_payment_is_replayed_without_a_new_attempt(shop: Shop) -> None:
    invoice = shop.open(shop.customer("pm_card_chargeCustomerFail"))
    answers = [
        post(shop, f"/v1/invoices/{invoice.id}/pay", {"off_session": "true"}, "pay-1") for _ in range(2)
    ]

    assert [answer.status_code for answer in answers] == [402, 402]
    assert answers[1].headers["Idempotent-Replayed"] == "true"
    assert shop.event_types().count("payment_intent.payment_failed") == 1


@pytest.mark.parametrize(
    ("path", "refused", "accepted"),
    [
        ("/v1/customers", {"nonsense": "A"}, {"name": "A"}),
        ("/v1/payment_methods", {"type": "card"}, {"type": "card", "card[token]": "tok_visa"}),
    ],
)
def test_a_parameter_error_does_not_use_up_the_key(
    shop: Shop, path: str, refused: dict[str, str], accepted: dict[str, str]
) -> None:
    assert post(shop, path, refused, "key-1").status_code == 400

    assert post(shop, path, accepted, "key-1").status_code == 200


@pytest.mark.standin_only("moves the stand-in's time")
def test_a_key_is_forgotten_after_a_day(shop: Shop) -> None:
    first = post(shop, "/v1/customers", {"name": "A"}, "key-1").json()
    shop.standin.clock.advance(DAY - 60)
    assert post(shop, "/v1/customers", {"name": "A"}, "key-1").json()["id"] == first["id"]
    shop.standin.clock.advance(120)

    assert post(shop, "/v1/customers", {"name": "A"}, "key-1").json()["id"] != first["id"]


@pytest.mark.standin_only("uses the stand-in's controls")
def test_a_key_in_use_by_another_request_gives_a_409(shop: Shop) -> None:
    requests.post(
        f"{shop.standin.url}/_standin/faults",
        json={"path": "/v1/customers", "kind": "delay", "milliseconds": 300, "times": 1},
        timeout=10,
    ).raise_for_status()

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: post(shop, "/v1/customers", {"name": "A"}, "key-1"), range(8)))

    refused = [answer for answer in answers if answer.status_code == 409]
    assert refused
    assert {answer.json()["error"]["code"] for answer in refused} == {"idempotency_key_in_use"}
    assert shop.event_types().count("customer.created") == 1


@pytest.mark.standin_only("may exceed the rate of a sandbox")
def test_twenty_concurrent_payments_with_one_key_charge_once(shop: Shop) -> None:
    customer = shop.customer()
    invoice = shop.open(customer)

    with ThreadPoolExecutor(20) as pool:
        answers = list(
            pool.map(lambda _: post(shop, f"/v1/invoices/{invoice.id}/pay", {}, "pay-1"), range(20))
        )

    assert {answer.status_code for answer in answers} <= {200, 409}
    assert len(shop.charges(customer)) == 1


# -- faults --------------------------------------------------------------------------------------------------


def fault(shop: Shop, **what: Any) -> None:
    requests.post(f"{shop.standin.url}/_standin/faults", json=what, timeout=10).raise_for_status()


@pytest.mark.standin_only("reads the stand-in's events in order")
def test_a_request_stopped_by_a_fault_has_no_effect(shop: Shop) -> None:
    fault(shop, path="/v1/customers", kind="error")

    assert post(shop, "/v1/customers", {"name": "A"}, "key-1").status_code == 500
    assert shop.event_types() == []
    assert post(shop, "/v1/customers", {"name": "A"}, "key-1").status_code == 200


@pytest.mark.standin_only("reads the stand-in's events in order")
def test_a_lost_response_is_replayed_for_the_same_key(shop: Shop) -> None:
    fault(shop, path="/v1/customers", kind="lost")

    with pytest.raises(requests.ConnectionError):
        post(shop, "/v1/customers", {"name": "A"}, "key-1")
    answer = post(shop, "/v1/customers", {"name": "A"}, "key-1")
    assert (answer.status_code, answer.headers["Idempotent-Replayed"]) == (200, "true")
    assert shop.event_types().count("customer.created") == 1


@pytest.mark.standin_only("plants faults")
def test_a_fault_returns_a_429_the_given_number_of_times(shop: Shop) -> None:
    fault(shop, path="/v1/customers", kind="too_many", times=2)

    with pytest.raises(stripe.RateLimitError):
        shop.client.v1.customers.create({"name": "A"})
    assert post(shop, "/v1/customers", {"name": "A"}).status_code == 429
    assert post(shop, "/v1/customers", {"name": "A"}).status_code == 200
