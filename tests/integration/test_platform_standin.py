"""The hosting platform's stand-in (local/platform_standin).

A test can select the stand-in's behaviour in two ways: by a prefix of the service's name, such as `fail-`, and through
the control endpoints.
"""

from __future__ import annotations

import json
import re
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from hosting_orders.adapters.hosting_platform import HttpHostingPlatform
from hosting_orders.domain.errors import ProviderUnavailableError, ProvisioningFailedError
from hosting_orders.domain.providers import OperationStatus, ServiceRequest
from local.callback_receiver import CallbackReceiver
from local.platform_standin import PlatformStandIn
from local.platform_standin.faults import FAULTS
from tests.support.forms import Form, forms_of, send
from tests.support.platform_in_process import in_process

SECRET = "whsec_c2VjcmV0IG9mIHRoZSBwbGF0Zm9ybQ=="


def request_for(name: str = "my-shop", item_id: str = "item-1") -> ServiceRequest:
    return ServiceRequest(item_id, "acc-1/4711", "site", name, "wordpress", "pdx", "basic")


def adapter_of(standin: PlatformStandIn) -> HttpHostingPlatform:
    return HttpHostingPlatform(standin.url, standin.api_key, (SECRET,))


@pytest.fixture
def receiver() -> Iterator[CallbackReceiver]:
    with CallbackReceiver() as receiver:
        yield receiver


@pytest.fixture
def standin(receiver: CallbackReceiver) -> Iterator[PlatformStandIn]:
    with PlatformStandIn(
        delay=0.01,
        webhook_secrets=(SECRET,),
        webhook_url=f"{receiver.url}/webhooks/platform",
        webhook_retry_seconds=(0.01,),
    ) as standin:
        yield standin


def until(condition: Callable[[], bool]) -> None:
    """Wait for the condition. Fail after ten seconds."""
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end, "the condition never became true"
        time.sleep(0.002)


def call(standin: PlatformStandIn, method: str, path: str, fields: Any = None, key: str | None = None) -> Any:
    """Send a plain request to the stand-in. Return the status and the JSON document of the response."""
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
    body = None if fields is None else json.dumps(fields).encode()
    request = urllib.request.Request(standin.url + path, body, headers, method=method)
    try:
        with urllib.request.urlopen(request) as response:
            return response.status, json.loads(response.read())
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code, json.loads(refusal.read())


def control(standin: PlatformStandIn, path: str, **fields: Any) -> int:
    status: int = call(standin, "POST", f"/_standin/{path}", fields)[0]
    return status


def test_a_completed_service_sends_a_signed_webhook(
    standin: PlatformStandIn, receiver: CallbackReceiver
) -> None:
    platform = adapter_of(standin)
    started = platform.provision(request_for())
    until(lambda: bool(receiver.received))

    [webhook] = receiver.received
    assert webhook.path == "/webhooks/platform"
    assert platform.operation_of_webhook(webhook.raw_body, webhook.headers) == started.id
    done = platform.operation(started.id)
    assert done is not None
    assert done.status is OperationStatus.SUCCEEDED


def test_a_webhook_is_repeated_until_it_is_accepted(
    standin: PlatformStandIn, receiver: CallbackReceiver
) -> None:
    receiver.answer_next(500, times=2)
    adapter_of(standin).provision(request_for())

    until(lambda: len(standin.deliveries) == 3)

    assert [delivery.status for delivery in standin.deliveries] == [500, 500, 200]
    assert len({delivery.webhook_id for delivery in standin.deliveries}) == 1


def test_webhooks_can_be_switched_off_or_repeated(
    standin: PlatformStandIn, receiver: CallbackReceiver
) -> None:
    platform = adapter_of(standin)
    assert control(standin, "webhooks", mode="off") == 200
    platform.provision(request_for(item_id="quiet"))
    until(lambda: standin.built("quiet") == 1)
    assert control(standin, "webhooks", mode="duplicate") == 200
    platform.provision(request_for(item_id="loud"))
    until(lambda: len(receiver.received) == 2)
    assert control(standin, "services/quiet/webhook", times=3) == 200
    until(lambda: len(receiver.received) == 5)

    items = [entry.body["item_id"] for entry in receiver.received]
    assert items == ["loud"] * 2 + ["quiet"] * 3


@pytest.mark.parametrize(
    "name, code", [("fail-shop", "build_failed"), ("FAIL-shop", "build_failed"), ("shop-fail-", None)]
)
def test_a_name_prefix_makes_a_service_fail_permanently(
    standin: PlatformStandIn, name: str, code: str | None
) -> None:
    platform = adapter_of(standin)
    started = platform.provision(request_for(name))
    until(lambda: len(standin.deliveries) == 1)

    ended = platform.operation(started.id)

    assert ended is not None
    assert ended.error_code == code
    assert standin.built("item-1") == (1 if code is None else 0)


def test_a_name_prefix_makes_the_stand_in_refuse_a_service(standin: PlatformStandIn) -> None:
    with pytest.raises(ProvisioningFailedError, match="name_refused"):
        adapter_of(standin).provision(request_for("refuse-shop"))


