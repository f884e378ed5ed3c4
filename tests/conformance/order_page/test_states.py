"""O1-052: the text of the page in every state, in both languages."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass, replace

import pytest

from hosting_orders.domain.deadlines import outlook, payment_deadline
from hosting_orders.domain.order import Order, OrderStatus
from tests.support.checkout import session_of
from tests.support.machines import MACHINES, order_machine
from tests.support.order_page import STATES, get, payable, seen, speak, token_of
from tests.support.order_page import paid as being_set_up
from tests.support.world import World, a_world

ORDERED, PAID, READY = ("Ordered", "done"), ("Paid", "done"), ("Ready", "ahead")
BESTELD, BETAALD, KLAAR = ("Besteld", "done"), ("Betaald", "done"), ("Klaar", "ahead")
UNDELIVERED = [ORDERED, PAID, ("Could not be delivered", "wrong")]
NIET_GELEVERD = [BESTELD, BETAALD, ("Kon niet worden geleverd", "wrong")]


@dataclass(frozen=True)
class Told:
    """The page of an order in `status`, in English and then in Dutch. `refresh` is in seconds."""

    status: OrderStatus
    refresh: int | None
    heading: str
    steps: list[tuple[str, str]]
    sentence: str
    kop: str
    stappen: list[tuple[str, str]]
    zin: str


_PAYMENT = [ORDERED, ("Payment", "now"), ("Setting up", "ahead"), READY]
_BETALING = [BESTELD, ("Betaling", "now"), ("Inrichting", "ahead"), KLAAR]
_WORK = [ORDERED, PAID, ("Setting up", "now"), READY]
_WERK = [BESTELD, BETAALD, ("Inrichting", "now"), KLAAR]
_MOVING = [ORDERED, PAID, ("Transfer", "now"), READY]
_VERHUIZING = [BESTELD, BETAALD, ("Verhuizing", "now"), KLAAR]

TOLD = {
    "payable": Told(
        *(OrderStatus.PENDING, 15),
        *("Your order waits for your payment", _PAYMENT, "You can pay until"),
        *("Uw bestelling wacht op uw betaling", _BETALING, "U kunt betalen tot"),
    ),
    "under_debit": Told(
        *(OrderStatus.PENDING, 60),
        *("Your payment is under way", _PAYMENT, "That can take several days. We expect the money by"),
        *("Uw betaling is onderweg", _BETALING, "Dat kan enkele dagen duren. We verwachten het geld"),
    ),
    "late_debit": Told(
        *(OrderStatus.PENDING, 60),
        *("Your payment is under way", _PAYMENT, "It takes longer than usual. We begin as soon as"),
        *("Uw betaling is onderweg", _BETALING, "Het duurt langer dan gewoonlijk. We beginnen zodra"),
    ),
    "returned_debit": Told(
        *(OrderStatus.FAILED, None, "The payment did not succeed"),
        *([ORDERED, ("Payment failed", "wrong")], "Nothing was charged. Place a new order"),
        *("De betaling is niet gelukt", [BESTELD, ("Betaling mislukt", "wrong")], "Er is niets in rekening"),
    ),
    "paid": Told(
        *(OrderStatus.PROCESSING, 5),
        *("Your website is being set up", _WORK, "You do not have to do anything. It should be ready by"),
        *("Uw website wordt ingericht", _WERK, "U hoeft niets te doen. We verwachten dat het rond"),
    ),
    "late": Told(
        *(OrderStatus.PROCESSING, 5),
        *("Your website is being set up", _WORK, "This takes longer than usual. It should be ready by"),
        *("Uw website wordt ingericht", _WERK, "Dit duurt langer dan gewoonlijk. Het is uiterlijk"),
    ),
    "delivered": Told(
        *(OrderStatus.COMPLETED, None, "Your website is ready"),
        *([ORDERED, PAID, ("Setting up", "done"), ("Ready", "done")], "You can close this page."),
        *(
            "Uw website is klaar",
            [BESTELD, BETAALD, ("Inrichting", "done"), ("Klaar", "done")],
            "U kunt deze",
        ),
    ),
    "expired": Told(
        *(OrderStatus.EXPIRED, None, "The order was not paid in time"),
        *([ORDERED, ("Not paid in time", "wrong")], "Nothing was charged. Place a new order"),
        *(
            "De bestelling is niet op tijd betaald",
            [BESTELD, ("Niet op tijd betaald", "wrong")],
            "Er is niets",
        ),
    ),
    "canceling": Told(
        *(OrderStatus.CANCELING, 5, "The order is being cancelled"),
        *([ORDERED, ("Cancelled", "done"), ("Order is being closed", "now")], "If a payment still arrives"),
        "De bestelling wordt geannuleerd",
        *(
            [BESTELD, ("Geannuleerd", "done"), ("Bestelling wordt afgesloten", "now")],
            "Als er nog een betaling",
        ),
    ),
    "canceling_debit": Told(
        *(OrderStatus.CANCELING, 60, "The order is being cancelled"),
        *([ORDERED, ("Cancelled", "done"), ("Refund under way", "now")], "A direct debit that is under way"),
        "De bestelling wordt geannuleerd",
        *([BESTELD, ("Geannuleerd", "done"), ("Terugbetaling onderweg", "now")], "Een lopende automatische"),
    ),
    "canceled": Told(
        *(OrderStatus.CANCELED, None),
        *("The order was cancelled", [ORDERED, ("Cancelled", "done")], "Nothing was charged."),
        *("De bestelling is geannuleerd", [BESTELD, ("Geannuleerd", "done")], "Er is niets in rekening"),
    ),
    "canceled_paid": Told(
        *(OrderStatus.CANCELED, None, "The order was cancelled"),
        *([ORDERED, PAID, ("Cancelled", "done"), ("Refunded", "done")], "We have sent €12.00 back"),
        "De bestelling is geannuleerd",
        [BESTELD, BETAALD, ("Geannuleerd", "done"), ("Terugbetaald", "done")],
        "We hebben € 12,00 teruggestort",
    ),
    "failing": Told(
        *(OrderStatus.REFUNDING, 5, "We could not deliver your order"),
        *(
            [*UNDELIVERED, ("Refund under way", "now")],
            "Your money goes back to you. We expect to send it by",
        ),
        "We konden uw bestelling niet leveren",
        *([*NIET_GELEVERD, ("Terugbetaling onderweg", "now")], "U krijgt uw geld terug. We verwachten"),
    ),
    "undeliverable": Told(
        *(OrderStatus.PROVISION_FAILED, None, "We could not deliver your order"),
        *([*UNDELIVERED, ("Refunded", "done")], "We have sent €12.00 back to your payment method."),
        "We konden uw bestelling niet leveren",
        *([*NIET_GELEVERD, ("Terugbetaald", "done")], "We hebben € 12,00 teruggestort"),
    ),
    "unrefundable": Told(
        *(OrderStatus.REFUND_FAILED, 60, "Our staff handles your refund"),
        [*UNDELIVERED, ("Our staff handles your refund", "wrong")],
        "A member of our staff is working on it, and we expect an answer by",
        "Een medewerker regelt uw terugbetaling",
        [*NIET_GELEVERD, ("Een medewerker regelt uw terugbetaling", "wrong")],
        "Een medewerker is ermee bezig en we verwachten rond",
    ),
    "registering": Told(
        *(OrderStatus.PROCESSING, 5, "Your domain is being registered"),
        *([ORDERED, PAID, ("Registration", "now"), READY], "You do not have to do anything. It should be"),
        "Uw domein wordt geregistreerd",
        *([BESTELD, BETAALD, ("Registratie", "now"), KLAAR], "U hoeft niets te doen. We verwachten"),
    ),
    "registered": Told(
        *(OrderStatus.COMPLETED, None, "Your domain is ready"),
        *([ORDERED, PAID, ("Registration", "done"), ("Ready", "done")], "You can close this page."),
        *(
            "Uw domein is klaar",
            [BESTELD, BETAALD, ("Registratie", "done"), ("Klaar", "done")],
            "U kunt deze",
        ),
    ),
    "transferring": Told(
        *(OrderStatus.PROCESSING, 60),
        *("Your domain is being transferred", _MOVING, "Your current provider has to release the domain"),
        *("Uw domein wordt verhuisd", _VERHUIZING, "Uw huidige aanbieder moet het domein vrijgeven"),
    ),
    "to_confirm": Told(
        *(OrderStatus.PROCESSING, 60),
        *("Please confirm your domain", _MOVING, "Open the message that was sent to the domain owner's"),
        *("Bevestig uw domein", _VERHUIZING, "Open het bericht dat naar het e-mailadres"),
    ),
}


def test_every_state_of_an_order_is_covered() -> None:
    assert set(TOLD) == set(STATES)
    assert {told.status for told in TOLD.values()} == set(OrderStatus)


@pytest.mark.parametrize("name", STATES)
def test_O1_052_the_page_shows_each_state_in_english_and_dutch(name: str, world: World) -> None:
    told, order = TOLD[name], STATES[name](world)
    assert stored(world, order).status is told.status
    for language, heading, steps, sentence in (
        ("en", told.heading, told.steps, told.sentence),
        ("nl", told.kop, told.stappen, told.zin),
    ):
        speak(world, order, language)
        reply = get(world, token_of(world, order))
        page = seen(reply)
        assert reply.status == 200
        assert (page.language, reply.headers["content-language"]) == (language, language)
        assert (page.heading, page.steps) == (heading, steps)
        assert sentence in page.text.replace("\N{NO-BREAK SPACE}", " ")
        here = [title for title, mark in steps if mark != "ahead"][-1]
        assert page.current == [here]
        assert reply.headers.get("refresh") == (None if told.refresh is None else str(told.refresh))
        note = {"en": "refreshes itself every", "nl": "vernieuwt zichzelf elke"}[language]
        assert (f"{note} {told.refresh} " in page.text) == (told.refresh is not None)
        assert page.links == ([session_of(world, order)["url"]] if name == "payable" else [])


def test_the_page_shows_the_item_as_the_customer_typed_it(world: World) -> None:
    order = payable(world)
    assert seen(get(world, token_of(world, order))).facts == {
        "Website": "Jan's bakkerij & café",
        "Plan": "Basic",
        "Term": "1 month",
        "Amount": "€12.00, plus tax if any",
        "Support reference": str(order.number),
    }
    domain = STATES["registering"](world)
    speak(world, domain, "nl")
    assert seen(get(world, token_of(world, domain))).facts == {
        "Domein": "bakkerij-jansen.nl",
        "Wat er gebeurt": "Registratie",
        "Looptijd": "1 jaar",
        "Bedrag": "€ 8,00",
        "Referentie voor de helpdesk": str(domain.number),
    }


def test_a_machine_is_shown_with_the_catalogues_names(world: World) -> None:
    reply = order_machine(world, {"hostname": "web-1.example.com", **MACHINES[0]}, "ready", key="shown")
    order = world.order(reply.body["data"]["token"])
    facts = seen(get(world, token_of(world, order))).facts
    assert facts["Server"] == "web-1.example.com"
    assert (facts["Plan"], facts["Operating system"]) == ("VPS 1", "Debian 13")


def test_an_annual_price_and_tax_are_shown() -> None:
    with a_world(automatic_tax=True) as world:
        reply = world.place(term="annual")
        world.run()
        order = world.order(reply.body["orders"][0]["id"])
        gross = world.cart(order.cart_token).payment.gross_of(order)
        assert gross is not None and gross > 12_000
        facts = seen(get(world, token_of(world, order))).facts
        assert facts["Amount"] == f"€{gross / 100:.2f} including tax" and facts["Term"] == "1 year"


def test_the_page_shows_the_orders_times_in_utc(world: World) -> None:
    order = stored(world, being_set_up(world))
    html = get(world, token_of(world, order)).body
    ahead = outlook(order, world.cart(order.cart_token, "no_method"))
    assert ahead is not None and ahead.deadline_at is not None and order.provisioning_at is not None
    shown = re.findall(r'<time datetime="(.*?)">', html)
    paid = order.entered(OrderStatus.PROCESSING)
    assert paid is not None
    wanted = [ahead.expected_by, ahead.deadline_at, order.created_at, paid, order.provisioning_at]
    assert shown == [minute(each) for each in wanted]


def test_the_accounts_language_takes_precedence_over_the_users(world: World) -> None:
    order = payable(world)
    user = world.services.directory.user(order.user_id)
    world.services.directory.put_user(replace(user, locale="nl"))
    assert seen(get(world, token_of(world, order))).language == "nl"
    speak(world, order, "en")
    assert seen(get(world, token_of(world, order), headers={"Accept-Language": "nl"})).language == "en"


# -- the customer comes back from the payment page ------------------------------------------------------------------


def test_the_page_after_a_payment_has_no_pay_link(world: World) -> None:
    order = payable(world)
    reply = get(world, token_of(world, order), "success")
    page = seen(reply)
    assert page.heading == "We are checking your payment"
    assert "Pay now" not in page.text and page.links == ["?"]
    assert reply.headers["refresh"] == "5"
    world.stripe.controls.pay_checkout(session_of(world, order)["id"])
    world.run(finish=False)
    assert seen(get(world, token_of(world, order), "success")).heading == "Your website is being set up"


def test_a_customer_who_leaves_the_payment_page_can_return_to_it(world: World) -> None:
    order = payable(world)
    reply = get(world, token_of(world, order), "cancel")
    page = seen(reply)
    until = payment_deadline(world.cart(order.cart_token, "no_method"))
    assert page.heading == "Nothing was paid" and page.links == [session_of(world, order)["url"]]
    assert f'You can pay until <time datetime="{minute(until)}">' in reply.body


def test_the_page_offers_no_payment_after_the_deadline(world: World) -> None:
    order = payable(world)
    world.clock.advance(23 * 3600 + 1)  # the reconciler has not run yet
    page = seen(get(world, token_of(world, order)))
    assert page.heading == "The order is being closed" and page.links == []


def test_an_unknown_outcome_in_the_address_is_ignored(world: World) -> None:
    order = payable(world)
    plain = get(world, token_of(world, order))
    for outcome in ("", "SUCCESS", "paid", "<script>", "suc"):
        assert get(world, token_of(world, order), outcome).body == plain.body


@pytest.mark.parametrize("outcome", ["success", "cancel"])
@pytest.mark.parametrize("name", ["under_debit", "delivered", "expired", "canceled"])
def test_the_outcome_is_ignored_if_no_payment_is_due(name: str, outcome: str, world: World) -> None:
    order = STATES[name](world)
    assert get(world, token_of(world, order), outcome).body == get(world, token_of(world, order)).body


def stored(world: World, order: Order) -> Order:
    return world.order(order.uuid, order.account_id.removeprefix("acc_"))


def minute(at: int) -> str:
    return dt.datetime.fromtimestamp(at / 1000, dt.UTC).strftime("%Y-%m-%dT%H:%MZ")
