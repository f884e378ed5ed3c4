"""Order a site or a virtual machine."""

from __future__ import annotations

from hosting_orders import bootstrap
from hosting_orders.contracts.order_status import requests as order_status
from hosting_orders.contracts.orders_v1 import requests as orders_v1
from hosting_orders.contracts.orders_v2 import requests as orders_v2
from hosting_orders.entrypoints.http import serves
from hosting_orders.entrypoints.orders import place

bootstrap.prepare("directory", "catalogue", "orders", "workflow", "payments", "cipher")
bootstrap.prepare("page_tokens", "quotes", "counts", "key_uses")

handler = serves(orders_v2.PLACE_ORDER, orders_v1.PLACE_ORDER, order_status.PLACE_ORDER)(place)
