"""What was ordered, in the words of each product. A further product gets its line in GOODS."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from markupsafe import Markup

from hosting_orders.domain.catalogue import Term
from hosting_orders.domain.order import Order
from hosting_orders.domain.products import DomainItem, ProductKind, SiteItem
from hosting_orders.domain.registration import DomainAction

from .languages import Language


@dataclass(frozen=True, slots=True)
class Goods:
    """`facts` are labels and values; `work` is the step between payment and the end, `under_way` and `ready` are
    headings of the page."""

    facts: tuple[tuple[Markup, str], ...]
    work: Markup
    under_way: Markup
    ready: Markup


def goods_of(order: Order, plan_name: str | None, _: Language) -> Goods:
    return GOODS[order.kind](order, plan_name, _)


def _site(order: Order, plan_name: str | None, _: Language) -> Goods:
    item = order.item_as(SiteItem)
    terms = {Term.MONTHLY: _("1 month"), Term.ANNUAL: _("1 year")}
    return Goods(
        facts=(
            (_("Website"), item.name),
            (_("Plan"), plan_name or item.plan),
            (_("Term"), terms[item.term]),
        ),
        work=_("Setting up"),
        under_way=_("Your website is being set up"),
        ready=_("Your website is ready"),
    )


def _domain(order: Order, plan_name: str | None, _: Language) -> Goods:
    item = order.item_as(DomainItem)
    work, under_way = {
        DomainAction.REGISTER: (_("Registration"), _("Your domain is being registered")),
        DomainAction.TRANSFER: (_("Transfer"), _("Your domain is being transferred")),
    }[item.action]
    return Goods(
        facts=((_("Domain"), item.name), (_("What happens"), work), (_("Term"), _("1 year"))),
        work=work,
        under_way=under_way,
        ready=_("Your domain is ready"),
    )


GOODS: Mapping[ProductKind, Callable[[Order, str | None, Language], Goods]] = {
    ProductKind.SITE: _site,
    ProductKind.DOMAIN: _domain,
}
