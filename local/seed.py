"""Demo data: a small catalogue, and one account for each payment outcome.

The payment methods are Stripe's published test methods, so they work in Stripe's own test mode too.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hosting_orders.adapters.dynamodb.catalogue import DynamoCatalogueStore
from hosting_orders.adapters.dynamodb.directory import DynamoDirectory
from hosting_orders.adapters.system_clock import SystemClock
from hosting_orders.domain.account import (
    Account,
    AccountRole,
    BillingContact,
    Credential,
    CredentialKind,
    SpendCap,
    User,
)
from hosting_orders.domain.catalogue import (
    DomainPrice,
    Image,
    Location,
    Plan,
    PlatformName,
    Term,
    Tld,
    Variant,
    VmPlan,
)
from hosting_orders.usecases.authenticate import hash_key

if TYPE_CHECKING:
    import stripe

    from local.stack import Stack

BILLING_PLAN = "standard"
CURRENCY = "EUR"
SEPA_THAT_SETTLES = "DE89370400440532013000"

LOCATIONS = (
    Location("1", "ams", "Amsterdam"),
    Location("2", "pdx", "Portland", {PlatformName.HTTP: "pdx", PlatformName.LIGHTSAIL: "us-west-2a"}),
)
VARIANTS = (Variant("vanilla"), Variant("extendify"), Variant("migration"))
PLANS = (
    Plan(
        "1",
        "basic",
        "Basic",
        "One WordPress site, 10 GB",
        {
            (BILLING_PLAN, Term.MONTHLY, CURRENCY): 1200,
            (BILLING_PLAN, Term.ANNUAL, CURRENCY): 12000,
        },
    ),
    Plan(
        "2",
        "business",
        "Business",
        "One WordPress site, 50 GB, staging",
        {
            (BILLING_PLAN, Term.MONTHLY, CURRENCY): 2900,
            (BILLING_PLAN, Term.ANNUAL, CURRENCY): 29000,
        },
    ),
)
IMAGES = (
    Image("debian-13", "Debian 13"),
    Image("ubuntu-26-04", "Ubuntu 26.04 LTS"),
    Image("rocky-10", "Rocky Linux 10"),
    Image("debian-12", "Debian 12", {PlatformName.HTTP: "debian-12", PlatformName.LIGHTSAIL: "debian_12"}),
)
VM_PLANS = (
    VmPlan(
        "11",
        "vps-1",
        "VPS 1",
        "1 core, 2 GB of memory, 40 GB of disk, 2 TB of transfer",
        {(BILLING_PLAN, Term.MONTHLY, CURRENCY): 600, (BILLING_PLAN, Term.ANNUAL, CURRENCY): 6000},
        memory_mb=2048,
        disk_gb=40,
        cores=1,
        transfer_gb=2000,
    ),
    VmPlan(
        "12",
        "vps-2",
        "VPS 2",
        "2 cores, 4 GB of memory, 80 GB of disk, 4 TB of transfer",
        {(BILLING_PLAN, Term.MONTHLY, CURRENCY): 1100, (BILLING_PLAN, Term.ANNUAL, CURRENCY): 11000},
        memory_mb=4096,
        disk_gb=80,
        cores=2,
        transfer_gb=4000,
    ),
    VmPlan(
        "13",
        "cloud-1",
        "Cloud 1",
        "2 cores, 2 GB of memory, 60 GB of disk, 3 TB of transfer, at Amazon",
        {(BILLING_PLAN, Term.MONTHLY, CURRENCY): 1900, (BILLING_PLAN, Term.ANNUAL, CURRENCY): 19000},
        memory_mb=2048,
        disk_gb=60,
        cores=2,
        transfer_gb=3000,
        platform=PlatformName.LIGHTSAIL,
        bundle="small_3_0",
    ),
)
# Net prices in cents: the first year, a transfer, each further year.
_TLD_PRICES = {
    "com": (1200, 1200, 1400),
    "net": (1400, 1400, 1600),
    "org": (1300, 1300, 1500),
    "de": (900, 900, 900),
    "nl": (800, 800, 900),
    "eu": (900, 900, 1000),
    "fr": (1100, 1100, 1200),
    "it": (1200, 1200, 1300),
    "es": (1300, 1300, 1400),
    "co.uk": (900, 900, 1000),
    "ca": (1500, 1500, 1600),
    "com.au": (1700, 1700, 1800),
}
TLDS = (
    *[
        Tld(name, {(BILLING_PLAN, CURRENCY): DomainPrice(*prices)})
        for name, prices in _TLD_PRICES.items()
        if name != "com"
    ],
    Tld(
        "com",
        {(BILLING_PLAN, CURRENCY): DomainPrice(*_TLD_PRICES["com"])},
        # The only premium domain that we sell.
        {("premium-for-sale.com", BILLING_PLAN, CURRENCY): DomainPrice(250_000, 250_000, 1400)},
    ),
    # The demo accounts cannot order this TLD, because their billing plan has no price for it.
    Tld("info", {("reseller", CURRENCY): DomainPrice(700, 700, 700)}),
)


@dataclass(frozen=True, slots=True)
class DemoAccount:
    """An account named after its payment outcome.

    `credit` is in cents. `customer` says whether Stripe has a customer for the account.
    """

    name: str
    title: str
    payment_method: str | None
    credit: int = 0
    trial: bool = False
    customer: bool = True
    locale: str = "en"
    contact: BillingContact = field(
        default_factory=lambda: BillingContact(
            name="Demo Customer",
            email="demo@example.com",
            street="Keizersgracht 1",
            post_code="1015 CJ",
            city="Amsterdam",
            country="NL",
        )
    )


ACCOUNTS = (
    DemoAccount("ready", "Card succeeds", "pm_card_visa"),
    DemoAccount("credit", "Part paid by credit", "pm_card_visa", credit=500),
    DemoAccount("no_method", "No saved payment method", None),
    DemoAccount("authentication_required", "Card wants 3-D Secure", "pm_card_authenticationRequired"),
    DemoAccount("declined_recoverable", "Card declined, another may work", "pm_card_chargeCustomerFail"),
    DemoAccount("declined_final", "Card blocked as fraudulent", "pm_card_radarBlock"),
    DemoAccount("sepa", "SEPA direct debit", "sepa_debit"),
    DemoAccount("no_customer", "Has never paid", None, customer=False),
    DemoAccount("dutch", "Dutch, no saved payment method", None, locale="nl"),
    DemoAccount("trial", "Trial account", "pm_card_visa", trial=True),
)

_KEYS = (
    ("user_key", CredentialKind.USER, 2, ()),
    ("user_key_v1", CredentialKind.USER, 1, ()),
    ("system_key", CredentialKind.SYSTEM, 2, ()),
    ("api_key_000", CredentialKind.USER, 2, ("vps:provision", "domains:provision")),
    ("api_key_000_domains", CredentialKind.USER, 2, ("domains:provision",)),
    ("api_key_001", CredentialKind.USER, 2, ()),
    ("agent_key", CredentialKind.USER, 2, ("vps:provision", "domains:provision")),
)
# An agent can order only with a spend cap.
_SPEND_CAPS = {"agent_key": SpendCap(CURRENCY, day=5_000, month=20_000)}


def seed(stack: Stack) -> dict[str, dict[str, str]]:
    """Fill a new stack with demo data. Returns each account's id and API keys."""
    import stripe

    addresses: Any = {"api": stack.stripe} if stack.stripe else {}
    client = stripe.StripeClient(stack.stripe_api_key, base_addresses=addresses)
    customers = {account.name: create_customer(client, account) for account in ACCOUNTS if account.customer}
    return seed_table(stack.aws.client("dynamodb"), stack.table, customers)


