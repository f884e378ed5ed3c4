"""Check everything that is due, so a lost event never blocks an order."""

from __future__ import annotations

from dataclasses import replace

from hosting_orders.domain import deadlines, durations
from hosting_orders.domain.cart import Cart
from hosting_orders.domain.errors import OrderCanceledError, PaymentNotStartedError, ProvisioningFailedError
from hosting_orders.domain.listing import DueItem
from hosting_orders.domain.order import GIVING_BACK, Order, OrderStatus
from hosting_orders.domain.products import ProductKind
from hosting_orders.domain.workflow import Step

from .changes import change_cart, change_order, load_cart, load_order
from .close_payment import close_payment
from .collect_payment import resume_payment
from .delivery import answer_delivery
from .domain_zones import make_missing_zone, remove_zone, rested
from .invoiced_terms import renew_without_work
from .left_domains import note_departure
from .log import log
from .ports import Services
from .products.registry import fulfilment
from .refund_order import Compensation, refund_order, take_down
from .renew_domain import renew_domain
from .roll_up_cart import recompute_roll_up
from .send_callback import CallbackBody, send_callback
from .settle_payment import owes_a_refund, resume_order, settle_payment, waits_for_its_start
from .start_renewal import find_started_renewal, start_renewal
from .verify_registrant import check_verification

BATCH = 50
# Start no further check after this time (milliseconds), so a run ends before Lambda stops the function.
RUN_FOR = 60 * durations.SECOND

# How long after a check an item is due again, unless the check sets another time.
_NEXT_CHECK = {
    "cart": deadlines.PAYMENT_CHECK,
    "order": deadlines.PROVISIONING_CHECK,
    "callback": deadlines.RECONCILE_AGAIN,
}
# These functions read a renewal's payments at the payment provider. Only the reconciler may call them, because it has
# the provider's key.
_RENEWALS_AT_PROVIDERS = {ProductKind.DOMAIN: renew_domain}


def reconcile(services: Services, body: CallbackBody, limit: int = BATCH) -> int:
    """A failure of one check does not stop the others."""
    started = services.clock.now()
    looked_at = 0
    for item in services.orders.due(started, limit):
        if services.clock.now() - started > RUN_FOR:
            break
        looked_at += 1
        try:
            # Postpone first, so no other run takes the item and a failing item does not block the queue.
            if services.orders.postpone(item, started + _NEXT_CHECK[item.kind]):
                _check(services, item, body)
                services.metrics.count(f"Reconciled{item.kind.capitalize()}")
        except Exception:
            log.exception("could not reconcile", extra={"kind": item.kind, "key": item.key})
            services.metrics.count("ReconcileFailed")
            _try_again_soon(services, item, started)
    return looked_at


def _try_again_soon(services: Services, item: DueItem, started: int) -> None:
    taken = replace(item, due_at=started + _NEXT_CHECK[item.kind])
    try:
        services.orders.postpone(taken, started + deadlines.RECONCILE_AGAIN)
    except Exception:
        log.exception("could not be postponed", extra={"kind": item.kind, "key": item.key})


def _check(services: Services, item: DueItem, body: CallbackBody) -> None:
    if item.kind == "callback":
        send_callback(services, item.account_id, int(item.key), body)
    elif item.kind == "cart":
        cart = services.orders.cart(item.account_id, item.key)
        if cart is not None:
            _reconcile_cart(services, cart)
            after = services.orders.cart(item.account_id, item.key)
            _count_drift(services, "Payment", cart.payment.status, after.payment.status if after else None)
    else:
        order = services.orders.order(item.account_id, int(item.key))
        if order is not None:
            _reconcile_order(services, order)
            if order.provisioning_at is not None and not order.item.is_reported():
                # The provider of this product sends no events. A change that we find by polling is not drift.
                return
            later = services.orders.order(item.account_id, int(item.key))
            _count_drift(services, "Order", order.status, later.status if later else None)


def _count_drift(services: Services, kind: str, before: str, after: str | None) -> None:
    if after != before:
        services.metrics.count(f"Drift{kind}")
        log.warning("drift corrected", extra={"kind": kind, "was": before, "is_now": after})


def _reconcile_cart(services: Services, cart: Cart) -> None:
    now = services.clock.now()
    try:
        cart = resume_payment(services, cart)
    except PaymentNotStartedError:
        return
    if cart.payment.reference is not None:
        settle_payment(services, cart.payment.reference)
        cart = _look_sooner(services, load_cart(services, cart.account_id, cart.token), now)
    if not cart.payment.settled and now >= deadlines.payment_deadline(cart):
        # Close the payment first, so an expired order can no longer be paid.
        cart = close_payment(services, cart)
    if cart.payment.settled:
        for order in services.orders.orders(cart.account_id, sorted(cart.orders)):
            resume_order(services, order, cart)
        change_cart(
            services,
            cart,
            when=lambda current: current.payment.settled and current.due_at is not None,
            to=lambda current: replace(current, due_at=None),
        )


def _look_sooner(services: Services, cart: Cart, now: int) -> Cart:
    check = deadlines.payment_check(cart, now)
    return change_cart(
        services,
        cart,
        when=lambda current: not current.payment.settled and (current.due_at or 0) > check,
        to=lambda current: replace(current, due_at=check),
    )


