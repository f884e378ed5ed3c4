"""What a product must know to be sold: the rest of the system asks it, and asks for no product's kind."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import ClassVar, Protocol, TypeVar

from hosting_orders.domain.account import Account
from hosting_orders.domain.catalogue import Catalogue
from hosting_orders.domain.errors import HostingOrdersError
from hosting_orders.domain.order import Order
from hosting_orders.domain.products import Item, ProductKind
from hosting_orders.domain.registration import SealedContacts

from ..drafts import Draft
from ..ports import Services

RequestT_contra = TypeVar("RequestT_contra", contravariant=True)
DraftT = TypeVar("DraftT", bound=Draft)


class ProductRequest(Protocol):
    """One product as the client asked for it."""

    KIND: ClassVar[ProductKind]


class Verdict(StrEnum):
    """What became of an order whose delivery began."""

    DELIVERED = "delivered"
    FAILED = "failed"
    RUNNING = "running"
    NOT_ASKED = "not_asked"  # the provider was never asked, or never accepted the order


class Fulfilment(Protocol[RequestT_contra, DraftT]):
    """How the orders of one kind are checked, delivered, asked about and taken back."""

    def draft(
        self,
        services: Services,
        catalogue: Catalogue,
        account: Account,
        request: RequestT_contra,
        pointer: str,
    ) -> DraftT:
        """Check what the request says, and price it. Nothing is written, and no provider is asked.

        Raises InvalidFieldsError or InvalidRequestError (400), with pointers below the item.
        """
        ...

    def settle(self, services: Services, account: Account, drafts: Sequence[DraftT]) -> Sequence[DraftT]:
        """Ask the provider whether all these can be delivered, before any money moves.

        Called once a cart, when the account can be charged. Raises DomainRefusedError or ContactsRefusedError (422)
        with the first draft's reason, or ProviderUnavailableError.
        """
        ...

    def sealed(
        self, services: Services, account_id: str, number: int, draft: DraftT
    ) -> tuple[Item, Sequence[SealedContacts]]:
        """The item as it is stored, and contacts to be stored beside it: each secret is encrypted from here on."""
        ...

    def lost(self, draft: DraftT) -> HostingOrdersError:
        """The refusal when another order got what this one claims, after it was checked."""
        ...

    def ask(self, services: Services, order: Order) -> None:
        """Ask the provider for the product, or what became of it if it was asked before, and write that down.

        Called while the order is being delivered, as often as it is due. Raises ProvisioningFailedError when it is
        refused for good (the order is being refunded by then), ProviderUnavailableError when nothing certain is
        known.
        """
        ...

    def verdict(self, services: Services, order: Order) -> Verdict:
        """Find out what became of a delivery that is to be given up, and write down a product that is there.

        RUNNING: it cannot be stopped. The caller waits, until the product's deadline. Raises ProviderUnavailableError
        when the outcome cannot be known now.
        """
        ...

    def abandoned(self, services: Services, order: Order) -> None:
        """Its deadline has passed and the provider has not delivered: report what an operator must know."""
        ...

    def committed(self, order: Order) -> object | None:
        """What the provider was asked for and cannot take back, or None. The value changes when another process asks
        the provider or records its answer."""
        ...

    def take_back(self, services: Services, order: Order) -> None:
        """Take down what may be there, before the money goes back. Repeating it changes nothing."""
        ...
