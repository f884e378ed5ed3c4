"""What an order's page says about the order's status."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from markupsafe import Markup

from hosting_orders.domain.cart import PaymentStatus
from hosting_orders.domain.deadlines import Outlook, outlook, payment_deadline
from hosting_orders.domain.money import Money
from hosting_orders.domain.order import OrderStatus
from hosting_orders.domain.placement import Outcome
from hosting_orders.usecases.show_order_page import KnownOrder

from .goods import Goods
from .languages import Language
from .progress import was_paid


class Tone(StrEnum):
    WAITING = "waiting"
    GOOD = "good"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Words:
    title: Markup
    texts: tuple[Markup, ...]
    tone: Tone = Tone.WAITING
    pay_url: str | None = None
    # A customer can come back with `outcome=success` without having paid. The page then still offers to pay.
    pay_later: bool = False


def words_of(known: KnownOrder, outcome: Outcome | None, now: int, goods: Goods, _: Language) -> Words:
    return _Teller(known, outcome, now, goods, _).words()


@dataclass(frozen=True, slots=True)
class _Teller:
    known: KnownOrder
    outcome: Outcome | None
    now: int
    goods: Goods
    say: Language

    def words(self) -> Words:
        order, _ = self.known.order, self.say
        match order.status:
            case OrderStatus.PENDING:
                return self._payment()
            case OrderStatus.PROCESSING:
                return Words(self.goods.under_way, (self.goods.task, self._delivery()))
            case OrderStatus.COMPLETED:
                return Words(
                    self.goods.ready, (_("Everything is done. You can close this page."),), Tone.GOOD
                )
            case OrderStatus.FAILED:
                return self._unpaid(_("The payment did not succeed"))
            case OrderStatus.EXPIRED:
                return self._unpaid(_("The order was not paid in time"))
            case OrderStatus.CANCELING:
                return Words(_("The order is being cancelled"), self._money_goes_back())
            case OrderStatus.REFUNDING:
                return Words(_("We could not deliver your order"), self._money_goes_back(), Tone.BAD)
            case OrderStatus.REFUND_FAILED:
                return Words(_("Our staff handles your refund"), (self._by_hand(),), Tone.BAD)
            case OrderStatus.CANCELED:
                return Words(_("The order was cancelled"), (self._money_is_back(),))
            case OrderStatus.PROVISION_FAILED:
                return Words(_("We could not deliver your order"), (self._money_is_back(),), Tone.BAD)

    # -- before the payment ---------------------------------------------------------------------------------------

    def _payment(self) -> Words:
        payment, _ = self.known.cart.payment, self.say
        if payment.paid:
            return Words(_("Your payment has arrived"), (_("We begin with your order now."),))
        if payment.settled:
            return Words(_("The order is being closed"), (_("The payment did not succeed."),), Tone.BAD)
        if payment.status is PaymentStatus.AWAITING_AUTHENTICATION and payment.pay_url is not None:
            return self._payable(payment.pay_url)
        if self.known.cart.payment.debit_under_way:
            return self._debit()
        return self._checking(pay_later=False)

    def _payable(self, pay_url: str) -> Words:
        _, until = self.say, payment_deadline(self.known.cart)
        if self.outcome is Outcome.SUCCESS:
            return self._checking(pay_later=True)
        if until <= self.now:
            closed = _("The time to pay is over. We are making sure that no payment is on its way.")
            return Words(_("The order is being closed"), (closed,))
        waits = _("You can pay until %(when)s.", when=_.moment(until))
        free = _("If the order is not paid by then, it is cancelled at no cost.")
        if self.outcome is Outcome.CANCEL:
            return Words(
                _("Nothing was paid"), (_("You left the payment page."), waits, free), pay_url=pay_url
            )
        return Words(_("Your order waits for your payment"), (waits, free), pay_url=pay_url)

    def _debit(self) -> Words:
        _ = self.say
        days = _("Your bank is carrying out the direct debit. That can take several days.")
        return Words(_("Your payment is under way"), (days, self._debit_expected(), self._nothing_to_do()))

    def _debit_expected(self) -> Markup:
        _, when = self.say, self._outlook().expected_by
        if self._late:
            return _("It takes longer than usual. We begin as soon as the money has arrived.")
        return _("We expect the money by %(when)s and begin as soon as it has arrived.", when=_.moment(when))

    def _checking(self, *, pay_later: bool) -> Words:
        _ = self.say
        short = _("This usually takes less than a minute.")
        if self._late and not pay_later:
            short = _("This takes longer than usual, and we keep checking.")
        again = _("You do not have to pay again.")
        return Words(_("We are checking your payment"), (short, again), pay_later=pay_later)

    # -- delivery -------------------------------------------------------------------------------------------------

    def _delivery(self) -> Markup:
        _, ahead = self.say, self._outlook()
        latest = ahead.deadline_at
        if latest is None or latest <= self.now:
            return _("This takes much longer than usual. If it does not succeed, you get your money back.")
        if self._late:
            return _(
                "This takes longer than usual. It should be ready by %(when)s at the latest; if it does not succeed, "
                "you get your money back.",
                when=_.moment(latest),
            )
        return _(
            "It should be ready by %(soon)s, and by %(latest)s at the latest.",
            soon=_.moment(ahead.expected_by),
            latest=_.moment(latest),
        )

    # -- undelivered orders -----------------------------------------------------------------------------------------

    def _unpaid(self, title: Markup) -> Words:
        _ = self.say
        again = _("Place a new order if you still want it.")
        return Words(title, (self._money_is_back(), again), Tone.BAD)

    def _money_goes_back(self) -> tuple[Markup, ...]:
        order, cart, _ = self.known.order, self.known.cart, self.say
        if was_paid(order, cart):
            if self._late:
                return (
                    _("Your money goes back to you. This takes longer than usual."),
                    self._nothing_to_do(),
                )
            when = _.moment(self._outlook().expected_by)
            back = _("Your money goes back to you. We expect to send it by %(when)s.", when=when)
            return back, self._nothing_to_do()
        if cart.payment.debit_under_way:
            first = _(
                "A direct debit that is under way cannot be stopped. Once it is through, the money goes back to you."
            )
            return first, self._nothing_to_do()
        if not cart.payment.settled:
            return (_("If a payment still arrives, it goes back to you."),)
        return (_("Nothing was charged."),)

    def _by_hand(self) -> Markup:
        _ = self.say
        if self._late:
            return _(
                "The refund did not go through by itself. A member of our staff is working on it. "
                "You do not have to do anything."
            )
        return _(
            "The refund did not go through by itself. A member of our staff is working on it, and we expect an answer "
            "by %(when)s. You do not have to do anything.",
            when=_.moment(self._outlook().expected_by),
        )

    def _money_is_back(self) -> Markup:
        order, _ = self.known.order, self.say
        refund = order.refund
        if refund is None:
            return _("Nothing was charged.")
        to_method = Money(refund.amount, order.price.currency)
        to_credit = Money(refund.to_credit, order.price.currency)
        if not refund.to_credit:
            return _(
                "We have sent %(amount)s back to your payment method. It can take your bank a few days to show it.",
                amount=_.money(to_method),
            )
        if not refund.amount:
            return _("We have put %(credit)s back on your credit.", credit=_.money(to_credit))
        return _(
            "We have sent %(amount)s back to your payment method and put %(credit)s back on your credit. "
            "It can take your bank a few days to show it.",
            amount=_.money(to_method),
            credit=_.money(to_credit),
        )

    # -- time -------------------------------------------------------------------------------------------------------

    def _nothing_to_do(self) -> Markup:
        _ = self.say
        return _("You do not have to do anything.")

    def _outlook(self) -> Outlook:
        ahead = outlook(self.known.order, self.known.cart)
        assert ahead is not None, "an order that has ended has no outlook"
        return ahead

    @property
    def _late(self) -> bool:
        return self._outlook().expected_by <= self.now
