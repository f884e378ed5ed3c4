"""Order a domain, alone or in a cart. Send a registrant's verification mail again."""

from __future__ import annotations

from hosting_orders import bootstrap
from hosting_orders.contracts.billing_order import requests as billing_order
from hosting_orders.contracts.order_status import domain_requests as order_status
from hosting_orders.contracts.orders_v2 import operations as orders_v2_operations
from hosting_orders.contracts.orders_v2 import requests as orders_v2
from hosting_orders.entrypoints.http import Call, Reply, serves, together
from hosting_orders.entrypoints.orders import place
from hosting_orders.entrypoints.persons import admit_person
from hosting_orders.usecases.changes import find_order
from hosting_orders.usecases.domain_item import admit_domain_orders
from hosting_orders.usecases.key_mode import check_change
from hosting_orders.usecases.place_cart import Placed
from hosting_orders.usecases.ports import Services
from hosting_orders.usecases.verify_registrant import VerificationMail, resend_verification

bootstrap.prepare("directory", "catalogue", "orders", "workflow", "payments")
bootstrap.prepare(
    "cipher", "features", "registrar", "registry_rules", "page_tokens", "quotes", "counts", "key_uses"
)


@serves(orders_v2.ORDER_DOMAIN, order_status.REGISTER_DOMAIN)
def domain(call: Call[Placed], services: Services) -> Reply:
    admit_domain_orders(services, call.caller)
    return place(call, services)


@serves(orders_v2.PLACE_CART)
def cart(call: Call[Placed], services: Services) -> Reply:
    if orders_v2.orders_a_domain(call.request.json()):
        admit_person(call, services)
    return place(call, services)


@serves(billing_order.CREATE_ORDER)
def billing(call: Call[Placed], services: Services) -> Reply:
    if billing_order.orders_a_domain(call.request.json()):
        admit_person(call, services)
    return place(call, services)


@serves(orders_v2_operations.RESEND_VERIFICATION)
def verification(call: Call[VerificationMail], services: Services) -> Reply:
    order = find_order(services, call.account.id, call.parameter("id"))
    check_change(services, call.caller, order)
    return call.answer(resend_verification(services, order))


handler = together(domain, cart, billing, verification)