def test_a_name_prefix_makes_the_first_two_requests_fail(standin: PlatformStandIn) -> None:
    platform = adapter_of(standin)
    for _ in range(2):
        with pytest.raises(ProviderUnavailableError):
            platform.provision(request_for("retry-shop"))

    assert platform.provision(request_for("retry-shop")).item_id == "item-1"
    until(lambda: standin.built("item-1") == 1)


def test_a_name_prefix_makes_the_stand_in_drop_one_response(
    standin: PlatformStandIn,
) -> None:
    platform = adapter_of(standin)
    with pytest.raises(ProviderUnavailableError):
        platform.provision(request_for("lost-shop"))
    until(lambda: standin.built("item-1") == 1)

    assert platform.provision(request_for("lost-shop")).status is OperationStatus.SUCCEEDED
    assert standin.built("item-1") == 1
    assert [request.status for request in standin.requests][:2] == [None, 202]


def test_a_name_prefix_makes_only_the_first_attempt_fail(standin: PlatformStandIn) -> None:
    platform = adapter_of(standin)
    first = platform.provision(request_for("flaky-shop"))
    until(lambda: len(standin.deliveries) == 1)
    with pytest.raises(ProviderUnavailableError):
        platform.operation(first.id)

    second = platform.provision(request_for("flaky-shop"))
    until(lambda: standin.built("item-1") == 1)

    assert second.id != first.id


def test_a_name_prefix_holds_a_service_until_a_control_ends_it(standin: PlatformStandIn) -> None:
    platform = adapter_of(standin)
    started = platform.provision(request_for("stuck-shop"))
    platform.provision(request_for(item_id="another"))
    until(lambda: standin.built("another") == 1)  # `another` was requested later and is built already
    assert platform.operation(started.id) == started

    assert control(standin, "services/item-1/finish") == 200

    assert standin.built("item-1") == 1


def test_control_endpoints_change_the_state_of_a_service(standin: PlatformStandIn) -> None:
    platform = adapter_of(standin)
    assert control(standin, "settings", delay="never") == 200
    for item_id in ("a", "b", "c"):
        platform.provision(request_for(item_id=item_id))
    assert control(standin, "settings", delay="0.01") == 200
    assert control(standin, "services/c/hold") == 200

    assert control(standin, "services/a/finish") == 200
    assert control(standin, "services/b/fail", code="no_disk", message="no disk", retryable="false") == 200
    assert control(standin, "services/c/release") == 200

    until(lambda: standin.built("c") == 1)
    assert standin.built("a") == 1
    failed = platform.operation(standin.services["b"].operation.id)
    assert failed is not None
    assert (failed.error_code, failed.error_message) == ("no_disk", "no disk")


@pytest.mark.parametrize(
    "path, fields, status",
    [
        ("services/unknown/finish", {}, 404),
        ("services/unknown/hold", {}, 404),
        ("nonsense", {}, 404),
        ("webhooks", {"mode": "loud"}, 400),
        ("faults", {"answer": "teapot"}, 400),
        ("settings", {"delay": "soon"}, 400),
    ],
)
def test_an_invalid_request_to_a_control_endpoint_is_refused(
    standin: PlatformStandIn, path: str, fields: dict[str, str], status: int
) -> None:
    assert control(standin, path, **fields) == status


def test_a_fault_can_be_limited_to_a_method_and_cancelled(standin: PlatformStandIn) -> None:
    platform = adapter_of(standin)
    assert control(standin, "faults", answer="503", method="GET", times=2) == 200

    started = platform.provision(request_for())
    with pytest.raises(ProviderUnavailableError):
        platform.operation(started.id)
    assert control(standin, "faults") == 200

    assert platform.operation(started.id) is not None


@pytest.mark.parametrize("key", [None, "wrong"])
def test_the_stand_in_requires_its_api_key(standin: PlatformStandIn, key: str | None) -> None:
    status, document = call(standin, "GET", "/v1/operations/op-1", key=key)

    assert (status, document["code"]) == (401, "unauthorized")


@pytest.mark.parametrize(
    "fields, status",
    [
        ([], 400),
        ({}, 422),
        ({"reference": "r", "kind": "site", "name": 7, "variant": "v", "location": "l", "plan": "p"}, 422),
    ],
)
def test_the_stand_in_refuses_a_malformed_request(standin: PlatformStandIn, fields: Any, status: int) -> None:
    answer, document = call(standin, "PUT", "/v1/services/item-1", fields, standin.api_key)

    assert answer == status
    assert document["retryable"] is False
    assert standin.services == {}


def test_the_page_and_the_state_show_no_password(standin: PlatformStandIn) -> None:
    platform = adapter_of(standin)
    started = platform.provision(request_for("<b>shop</b>"))
    until(lambda: len(standin.deliveries) == 1)
    done = platform.operation(started.id)
    assert done is not None
    assert done.site is not None

    with urllib.request.urlopen(standin.url + "/") as response:
        page = response.read().decode()
    state = json.dumps(call(standin, "GET", "/_standin/state")[1])

    assert "&lt;b&gt;shop&lt;/b&gt;" in page
    assert "<b>shop" not in page
    assert done.site.domain in page
    assert done.site.domain in state
    assert done.site.password not in page + state