def _reconcile_order(services: Services, order: Order) -> None:
    if not order.has_upkeep:
        _advance_order(services, order)
        return
    if order.zone_owed:
        order = make_missing_zone(services, order)
    if order.verification_open:
        order = check_verification(services, order)
    if order.renewal_is_due(services.clock.now()):
        _advance_order(services, order)
    _schedule_upkeep(services, load_order(services, order.account_id, order.number))


def _schedule_upkeep(services: Services, order: Order) -> None:
    now = services.clock.now()

    def scheduled(current: Order) -> Order:
        check = None
        if current.zone_owed or (current.verification_open and not current.unverified):
            check = now + deadlines.ZONE_AGAIN
        elif current.unverified:
            check = now + deadlines.VERIFICATION_CHECK
        return current.check_upkeep_at(check, now)

    change_order(services, order, to=scheduled)


def _advance_order(services: Services, order: Order) -> None:
    now = services.clock.now()
    cart = load_cart(services, order.account_id, order.cart_token)
    if order.ended:
        _correct_roll_up(services, order, cart)
        order = _departed(services, order)
    if order.renewal_owed:
        # The process that delivered the order may have stopped before it answered the waiting steps.
        answer_delivery(services, order)
        if not _year_is_bought(order, now):
            order = start_renewal(services, order)
        if not order.transfer_year_owed:
            return
    if order.renewal_is_watched or order.transfer_year_owed:
        _RENEWALS_AT_PROVIDERS.get(order.kind, renew_without_work)(services, order)
        return
    if order.ended:
        if cart.payment.paid and owes_a_refund(order):
            # Give back money that arrived after the order's end. If Stripe refuses the refund, the order stays due.
            result = refund_order(services, order.account_id, order.number, "Reconciled")
            if result is Compensation.WAITING:
                return
            order = load_order(services, order.account_id, order.number)
        if order.status is not OrderStatus.COMPLETED:
            # A process that read the order before its end may have built the product after the take-down. That process
            # has stopped by now, so take the product down once more.
            take_down(services, order)
        _close(services, order)
        return
    if cart.payment.settled and waits_for_its_start(order):
        order = resume_order(services, order, cart)
    if order.status in GIVING_BACK:
        _compensate(services, order, "Reconciled")
    elif order.status is OrderStatus.PROCESSING:
        _reconcile_delivery(services, order, now)
    # The start of the execution may have been lost. A repeated start changes nothing.
    services.workflow.start(order)


def _departed(services: Services, order: Order) -> Order:
    order = remove_zone(services, note_departure(services, order))
    if order.domain_has_left and order.renewal_status is None:
        order = find_started_renewal(services, order)
    return order


def _year_is_bought(order: Order, now: int) -> bool:
    # While we buy the year that a transfer did not add, the order is checked often. If Stripe has refused to start the
    # renewal, it must not get the same request at each of these checks. So we do not start the renewal meanwhile.
    year = order.domain_record.transfer_year if order.transfer_year_owed else None
    return year is not None and year.is_open and now < year.lease_until + deadlines.DOMAIN_RENEWAL_DEADLINE


def _correct_roll_up(services: Services, order: Order, cart: Cart) -> None:
    # Lambda may have given up on the stream record of the order's end. The cart's mark then still has an older status,
    # so we recompute the roll-up here.
    mark = cart.orders.get(order.number)
    if mark is not None and mark.status is not order.status:
        recompute_roll_up(services, order.account_id, order.cart_token)
        log.info("roll-up corrected", extra={"cart_token": order.cart_token, "order_id": order.uuid})


def _reconcile_delivery(services: Services, order: Order, now: int) -> None:
    if now >= deadlines.delivery_ends_at(order):
        # After the deadline the order is refunded, whatever its execution waits for.
        _compensate(services, order, "DeliveryTimedOut")
        answer_delivery(services, load_order(services, order.account_id, order.number))
    elif order.provisioning_at is None:
        if now >= order.since + deadlines.DELIVERY_NOT_BEGUN:
            # Either the step fails before our code runs, so it cannot count the fault, or the execution has failed.
            services.metrics.count("StepFault")
            log.error("a paid order is not being delivered", extra={"order_id": order.uuid})
    else:
        try:
            fulfilment(order.kind).ask(services, order)
        except ProvisioningFailedError:
            # The order is being refunded, so its delivery step must not wait.
            answer_delivery(services, load_order(services, order.account_id, order.number))


def _compensate(services: Services, order: Order, error: str) -> None:
    if refund_order(services, order.account_id, order.number, error) is Compensation.DONE:
        services.workflow.resume(order, Step.REFUND)


def _close(services: Services, order: Order) -> None:
    # The process that ended the order may have stopped before it answered the steps.
    for step in Step:
        if step is Step.REFUND or order.status is OrderStatus.COMPLETED:
            services.workflow.resume(order, step)
        else:
            services.workflow.fail(order, step, OrderCanceledError, f"the order is {order.status}")
    # A payment event may have set a new `due_at` meanwhile, for another check. Then the order is not closed yet.
    seen, now = order.due_at, services.clock.now()
    change_order(
        services,
        order,
        when=lambda current: seen is not None and current.due_at == seen,
        to=lambda current: rested(current, now),
    )
