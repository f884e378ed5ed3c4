"""The whole stack from outside. The tests send HTTP requests as a client does, and read the stand-ins and the logs."""

from __future__ import annotations

import json
import subprocess
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from local.client import Answer, call
from local.demo import DemoAccounts
from local.logs import log_lines
from local.paths import APP_PYTHON, ROOT
from local.stack import Stack

PATIENCE_SECONDS = 60.0
ENDS = ("completed", "failed", "cancelled")


class Client:
    def __init__(self, stack: Stack, accounts: DemoAccounts, name: str) -> None:
        self.stack = stack
        self.account = accounts[name]
        key = self.account["user_key"]
        self.headers = {"Authorization": f"Bearer {key}", "X-Auth-Account": self.account["id"]}

    def get(self, path: str) -> Any:
        answer = call("GET", self.stack.api + path, headers=self.headers)
        assert answer.status == 200, answer.body
        return answer.json()

    def post(self, name: str, key: str | None = None, **more: Any) -> Answer:
        site = {"name": name, "variant": "vanilla", "location": "ams", "plan": "basic", "term": "monthly"}
        headers = {**self.headers, "Idempotency-Key": key or str(uuid.uuid4())}
        return call("POST", f"{self.stack.api}/api/orders", {"site": site, **more}, headers=headers)

    def until(self, path: str, *statuses: str) -> Any:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            shown = self.get(path)
            if shown["order"]["status"] in statuses:
                return shown
            assert time.monotonic() < deadline, shown
            time.sleep(0.2)

    def money(self) -> Any:
        """The account's charges, refunds and open invoices at the Stripe stand-in."""
        mine = call("GET", f"{self.stack.stripe}/_standin/summary?customer={self.customer}")
        return mine.json()

    @property
    def customer(self) -> str:
        item = self.stack.aws.client("dynamodb").get_item(
            TableName=self.stack.table,
            Key={"PK": {"S": f"ACCOUNT#{self.account['id']}"}, "SK": {"S": "ACCOUNT"}},
        )["Item"]
        return str(item["stripe_customer_id"]["S"])

    def succeeded(self) -> list[int]:
        return [charge["amount"] for charge in self.money()["charges"] if charge["status"] == "succeeded"]


@pytest.mark.parametrize(
    ("name", "status", "payment"),
    [
        ("ready", 202, "succeeded"),
        ("credit", 202, "succeeded"),
        ("trial", 202, "succeeded"),
        ("sepa", 202, "processing"),
        ("authentication_required", 202, "awaiting_authentication"),
        ("declined_recoverable", 202, "awaiting_authentication"),
        ("declined_final", 422, "cart_pay_failed"),
        ("no_method", 400, "no_default_payment_method"),
    ],
)
def test_each_demo_account_pays_as_its_name_says(
    stack: Stack, accounts: DemoAccounts, name: str, status: int, payment: str
) -> None:
    answer = Client(stack, accounts, name).post("outcome")
    assert answer.status == status, answer.body
    body = answer.json()
    if status != 202:
        assert body["code"] == payment
        return
    assert body["payment"]["status"] == payment
    assert bool(body["payment"]["hosted_invoice_url"]) == (payment == "awaiting_authentication")


def test_credit_pays_first_and_the_card_pays_the_rest(stack: Stack, accounts: DemoAccounts) -> None:
    client = Client(stack, accounts, "credit")
    order = client.get("/api/orders")["orders"]
    path = (
        f"/api/orders/{order[-1]['id']}" if order else client.post("credit").json()["orders"][0]["poll_url"]
    )
    payment = client.until(path, "completed")["payment"]
    assert (payment["amount_charged_cents"], payment["credit_applied_cents"]) == (700, 500)


def test_an_order_is_refunded_if_its_site_cannot_be_built(stack: Stack, accounts: DemoAccounts) -> None:
    client = Client(stack, accounts, "ready")
    before = client.money()["net_paid"]
    placed = client.post("fail-this-one", callback={"url": f"{stack.callbacks}/failed"}).json()
    shown = client.until(placed["orders"][0]["poll_url"], *ENDS)
    assert shown["order"]["status"] == "failed"
    assert shown["payment"]["status"] == "refunded"
    assert shown["payment"]["refunded_cents"] == 1200
    assert client.money()["net_paid"] == before
    order_id = placed["orders"][0]["id"]
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (told := call("GET", f"{stack.callbacks}/received?order={order_id}").json()["received"]):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert told[0]["body"]["type"] == "order.failed"


