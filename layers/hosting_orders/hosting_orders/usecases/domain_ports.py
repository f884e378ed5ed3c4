"""The ports for domains: the rules of registries, the registrar, and DNS zones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from hosting_orders.domain.money import Money
from hosting_orders.domain.registration import (
    Augmentation,
    Contact,
    ContactRole,
    DomainAction,
    DomainName,
    DomainOffer,
    Expiry,
    RegisteredDomain,
    RegistrarOperation,
    RegistrationRequest,
    TldRules,
    Upkeep,
    Verification,
    Violation,
    Zone,
)


class RegistryRules(Protocol):
    """No check calls a server."""

    def known(self) -> Sequence[str]:
        """TLDs in ASCII."""
        ...

    def parse_name(self, text: str) -> DomainName:
        """Return the domain in its normal form.

        Raises InvalidRequestError `invalid_domain` or `unsupported_tld`.
        """
        ...

    def rules(self, tld: str) -> TldRules | None:
        """Accepts the ASCII or Unicode spelling. None when there are no rules."""
        ...

    def read_contact(self, given: Mapping[str, object]) -> Contact:
        """Check the rules common to all registries.

        Raises InvalidFieldsError with `incomplete_contact` or `invalid_contact` per field. Pointers are
        relative to the contact ("/email").
        """
        ...

    def check_contact(
        self, tld: str, contact: Contact, role: ContactRole
    ) -> tuple[list[Violation], list[Augmentation]]:
        """Return what this TLD rejects in the contact, and which further fields it needs."""
        ...


class Registrar(Protocol):
    """Raises ProvisioningFailedError for a final refusal and ProviderUnavailableError for an unclear outcome."""

    @property
    def costs_money(self) -> bool:
        """False at a stand-in."""
        ...

    def availability(self, name: str) -> DomainOffer: ...

    def transferability(self, name: str, auth_code: str | None) -> DomainOffer: ...

    def submit(self, request: RegistrationRequest) -> str:
        """Submit the registration or transfer at most once and return the operation's id.

        Raises RegistrationRefusedError if the registrar refuses, or if domains cost money and the request is not `live`
        (the customer did not pay with real money). After ProviderUnavailableError the operation may exist, so call
        `find` before you retry. AlreadyOrderedError names the operation in progress.
        """
        ...

    def renewal_cost(self, tld: str) -> Money | None:
        """The registrar's current price of a further year, or None when it names no price."""
        ...

    def renew(self, name: str, current_expiry_year: int, max_cost: Money | None = None, *, live: bool) -> str:
        """Renew the domain for one year and return the operation's id. Raises the errors of `submit`.

        The registrar renews only a domain that expires in `current_expiry_year` (UTC), so a repeated call never
        renews twice. If the registrar demands consent to its price, as for a premium domain, we consent to at most
        `max_cost`. Without `max_cost` such a renewal is refused. `live`: the customer paid with real money.
        """
        ...

    def find(self, name: str, action: DomainAction | Upkeep, since: int) -> list[RegistrarOperation]:
        """Return this domain's operations submitted since `since` (epoch ms of the registrar's clock), newest first."""
        ...

    def operation(self, operation_id: str) -> RegistrarOperation | None: ...

    def verification(self, name: str) -> Verification: ...

    def resend_verification(self, name: str) -> bool:
        """Returns False when the address is already confirmed."""
        ...

    def domain(self, name: str) -> RegisteredDomain | None:
        """Return the domain if it is in our account."""
        ...

    def expiring(self, before: int) -> list[Expiry]:
        """Return our domains that expire before this moment (epoch ms), the earliest first."""
        ...


class KnownOffers(Protocol):
    """The registrar's recent answers about availability, shared by all accounts."""

    def recent(self, names: Sequence[str], since: int) -> dict[str, DomainOffer]:
        """`since` is epoch ms."""
        ...

    def keep(self, name: str, offer: DomainOffer, now: int) -> None: ...


class Zones(Protocol):
    def ensure(self, name: str, reference: str, nameservers: Sequence[str]) -> Zone:
        """Return the domain's public zone, and create it if there is none.

        An existing zone is accepted only if it has these `nameservers` or was created with `reference` (the order's
        UUID). This excludes the zone of an earlier owner. One `reference` creates at most one zone.
        """
        ...

    def remove_empty(self, name: str, zone_id: str) -> bool:
        """Delete the zone if it was made for an order and is empty. Returns whether it no longer exists."""
        ...
