"""The state RegisterDomain (docs/order-life.md; docs/decisions.md, 16).

Two calls can make the registrar register a domain twice. So the order records the attempt before the call, only one
process at a time calls, and a retry first checks the registrar's list of operations.
"""

from __future__ import annotations

from dataclasses import replace

from hosting_orders.domain import causes, deadlines
from hosting_orders.domain.durations import DAY
from hosting_orders.domain.errors import ProviderUnavailableError, ProvisioningFailedError
from hosting_orders.domain.order import Actor, Failure, Order, OrderStatus
from hosting_orders.domain.products import DomainItem, DomainResource
from hosting_orders.domain.registration import (
    AlreadyOrderedError,
    DomainAction,
    Refusal,
    RegisteredDomain,
    RegistrarOperation,
    RegistrarStatus,
    RegistrarWaits,
    RegistrationRefusedError,
    RegistrationRequest,
    why_it_failed,
)

from .changes import change_order, load_cart
from .delivery import answer_delivery, claim_for_delivery, undeliverable
from .domain_zones import zone_of
from .log import log
from .ports import Services
from .registrar_operations import CLOCKS_DIFFER, known_operation
from .sealed_contacts import auth_code_context, open_contacts

# An abandoned order may have submitted its operation up to this long before our own submission.
_ABANDONED_BEFORE = 365 * DAY


def register_domain(services: Services, account_id: str, number: int, task_token: str) -> None:
    """Begin delivery and call the registrar. The reconciler answers the token.

    Raises OrderCanceledError if the order was cancelled before, or ProvisioningFailedError if the registrar refuses.
    """
    order = claim_for_delivery(services, account_id, number, task_token)
    if order is None:
        return
    try:
        ask_registrar(services, order)
    except ProviderUnavailableError:
        # Do not retry here. The reconciler runs within a minute, and checks the registrar's list of operations before
        # it submits again.
        log.warning(
            "the registrar gave no clear response; the reconciler checks soon", extra={"order_id": order.uuid}
        )


def ask_registrar(services: Services, order: Order) -> None:
    """Submit the domain, or check an earlier submission. Raises the errors of `Fulfilment.ask`."""
    if order.operation_id is None:
        _submit(services, order)
        return
    operation = _operation(services, order, order.operation_id)
    if operation is not None:
        record_registration(services, order, operation)
    elif not deliver_if_ours(services, order):
        raise ProviderUnavailableError("the registrar does not find the operation whose id it returned")


def _operation(services: Services, order: Order, operation_id: str) -> RegistrarOperation | None:
    item, submission = order.item_as(DomainItem), order.domain_record.submission
    assert submission is not None
    return known_operation(services, operation_id, item.ascii_name, item.action, submission.first_at)


def _submit(services: Services, order: Order) -> None:
    now = services.clock.now()
    earlier = order.domain_record.submission
    mine = False

    def take(current: Order) -> Order:
        nonlocal mine, earlier
        record = current.domain_record
        earlier = record.submission
        mine = False
        if current.status is not OrderStatus.PROCESSING or current.operation_id is not None:
            return current
        if earlier is not None and now < earlier.lease_until:
            return current.check_at(earlier.lease_until)
        mine = True
        taken = current.with_domain(record.submitting(now, now + deadlines.SUBMISSION_LEASE))
        return taken.check_at(deadlines.registrar_check(taken, now))

    order = change_order(services, order, to=take)
    if not mine:
        # Another process is calling the registrar, or has already recorded an operation. If the order is no longer
        # processing, the process that changed its status may have looked for our task token before we stored the token.
        # So answer the token now.
        if order.status is not OrderStatus.PROCESSING:
            answer_delivery(services, order)
        return
    asked_before = earlier.asked_at if earlier is not None else None
    try:
        _ask_once(services, order, asked_before)
    except _RefusedInDoubtError:
        # The registrar clearly refused this call. Only the outcome of the earlier attempt is uncertain, so put the time
        # of that attempt back.
        change_order(services, order, to=lambda current: _without_lease(current, now, asked_before))
        raise
    except ProviderUnavailableError:
        # Release the lease, so that the next process can check immediately.
        change_order(services, order, to=lambda current: _without_lease(current, now))
        raise


class _RefusedInDoubtError(ProviderUnavailableError):
    """The registrar refused, but may have accepted an earlier attempt."""


