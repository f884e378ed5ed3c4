"""The order page's texts for each product."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from markupsafe import Markup

from hosting_orders.contracts.shown import FOR_CUSTOMERS
from hosting_orders.domain.catalogue import Term
from hosting_orders.domain.order import Order
from hosting_orders.domain.products import DomainItem, ProductKind, SiteItem, VmItem
from hosting_orders.domain.registration import DomainAction

from .languages import Language

if TYPE_CHECKING:
    from hosting_orders.usecases.show_order_page import CatalogueNames


@dataclass(frozen=True, slots=True)
class Goods:
    facts: tuple[tuple[Markup, str], ...]
    work: Markup
    under_way: Markup
    ready: Markup
    task: Markup  # what the customer must know or do


def goods_of(order: Order, names: CatalogueNames, _: Language) -> Goods:
    return GOODS[order.kind](order, names, _)


def _term(term: Term, _: Language) -> Markup:
    return {Term.MONTHLY: _("1 month"), Term.ANNUAL: _("1 year")}[term]


def _site(order: Order, names: CatalogueNames, _: Language) -> Goods:
    item = order.item_as(SiteItem)
    return Goods(
        facts=(
            (_("Website"), item.name),
            (_("Plan"), names.plan or item.plan),
            (_("Term"), _term(item.term, _)),
        ),
        work=_("Setting up"),
        under_way=_("Your website is being set up"),
        ready=_("Your website is ready"),
        task=_("You do not have to do anything."),
    )


def _vm(order: Order, names: CatalogueNames, _: Language) -> Goods:
    item = order.item_as(VmItem)
    return Goods(
        facts=(
            (_("Server"), item.hostname),
            (_("Plan"), names.plan or item.plan),
            (_("Operating system"), names.image or item.image),
            (_("Term"), _term(item.term, _)),
        ),
        work=_("Setting up"),
        under_way=_("Your server is being set up"),
        ready=_("Your server is ready"),
        task=_("You do not have to do anything."),
    )


def _domain(order: Order, names: CatalogueNames, _: Language) -> Goods:
    item = order.item_as(DomainItem)
    nothing = _("You do not have to do anything.")
    release = _("Your current provider has to release the domain, which takes about five days.")
    work, under_way, task = {
        DomainAction.REGISTER: (_("Registration"), _("Your domain is being registered"), nothing),
        DomainAction.TRANSFER: (_("Transfer"), _("Your domain is being transferred"), release),
    }[item.action]
    if order.domain_record.flag in FOR_CUSTOMERS:
        under_way = _("Please confirm your domain")
        task = _("Open the message that was sent to the domain owner's e-mail address, and follow its link.")
    return Goods(
        facts=((_("Domain"), item.name), (_("What happens"), work), (_("Term"), _("1 year"))),
        work=work,
        under_way=under_way,
        ready=_("Your domain is ready"),
        task=task,
    )


GOODS: dict[ProductKind, Callable[[Order, CatalogueNames, Language], Goods]] = {
    ProductKind.SITE: _site,
    ProductKind.DOMAIN: _domain,
    ProductKind.VM: _vm,
}
