"""How each product is checked, delivered and taken back."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import ClassVar, Protocol, TypeVar

from hosting_orders.domain.account import Account
from hosting_orders.domain.catalogue import Catalogue
from hosting_orders.domain.errors import HostingOrdersError
from hosting_orders.domain.order import Order
from hosting_orders.domain.products import Deliverer, Item, ProductKind
from hosting_orders.domain.registration import SealedContacts

from ..drafts import Draft
from ..ports import Services

RequestT_contra = TypeVar("RequestT_contra", contravariant=True)
DraftT = TypeVar("DraftT", bound=Draft)


class ProductRequest(Protocol):
    KIND: ClassVar[ProductKind]
    DELIVERER: ClassVar[Deliverer]


class Verdict(StrEnum):
    DELIVERED = "delivered"
    FAILED = "failed"
    RUNNING = "running"
    NOT_ASKED = "not_asked"  # the provider was never called, or accepted no call


class Fulfilment(Protocol[RequestT_contra, DraftT]):
    def draft(
        self,
        services: Services,
        catalogue: Catalogue,
        account: Account,
        request: RequestT_contra,
        pointer: str,
    ) -> DraftT:
        """Check and price the request, without provider calls.

        Raises InvalidFieldsError or InvalidRequestError (400), with pointers relative to the item.
        """
        ...

    def settle(self, services: Services, account: Account, drafts: Sequence[DraftT]) -> Sequence[DraftT]:
        """Check a cart's drafts with the provider, before the charge.

        Raises InvalidRequestError, DomainRefusedError, ContactsRefusedError or ProviderUnavailableError.
        """
        ...

    def sealed(
        self, services: Services, account_id: str, number: int, draft: DraftT
    ) -> tuple[Item, Sequence[SealedContacts]]:
        """Return the item and contacts to store, with every secret encrypted."""
        ...

    def lost(self, draft: DraftT) -> HostingOrdersError:
        """Return the error to raise if another order took the draft's claim."""
        ...

    def ask(self, services: Services, order: Order) -> None:
        """Order the product at the provider, or check its delivery. Called whenever our order is due.

        Raises ProvisioningFailedError after a final refusal, or ProviderUnavailableError if the outcome is
        unknown.
        """
        ...

    def verdict(self, services: Services, order: Order) -> Verdict:
        """Return the outcome of a delivery that is about to be abandoned. Record a delivered product.

        RUNNING means that the delivery cannot be stopped. Raises ProviderUnavailableError.
        """
        ...

    def abandoned(self, services: Services, order: Order) -> None:
        """Report to the operators that the deadline has passed."""
        ...

    def committed(self, order: Order) -> object | None:
        """Return what was ordered at the provider and cannot be taken back, or None.

        The value changes when a process calls the provider or records the response.
        """
        ...

    def take_back(self, services: Services, order: Order) -> None:
        """Take down a product that may exist. Can be repeated."""
        ...