def _ask_once(services: Services, order: Order, asked_before: int | None) -> None:
    """`asked_before` is the time of an earlier attempt without a clear outcome (epoch ms), or None."""
    item = order.item_as(DomainItem)
    if asked_before is not None:
        operation = _earlier_operation(services, order)
        if operation is not None:
            log.warning("found the registration whose answer was lost", extra={"order_id": order.uuid})
            record_registration(services, _record_operation(services, order, operation.id), operation)
            return
    try:
        operation_id = services.registrar.submit(_request(services, order))
    except RegistrationRefusedError as refusal:
        owned = services.registrar.domain(item.ascii_name) if asked_before is not None else None
        if owned is not None and _is_of_this_order(services, order):
            _deliver(services, order, owned)  # refused because the earlier attempt succeeded
            return
        if asked_before is not None and services.clock.now() < asked_before + deadlines.SUBMISSION_DOUBT:
            raise _RefusedInDoubtError(
                "refused, but an earlier submission of the domain may have been accepted"
            ) from None
        if owned is not None:
            _report_unwanted_domain(services, order)
        failure = Failure("registration_refused", why_it_failed(item.action, refusal.refusal))
        undeliverable(services, order, failure, Actor.REGISTRAR)
        raise ProvisioningFailedError(failure.message) from None
    except AlreadyOrderedError as other:
        operation_id = _ours(services, order, other)
    if _record_operation(services, order, operation_id).operation_id != operation_id:
        _report_unwanted_domain(services, order)


def _ours(services: Services, order: Order, other: AlreadyOrderedError) -> str:
    """Return the operation's id if this order's earlier attempt began it. Raises `other` otherwise."""
    item, submission = order.item_as(DomainItem), order.domain_record.submission
    found = services.registrar.operation(other.operation_id) if other.operation_id and submission else None
    if found is None or submission is None or (found.name, found.action) != (item.ascii_name, item.action):
        raise other
    if found.submitted_at < submission.first_at - CLOCKS_DIFFER:
        raise other  # an abandoned order's operation, which may have other contacts
    log.warning("found the registration whose answer was lost", extra={"order_id": order.uuid})
    return found.id


def _is_of_this_order(services: Services, order: Order) -> bool:
    """Whether this order registered the domain in our account. If not, an abandoned order did, with other contacts."""
    submission, item = order.domain_record.submission, order.item_as(DomainItem)
    assert submission is not None
    if order.operation_id is not None or _earlier_operation(services, order) is not None:
        return True
    before = submission.first_at - CLOCKS_DIFFER
    return not any(
        operation.submitted_at < before
        for action in DomainAction
        for operation in services.registrar.find(item.ascii_name, action, before - _ABANDONED_BEFORE)
    )


def _report_unwanted_domain(services: Services, order: Order) -> None:
    services.metrics.count("DomainWithoutOrder")
    log.error("a domain was ordered or registered for an abandoned order", extra={"order_id": order.uuid})


def _without_lease(order: Order, now: int, asked_at: int | None = None) -> Order:
    record = order.domain_record
    if order.operation_id is not None or record.submission is None:
        return order
    freed = replace(record.submission, lease_until=min(record.submission.lease_until, now))
    if asked_at is not None:
        freed = replace(freed, asked_at=asked_at)
    return order.with_domain(replace(record, submission=freed))


def _request(services: Services, order: Order) -> RegistrationRequest:
    item = order.item_as(DomainItem)
    sealed = services.orders.contacts(order.account_id, order.number)
    if sealed is None:
        raise RegistrationRefusedError("the order's contacts no longer exist", Refusal.CONTACT)
    cart = load_cart(services, order.account_id, order.cart_token)
    auth_code = None
    if item.sealed_auth_code is not None:
        context = auth_code_context(order.account_id, order.number)
        auth_code = services.cipher.open(item.sealed_auth_code, context)
    return RegistrationRequest(
        name=item.ascii_name,
        action=item.action,
        years=item.years,
        contacts=open_contacts(services, sealed),
        auth_code=auth_code,
        max_cost=item.max_cost,
        live=cart.payment.live,
    )


def _record_operation(services: Services, order: Order, operation_id: str) -> Order:
    return change_order(
        services,
        order,
        when=lambda current: current.status is OrderStatus.PROCESSING and current.operation_id is None,
        to=lambda current: current.submitted(operation_id),
    )


def _earlier_operation(services: Services, order: Order) -> RegistrarOperation | None:
    """The operation of an earlier attempt. An operation that failed before our first attempt is ignored."""
    submission = order.domain_record.submission
    assert submission is not None
    item = order.item_as(DomainItem)
    asked_at = submission.first_at
    for operation in services.registrar.find(item.ascii_name, item.action, asked_at - CLOCKS_DIFFER):
        if operation.status is not RegistrarStatus.FAILED or operation.submitted_at >= asked_at:
            return operation
    return None