def test_twenty_identical_posts_make_one_cart_and_one_charge(stack: Stack, accounts: DemoAccounts) -> None:
    client = Client(stack, accounts, "trial")
    charges, orders = len(client.succeeded()), len(client.get("/api/orders")["orders"])
    key = str(uuid.uuid4())
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: client.post("twenty", key), range(20)))
    assert {answer.status for answer in answers} == {202}
    assert len({answer.json()["cart"]["token"] for answer in answers}) == 1
    placed = {order["poll_url"] for answer in answers for order in answer.json()["orders"]}
    assert len(placed) == 1
    client.until(placed.pop(), "completed")
    assert len(client.succeeded()) == charges + 1
    assert len(client.get("/api/orders")["orders"]) == orders + 1


def test_a_site_is_built_once_if_its_webhook_is_repeated(stack: Stack, accounts: DemoAccounts) -> None:
    """The platform first sends no webhooks. Then it sends the webhook of the finished service three times."""
    client = Client(stack, accounts, "ready")
    assert call("POST", f"{stack.platform}/_standin/webhooks", {"mode": "off"}).status == 200
    try:
        path = client.post("webhook-lost").json()["orders"][0]["poll_url"]
        item = path.rsplit("/", 1)[1]
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not (service := _service(stack, item)) or service["operations"][-1]["status"] == "running":
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert client.get(path)["order"]["status"] == "processing"
    finally:
        call("POST", f"{stack.platform}/_standin/webhooks", {"mode": "on"})
    call("POST", f"{stack.platform}/_standin/services/{item}/webhook", {"times": 3})
    client.until(path, "completed")
    service = _service(stack, item)
    assert service is not None
    assert service["built"] == 1


def _service(stack: Stack, item_id: str) -> Any:
    services = call("GET", f"{stack.platform}/_standin/state").json()["services"]
    return next((service for service in services if service["item_id"] == item_id), None)


def test_a_payment_on_the_hosted_page_delivers_the_site(stack: Stack, accounts: DemoAccounts) -> None:
    client = Client(stack, accounts, "authentication_required")
    placed = client.post("pays-later").json()
    assert placed["payment"]["status"] == "awaiting_authentication"
    page = placed["payment"]["hosted_invoice_url"]
    assert call("GET", page).status == 200
    assert call("POST", f"{page}/pay").status in (200, 303)
    shown = client.until(placed["orders"][0]["poll_url"], "completed")
    assert shown["payment"]["status"] == "succeeded"
    assert shown["site"]["ssh_data"]["password"]


def test_an_order_is_delivered_only_after_its_debit_settles(stack: Stack, accounts: DemoAccounts) -> None:
    client = Client(stack, accounts, "sepa")
    placed = client.post("by-debit").json()
    path = placed["orders"][0]["poll_url"]
    assert client.get(path)["order"]["status"] == "pending"
    assert _service(stack, placed["orders"][0]["id"]) is None
    assert call("POST", f"{stack.stripe}/_standin/settle", {"customer": client.customer}).status == 200
    client.until(path, "completed")


def test_cancelling_an_unpaid_order_cancels_its_payment(stack: Stack, accounts: DemoAccounts) -> None:
    client = Client(stack, accounts, "declined_recoverable")
    placed = client.post("cancelled").json()
    path = placed["orders"][0]["poll_url"]
    answer = call("DELETE", stack.api + path, headers=client.headers)
    assert answer.status == 202, answer.body
    shown = client.until(path, "cancelled")
    assert shown["payment"]["status"] == "canceled"
    again = call("DELETE", stack.api + path, headers=client.headers)
    assert (again.status, again.json()["code"]) == (409, "order_not_cancellable")