def create_customer(client: stripe.StripeClient, account: DemoAccount) -> str:
    """Create a customer at Stripe with a default payment method and credit, and return the id."""
    contact = account.contact
    customer = client.v1.customers.create(
        {
            "name": account.title,
            "email": contact.email,
            "balance": -account.credit,
            "address": {
                "line1": contact.street,
                "postal_code": contact.post_code,
                "city": contact.city,
                "country": contact.country,
            },
            "metadata": {"demo_account": account.name},
        }
    )
    if account.payment_method is None:
        return customer.id
    if account.payment_method == "sepa_debit":
        debit = client.v1.payment_methods.create(
            {
                "type": "sepa_debit",
                "sepa_debit": {"iban": SEPA_THAT_SETTLES},
                "billing_details": {"name": contact.name, "email": contact.email},
            }
        )
        method = save_debit(client, customer.id, debit.id)
    else:
        method = client.v1.payment_methods.attach(account.payment_method, {"customer": customer.id}).id
    client.v1.customers.update(customer.id, {"invoice_settings": {"default_payment_method": method}})
    return customer.id


def save_debit(client: stripe.StripeClient, customer_id: str, method_id: str) -> str:
    """Save the SEPA debit with a mandate, and return the payment method's id.

    Without a mandate, Stripe debits nothing.
    """
    saved = client.v1.setup_intents.create(
        {
            "customer": customer_id,
            "payment_method": method_id,
            "allowed_payment_method_types": ["sepa_debit"],
            "usage": "off_session",
            "confirm": True,
            "mandate_data": {
                "customer_acceptance": {
                    "type": "online",
                    "online": {"ip_address": "203.0.113.7", "user_agent": "Hosting Orders demo"},
                }
            },
        }
    )
    return str(saved.payment_method)