def _doubt_until(order: Order) -> int:
    submission = order.domain_record.submission
    assert submission is not None
    return submission.asked_at + deadlines.SUBMISSION_DOUBT


def registrar_verdict(services: Services, order: Order) -> RegistrarOperation | None:
    """Return the order's operation, or None when the registrar certainly accepted no submission.

    Raises ProviderUnavailableError while that is uncertain.
    """
    if order.operation_id is not None:
        operation = _operation(services, order, order.operation_id)
        if operation is None:
            raise ProviderUnavailableError("the registrar does not find the operation whose id it returned")
        return operation
    if order.domain_record.submission is None:
        return None
    operation = _earlier_operation(services, order)
    if operation is None and services.clock.now() < _doubt_until(order):
        raise ProviderUnavailableError("it is not certain yet whether the registrar accepted the submission")
    return operation


def record_registration(services: Services, order: Order, operation: RegistrarOperation) -> RegistrarStatus:
    """A failed operation counts as succeeded if the domain is ours. Can be repeated."""
    now = services.clock.now()
    if operation.status is RegistrarStatus.RUNNING:
        change_order(
            services,
            order,
            when=OrderStatus.PROCESSING,
            to=lambda current: _with_flag(current, operation.flag, now).check_at(
                deadlines.registrar_check(current, now)
            ),
        )
        return RegistrarStatus.RUNNING
    if operation.status is RegistrarStatus.FAILED:
        if deliver_if_ours(services, order):
            return RegistrarStatus.SUCCEEDED
        item = order.item_as(DomainItem)
        code = "transfer_failed" if item.is_transfer else "registration_failed"
        failure = Failure(code, why_it_failed(item.action, operation.refusal))
        order = undeliverable(services, order, failure, Actor.REGISTRAR)
        answer_delivery(services, order)
        return RegistrarStatus.FAILED
    domain = services.registrar.domain(order.item_as(DomainItem).ascii_name)
    if domain is None:
        raise ProviderUnavailableError("the registrar does not show the domain yet")
    _deliver(services, order, domain)
    return RegistrarStatus.SUCCEEDED


def deliver_if_ours(services: Services, order: Order) -> bool:
    """Deliver the domain if this order registered it, whatever the operation says. Return whether it is delivered."""
    if order.domain_record.submission is None:
        return False
    domain = services.registrar.domain(order.item_as(DomainItem).ascii_name)
    if domain is None:
        return False
    if not _is_of_this_order(services, order):
        _report_unwanted_domain(services, order)
        return False
    log.warning("the domain is ours, although its operation did not succeed", extra={"order_id": order.uuid})
    _deliver(services, order, domain)
    return True


def _with_flag(order: Order, flag: RegistrarWaits | None, now: int) -> Order:
    if order.domain_record.flag == flag:
        return order
    waiting = order.with_domain(order.domain_record.waits_for(flag, now))
    if flag is None:
        return replace(waiting, updated_at=max(now, order.updated_at))
    return waiting.told(causes.waiting_for(flag), now, Actor.REGISTRAR)


def _deliver(services: Services, order: Order, domain: RegisteredDomain) -> None:
    if domain.expires_at is None and order.item_as(DomainItem).is_transfer:
        raise ProviderUnavailableError("the registrar does not say when the domain expires")
    zone = zone_of(services, order, domain.nameservers)
    resource = DomainResource(
        nameservers=domain.nameservers,
        zone_id=zone.id if zone else None,
        zone_nameservers=zone.nameservers if zone else (),
        expires_at=domain.expires_at,
        registry_states=domain.states,
    )
    now = services.clock.now()

    def delivered(current: Order) -> Order:
        expires_at = domain.expires_at
        missing = expires_at is not None and current.item_as(DomainItem).year_missing(expires_at, now)
        record = current.domain_record.delivered(expires_at, now, year_missing=missing)
        # The order is due immediately: the reconciler buys the year that a transfer did not bring, and starts
        # the renewal.
        return current.with_domain(record).delivered(resource, None, now, Actor.REGISTRAR).check_at(now)

    order = change_order(services, order, when=OrderStatus.PROCESSING, to=delivered)
    if order.status is not OrderStatus.COMPLETED:
        _report_unwanted_domain(services, order)
    answer_delivery(services, order)
