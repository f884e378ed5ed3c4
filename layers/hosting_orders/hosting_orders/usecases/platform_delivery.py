"""Delivery by a hosting platform (docs/order-life.md).

A service's id is its order's UUID, so a repeated request builds nothing twice.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from hosting_orders.domain import deadlines
from hosting_orders.domain.errors import ProviderUnavailableError, ProvisioningFailedError
from hosting_orders.domain.ids import parse_order_id
from hosting_orders.domain.order import Actor, Failure, Order, OrderStatus
from hosting_orders.domain.products import Resource
from hosting_orders.domain.providers import Operation, OperationStatus, ServiceRequest

from .changes import change_order, load_order
from .delivery import answer_delivery, undeliverable
from .log import log
from .ports import Services
from .products.fulfilment import Verdict

_WANTED = frozenset({OrderStatus.PROCESSING, OrderStatus.COMPLETED})


class PlatformFulfilment(ABC):
    @abstractmethod
    def service_request(self, order: Order) -> ServiceRequest:
        """The result never changes for an order and contains no secrets."""

    def request_to_build(self, services: Services, order: Order) -> ServiceRequest:
        return self.service_request(order)

    @abstractmethod
    def resource(self, services: Services, order: Order, operation: Operation) -> Resource | None:
        """The product with its secrets encrypted, or None if the operation lacks it."""

    def ask(self, services: Services, order: Order) -> None:
        try:
            operation = services.platform.provision(self.request_to_build(services, order))
        except ProvisioningFailedError as refusal:
            failure = Failure("provisioning_refused", str(refusal))
            undeliverable(services, order, failure, Actor.PLATFORM)
            raise
        except ProviderUnavailableError:
            _report_if_stuck(services, order, order.provisioning_at)
            raise
        self._note(services, order, operation)
        if operation.status is OperationStatus.RUNNING:
            self._take_down_unless_wanted(services, order)
        else:
            self._record_anew(services, operation)

    def _note(self, services: Services, order: Order, operation: Operation) -> None:
        check_at = deadlines.delivery_check(order, services.clock.now())
        asked_again = operation.status is OperationStatus.RUNNING and not order.item.is_reported()

        def noted(current: Order) -> Order:
            if current.operation_id != operation.id:
                current = current.submitted(operation.id)
            sooner = current.due_at is None or current.due_at > check_at
            return current.check_at(check_at) if asked_again and sooner else current

        change_order(services, order, when=OrderStatus.PROCESSING, to=noted)

    def _take_down_unless_wanted(self, services: Services, order: Order) -> None:
        # While we called the platform, another process may have ended the order and deleted its service. A platform
        # that forgets deleted services then builds the service again for our call, so we delete it again.
        current = load_order(services, order.account_id, order.number)
        if current.status not in _WANTED:
            services.platform.deprovision(self.service_request(current))

    def record(self, services: Services, order: Order, operation: Operation) -> None:
        """Record an ended operation. Can be repeated."""
        superseded = order.operation_id not in (None, operation.id)
        if (
            operation.status is OperationStatus.FAILED
            and superseded
            and order.status is OrderStatus.PROCESSING
        ):
            return  # the failed operation is old: a newer operation has replaced it
        if operation.status is OperationStatus.FAILED:
            failure = Failure(
                operation.error_code or "provisioning_failed",
                operation.error_message or f"The platform could not deliver the {order.kind}.",
            )
            order = undeliverable(services, order, failure, Actor.PLATFORM)
        elif order.status is OrderStatus.PROCESSING:
            order = self._complete(services, order, operation)
        if order.status is not OrderStatus.COMPLETED and operation.status is OperationStatus.SUCCEEDED:
            # The money was returned or is being returned, so the product must not stay.
            services.platform.deprovision(self.service_request(order))
        answer_delivery(services, order)

    def _record_anew(self, services: Services, operation: Operation) -> None:
        order = order_of(services, operation)
        if order is not None:
            self.record(services, order, operation)

    def _complete(self, services: Services, order: Order, operation: Operation) -> Order:
        resource = self.resource(services, order, operation)
        if resource is None:
            return order
        now = services.clock.now()
        return change_order(
            services,
            order,
            when=OrderStatus.PROCESSING,
            to=lambda current: current.delivered(resource, None, now).check_at(now),  # starts the renewal
        )

    def verdict(self, services: Services, order: Order) -> Verdict:
        """Never returns RUNNING. An unfinished service counts as FAILED, because it can be taken down."""
        if order.operation_id is None:
            return Verdict.NOT_ASKED
        operation = services.platform.operation(order.operation_id)
        if operation is None or operation.status is not OperationStatus.SUCCEEDED:
            return Verdict.FAILED
        self._record_anew(services, operation)
        return Verdict.DELIVERED

    def abandoned(self, services: Services, order: Order) -> None:
        log.warning("the platform has not delivered in time", extra={"order_id": order.uuid})

    def committed(self, order: Order) -> object | None:
        return None  # a service can always be taken back

    def take_back(self, services: Services, order: Order) -> None:
        if order.provisioning_at is None:
            return
        try:
            services.platform.deprovision(self.service_request(order))
        except ProviderUnavailableError:
            _report_if_stuck(services, order, order.since)
            raise


def _report_if_stuck(services: Services, order: Order, since: int | None) -> None:
    if since is not None and services.clock.now() >= since + deadlines.SUBMISSION_STUCK:
        services.metrics.count("PlatformStuck")
        log.error("the platform has given no usable answer for an order", extra={"order_id": order.uuid})


def order_of(services: Services, operation: Operation) -> Order | None:
    if operation.status is OperationStatus.RUNNING:
        return None
    account_id, _, order_id = operation.reference.rpartition("/")
    number = parse_order_id(order_id)
    order = None
    if number is not None and account_id and order_id == operation.item_id:
        order = services.orders.order(account_id, number)
    if order is None:
        log.warning("operation of an unknown order", extra={"operation_id": operation.id})
    return order
