"""A domain, delivered by the registrar."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hosting_orders.domain import deadlines
from hosting_orders.domain.account import Account
from hosting_orders.domain.catalogue import Catalogue
from hosting_orders.domain.errors import DomainRefusedError, ProviderUnavailableError
from hosting_orders.domain.order import Order
from hosting_orders.domain.products import Item
from hosting_orders.domain.registration import RegistrarOperation, RegistrarStatus, SealedContacts

from ..domain_item import (
    DomainDraft,
    DomainRequest,
    domain_taken,
    draft_domain,
    settle_domains,
)
from ..left_domains import release_departed_domain
from ..log import log
from ..ports import Services
from ..register_domain import ask_registrar, deliver_if_ours, record_registration, registrar_verdict
from ..sealed_contacts import auth_code_context, seal_contacts
from ..unpaid_domains import check_unpaid_domains
from .fulfilment import Verdict

_VERDICTS = {
    RegistrarStatus.RUNNING: Verdict.RUNNING,
    RegistrarStatus.SUCCEEDED: Verdict.DELIVERED,
    RegistrarStatus.FAILED: Verdict.FAILED,
}


class DomainFulfilment:
    def draft(
        self,
        services: Services,
        catalogue: Catalogue,
        account: Account,
        request: DomainRequest,
        pointer: str,
    ) -> DomainDraft:
        return draft_domain(services, catalogue, account, request, pointer)

    def settle(
        self, services: Services, account: Account, drafts: Sequence[DomainDraft]
    ) -> Sequence[DomainDraft]:
        check_unpaid_domains(services, account, drafts)
        return settle_domains(services, services.catalogue.load(), account, drafts)

    def sealed(
        self, services: Services, account_id: str, number: int, draft: DomainDraft
    ) -> tuple[Item, Sequence[SealedContacts]]:
        item = draft.item
        release_departed_domain(services, item.ascii_name)
        if draft.auth_code:
            context = auth_code_context(account_id, number)
            item = replace(item, sealed_auth_code=services.cipher.seal(draft.auth_code, context))
        return item, [seal_contacts(services, account_id, number, draft.contacts)]

    def lost(self, draft: DomainDraft) -> DomainRefusedError:
        return domain_taken(draft)

    def ask(self, services: Services, order: Order) -> None:
        stuck_at = (order.provisioning_at or services.clock.now()) + deadlines.SUBMISSION_STUCK
        if order.operation_id is None and services.clock.now() >= stuck_at:
            services.metrics.count("RegistrationStuck")
            log.error(
                "a paid domain could not be ordered at the registrar yet", extra={"order_id": order.uuid}
            )
        ask_registrar(services, order)

    def verdict(self, services: Services, order: Order) -> Verdict:
        try:
            operation = registrar_verdict(services, order)
        except ProviderUnavailableError:
            if deliver_if_ours(services, order):
                return Verdict.DELIVERED
            raise
        if operation is None or self._too_late(services, order, operation):
            if deliver_if_ours(services, order):
                return Verdict.DELIVERED
            if operation is None:
                return Verdict.NOT_ASKED
        return _VERDICTS[record_registration(services, order, operation)]

    def _too_late(self, services: Services, order: Order, operation: RegistrarOperation) -> bool:
        ends_at = (order.provisioning_at or services.clock.now()) + order.item.deadline()
        return operation.status is RegistrarStatus.RUNNING and services.clock.now() >= ends_at

    def abandoned(self, services: Services, order: Order) -> None:
        # The registrar may still register the domain after the refund. An operator must check this.
        services.metrics.count("RegistrationAbandoned")
        log.error("the registrar did not finish in time", extra={"order_id": order.uuid})

    def committed(self, order: Order) -> object | None:
        submission = order.domain_record.submission
        return (submission, order.operation_id) if submission is not None else None

    def take_back(self, services: Services, order: Order) -> None:
        """A registered domain cannot be returned."""