def seed_table(dynamodb: Any, table: str, customers: dict[str, str]) -> dict[str, dict[str, str]]:
    """Write the data to the table, which gets only the hashes of the keys. Returns the keys themselves."""
    catalogue = DynamoCatalogueStore(dynamodb, table, SystemClock())
    for location in LOCATIONS:
        catalogue.put_location(location)
    for variant in VARIANTS:
        catalogue.put_variant(variant)
    for plan in PLANS:
        catalogue.put_plan(plan)
    for vm_plan in VM_PLANS:
        catalogue.put_plan(vm_plan)
    for image in IMAGES:
        catalogue.put_image(image)
    for tld in TLDS:
        catalogue.put_tld(tld)
    directory = DynamoDirectory(dynamodb, table)
    return {
        account.name: _seed_account(directory, account, customers.get(account.name)) for account in ACCOUNTS
    }


def _seed_account(directory: DynamoDirectory, demo: DemoAccount, customer_id: str | None) -> dict[str, str]:
    now = time.time_ns() // 1_000_000
    account_id, user_id = f"acc_{demo.name}", f"usr_{demo.name}"
    directory.put_user(
        User(
            id=user_id,
            first_name="Demo",
            last_name=demo.name.replace("_", " ").title(),
            email=demo.contact.email,
            locale=demo.locale,
            account_brand_id=1,
            created_at=now,
            updated_at=now,
            account_ids=(account_id,),
        )
    )
    directory.put_account(
        Account(
            id=account_id,
            name=demo.title,
            currency=CURRENCY,
            billing_plan=BILLING_PLAN,
            created_at=now,
            updated_at=now,
            stripe_customer_id=customer_id,
            billing_contact=demo.contact,
            is_trial=demo.trial,
            trial_start=now if demo.trial else None,
            trial_end=now + 14 * 86_400_000 if demo.trial else None,
            nameservers=("ns1.example.net", "ns2.example.net"),
            roles=(AccountRole(user_id, "owner", "Owner", True, now, now),),
        )
    )
    keys = {}
    for name, kind, version, scopes in _KEYS:
        secret = f"sq_test_{secrets.token_hex(32)}"
        directory.put_credential(
            Credential(
                key_hash=hash_key(secret),
                prefix=secret[:14],
                kind=kind,
                account_ids=(account_id,),
                user_id=user_id if kind is CredentialKind.USER else None,
                api_version=version,
                scopes=frozenset(scopes),
                name=f"Demo: {name}",
                test=True,
                spend_cap=_SPEND_CAPS.get(name),
                id=f"key_{secrets.token_hex(12)}",
                created_at=now,
            )
        )
        keys[name] = secret
    return {"id": account_id, **keys}