def test_one_id_finds_all_log_lines_of_an_order(stack: Stack, accounts: DemoAccounts) -> None:
    client = Client(stack, accounts, "ready")
    placed = client.post("logged", callback={"url": f"{stack.callbacks}/logged"}).json()
    client.until(placed["orders"][0]["poll_url"], "completed")
    deadline = time.monotonic() + PATIENCE_SECONDS
    while "callback attempted" not in (text := "\n".join(log_lines(stack.state, placed["orders"][0]["id"]))):
        assert time.monotonic() < deadline, text
        time.sleep(0.3)
    assert "order placed" in text
    assert accounts["ready"]["user_key"] not in "\n".join(log_lines(stack.state))


def test_an_id_without_log_lines_is_reported_as_unknown(stack: Stack) -> None:
    logs = [str(APP_PYTHON), "-m", "local", "--state", str(stack.state), "logs", "unknown"]
    answer = subprocess.run(logs, cwd=ROOT, capture_output=True, text=True, check=False)
    assert answer.stdout == ""
    assert "No function has logged anything about unknown." in answer.stderr


def test_errors_have_the_format_of_the_contract(stack: Stack, accounts: DemoAccounts) -> None:
    client = Client(stack, accounts, "ready")
    for method, path, status, code in (
        ("GET", "/api/orders/nonsense", 404, "not_found"),
        ("GET", "/api/nowhere", 404, "not_found"),
        ("PATCH", f"/api/orders/{uuid.uuid4()}", 400, "reserved"),
        ("POST", "/api/orders", 400, "malformed_json"),
    ):
        answer = call(method, stack.api + path, headers=client.headers)
        assert (answer.status, answer.json()["code"]) == (status, code)
        assert answer.json()["errors"]
        assert answer.headers["x-request-id"]


def test_a_roll_up_is_repaired_after_a_lost_stream_record(stack: Stack, accounts: DemoAccounts) -> None:
    client = Client(stack, accounts, "ready")
    placed = client.post("given-up").json()
    client.until(placed["orders"][0]["poll_url"], "completed")
    path, token = placed["cart"]["poll_url"], placed["cart"]["token"]
    _until_rolled_up(client, path)
    dynamodb = stack.aws.client("dynamodb")
    roll_up = {"PK": {"S": f"ACCOUNT#{client.account['id']}"}, "SK": {"S": f"CART#{token}#ROLLUP"}}
    place = _first_record_of(stack, token)
    dynamodb.delete_item(TableName=stack.table, Key=roll_up)
    sqs = stack.aws.client("sqs")
    (queue,) = [url for url in sqs.list_queues()["QueueUrls"] if "RollUpDeadLetters" in url]
    sqs.send_message(QueueUrl=queue, MessageBody=json.dumps({"DDBStreamBatchInfo": place}))
    deadline = time.monotonic() + PATIENCE_SECONDS
    while "roll-up repaired" not in (text := "\n".join(log_lines(stack.state, token))):
        assert time.monotonic() < deadline, text
        time.sleep(0.3)
    assert client.get(path)["cart"]["rollup_status"] == "completed"


def _until_rolled_up(client: Client, path: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while client.get(path)["cart"]["rollup_status"] != "completed":
        assert time.monotonic() < deadline
        time.sleep(0.2)


def _first_record_of(stack: Stack, token: str) -> dict[str, str]:
    """The position of the first stream record of the cart's order."""
    streams = stack.aws.client("dynamodbstreams")
    (stream,) = streams.list_streams(TableName=stack.table)["Streams"]
    arn = stream["StreamArn"]
    (shard,) = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
    iterator = streams.get_shard_iterator(
        StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    while True:
        page = streams.get_records(ShardIterator=iterator)
        assert page["Records"]
        for record in page["Records"]:
            change = record["dynamodb"]
            image = change.get("NewImage", {})
            if change["Keys"]["SK"]["S"].startswith("ORDER#") and image["cart_token"]["S"] == token:
                number = change["SequenceNumber"]
                return {
                    "streamArn": arn,
                    "shardId": shard["ShardId"],
                    "startSequenceNumber": number,
                    "endSequenceNumber": number,
                }
        iterator = page["NextShardIterator"]