def test_a_button_of_the_page_leads_back_to_the_page(standin: PlatformStandIn) -> None:
    adapter_of(standin).provision(request_for("stuck-shop"))
    form = urllib.request.Request(
        f"{standin.url}/_standin/services/item-1/finish",
        b"",
        {"Content-Type": "application/x-www-form-urlencoded"},
        method="POST",
    )

    with urllib.request.urlopen(form) as response:
        assert response.url == f"{standin.url}/"

    assert standin.built("item-1") == 1


def test_the_page_has_a_form_for_each_control_endpoint(standin: PlatformStandIn) -> None:
    address = f"{standin.url}/"
    platform = adapter_of(standin)

    def action_of(form: Form) -> str:
        return re.sub(r"services/[^/]+", "services/ID", form.action.removeprefix("/_standin/"))

    platform.provision(request_for("stuck-held", "held"))
    standin.hold("held")
    platform.provision(request_for("stuck-0", "stuck-0"))
    forms = forms_of(address)
    actions = {action_of(form) for form in forms}
    steps = ("finish", "fail", "hold", "release", "webhook")
    assert actions == {*(f"services/ID/{step}" for step in steps), "faults", "webhooks", "settings", "reset"}
    (choices,) = (form.choices["answer"] for form in forms if "answer" in form.choices)
    assert set(choices) == set(FAULTS)
    for place, action in enumerate(sorted(actions - {"faults", "services/ID/release"}), 1):
        platform.provision(request_for(f"stuck-{place}", f"stuck-{place}"))
        form = next(one for one in forms_of(address) if action_of(one) == action)
        assert send(address, form) == address
    send(address, next(form for form in forms if action_of(form) == "faults"), answer="503", times="2")
    with urllib.request.urlopen(address) as response:
        assert "Any request, 2 times: be busy (503)" in response.read().decode()


def test_a_service_without_delay_is_built_before_the_response(standin: PlatformStandIn) -> None:
    assert control(standin, "settings", delay="0") == 200

    operation = adapter_of(standin).provision(request_for())

    assert operation.status is OperationStatus.SUCCEEDED
    assert standin.built("item-1") == 1


def test_a_service_can_be_held_before_it_is_requested(standin: PlatformStandIn) -> None:
    standin.configure(delay=0)
    standin.hold("item-1")

    started = adapter_of(standin).provision(request_for())
    assert started.status is OperationStatus.RUNNING
    standin.release("item-1")

    assert standin.built("item-1") == 1


def test_a_service_that_is_deleted_twice_is_listed_once(standin: PlatformStandIn) -> None:
    platform = adapter_of(standin)
    for item_id in ("b", "a"):
        platform.provision(request_for("stuck-shop", item_id))
    for item_id in ("b", "unknown", "a", "b"):
        platform.deprovision(request_for("stuck-shop", item_id))

    assert list(standin.deprovisioned) == ["b", "a"]
    assert not standin.running


def test_a_built_service_exists_until_its_deletion(standin: PlatformStandIn) -> None:
    platform = adapter_of(standin)
    for item_id in ("built", "running", "failed", "gone"):
        platform.provision(request_for("stuck-shop", item_id))
    standin.finish("built")
    standin.fail("failed")
    standin.finish("gone")
    platform.deprovision(request_for("stuck-shop", "gone"))

    assert standin.standing() == {"built": {"site": 1}}


def test_the_stand_in_can_run_without_socket_and_thread() -> None:
    threads = threading.active_count()
    standin = PlatformStandIn(delay=None, webhook_secrets=(SECRET,))
    platform = in_process(standin)

    started = platform.provision(request_for())
    standin.finish("item-1")

    assert platform.operation(started.id) is not None
    assert (threading.active_count(), "_server" in vars(standin)) == (threads, False)


@pytest.mark.parametrize("answer", FAULTS)
def test_a_fault_has_the_same_effect_without_http(standin: PlatformStandIn, answer: str) -> None:
    inside = PlatformStandIn(delay=None, webhook_secrets=(SECRET,))
    seen = []
    for platform, served in ((adapter_of(standin), standin), (in_process(inside), inside)):
        served.fault(answer, times=1)
        with pytest.raises((ProviderUnavailableError, ProvisioningFailedError)) as caught:
            platform.provision(request_for("stuck-shop"))
        seen.append((caught.type, sorted(served.services), [one.status for one in served.requests]))

    assert seen[0] == seen[1]


def test_a_reset_deletes_everything(standin: PlatformStandIn) -> None:
    platform = adapter_of(standin)
    platform.provision(request_for("stuck-shop"))
    platform.deprovision(request_for())

    assert control(standin, "reset") == 200

    assert standin.services == {}
    assert platform.provision(request_for("my-shop")).item_id == "item-1"
