"""Read orders, carts, tasks and users, without secrets (contracts 002 and 003)."""

from __future__ import annotations

from hosting_orders import bootstrap
from hosting_orders.contracts.orders_v1 import operations as orders_v1
from hosting_orders.contracts.orders_v2 import operations as orders_v2
from hosting_orders.domain.account import User
from hosting_orders.domain.callback import CallbackDelivery
from hosting_orders.domain.codes import Code
from hosting_orders.domain.errors import InvalidRequestError
from hosting_orders.domain.order import Order
from hosting_orders.entrypoints.http import Call, Reply, serves, together
from hosting_orders.usecases.changes import find_order
from hosting_orders.usecases.list_orders import Listing, list_orders
from hosting_orders.usecases.list_tasks import Task, find_task, list_tasks
from hosting_orders.usecases.ports import Services
from hosting_orders.usecases.show_callbacks import show_callbacks
from hosting_orders.usecases.show_cart import CartView, show_cart
from hosting_orders.usecases.show_user import show_user

bootstrap.prepare("directory", "orders", "counts", "key_uses")


@serves(orders_v2.LIST_ORDERS, orders_v1.LIST_ORDERS)
def orders(call: Call[Listing], services: Services) -> Reply:
    query = call.request.query
    listing = list_orders(
        services,
        call.account,
        page=query.get("page"),
        per_page=query.get("per_page"),
        cursor=query.get("cursor"),
    )
    return call.answer(listing)


@serves(orders_v2.LIST_ORDER_EVENTS)
def events(call: Call[Order], services: Services) -> Reply:
    return call.answer(find_order(services, call.account.id, call.parameter("id")))


@serves(orders_v2.LIST_CALLBACKS)
def callbacks(call: Call[CallbackDelivery | None], services: Services) -> Reply:
    return call.answer(show_callbacks(services, call.caller, call.parameter("id")))


@serves(orders_v2.UPDATE_ORDER)
def update(call: Call[None], services: Services) -> Reply:
    raise InvalidRequestError(
        Code.RESERVED, "PATCH is reserved: an order cannot be changed once it is placed."
    )


@serves(orders_v2.SHOW_CART)
def cart(call: Call[CartView], services: Services) -> Reply:
    return call.answer(show_cart(services, call.caller, call.parameter("token")))


@serves(orders_v2.LIST_TASKS, orders_v1.LIST_TASKS)
def tasks(call: Call[list[Task]], services: Services) -> Reply:
    return call.answer(list_tasks(services, call.caller))


@serves(orders_v2.SHOW_TASK, orders_v1.SHOW_TASK)
def task(call: Call[Task], services: Services) -> Reply:
    return call.answer(find_task(services, call.caller, call.parameter("id")))


@serves(orders_v2.SHOW_SAMPLE_CALLBACK, orders_v1.SHOW_SAMPLE_CALLBACK)
def sample_callback(call: Call[int], services: Services) -> Reply:
    return call.answer(services.clock.now())


@serves(orders_v2.SHOW_USER, orders_v1.SHOW_USER)
def user(call: Call[User], services: Services) -> Reply:
    return call.answer(show_user(services, call.caller, call.parameter("id")))


handler = together(orders, events, callbacks, update, cart, tasks, task, sample_callback, user)
