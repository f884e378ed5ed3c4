"""The order's page as HTML."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from hosting_orders.domain.deadlines import outlook
from hosting_orders.domain.ids import placed_at
from hosting_orders.domain.money import Money
from hosting_orders.domain.placement import Outcome

from .goods import goods_of
from .languages import LANGUAGES, Language, preferred
from .outlooks import words_of
from .progress import Mark, steps_of
from .style import STYLE

if TYPE_CHECKING:
    from hosting_orders.contracts.problem import Problem
    from hosting_orders.usecases.show_order_page import KnownOrder, OrderPageView

# Seconds between refreshes of the page.
SHORTEST_REFRESH, LONGEST_REFRESH = 5, 60
# Seconds between refreshes while the order cannot be read.
UNREADABLE_REFRESH = 10

_environment = Environment(
    loader=PackageLoader("hosting_orders.contracts.order_page"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_environment.globals["style"] = Markup(STYLE)  # noqa: S704 (our own file)
# Compile all templates at import, including the base that the others extend.
_environment.get_template("base.html")
_ORDER = _environment.get_template("order.html")
_UNREADABLE = _environment.get_template("unreadable.html")
_PROBLEM = _environment.get_template("problem.html")


def order_page(view: OrderPageView) -> str:
    _ = language_of(view)
    if view.known is None:
        placed = _.moment(placed_at(view.number))
        return _UNREADABLE.render(_=_, number=view.number, placed=placed, refresh=UNREADABLE_REFRESH)
    known = view.known
    goods = goods_of(known.order, known.names, _)
    return _ORDER.render(
        _=_,
        number=known.order.number,
        words=words_of(known, view.outcome, view.now, goods, _),
        steps=steps_of(known.order, known.cart, goods, _),
        marks={
            Mark.DONE: _("done"),
            Mark.NOW: _("now"),
            Mark.AHEAD: _("still to come"),
            Mark.WRONG: _("not successful"),
        },
        facts=[*goods.facts, (_("Amount"), _amount(known, _))],
        since=None if view.current else known.read_at,
        refresh=refresh_of(view),
    )


def problem_page(problem: Problem) -> str:
    _ = preferred(problem.accepts)
    if problem.status == 404:
        title = _("This page does not exist")
        text = _("The address may be incomplete, or the order ended more than 30 days ago.")
    elif problem.status == 503:
        title = _("We cannot show your order right now")
        text = _("Nothing is lost: your order goes on. Try again in a moment.")
    else:
        title = _("Something went wrong")
        text = _("The mistake is on our side, and nothing is lost. Try again in a moment.")
    return _PROBLEM.render(_=_, title=title, text=text)


def headers_of(view: OrderPageView) -> Mapping[str, str]:
    seconds = refresh_of(view)
    return {
        "Content-Language": language_of(view).code,
        **({"Refresh": str(seconds)} if seconds is not None else {}),
        **({"Retry-After": str(seconds)} if view.known is None else {}),
    }


def refresh_of(view: OrderPageView) -> int | None:
    """Seconds until the next refresh. None if the order has ended."""
    if view.known is None:
        return UNREADABLE_REFRESH
    ahead = outlook(view.known.order, view.known.cart)
    if view.outcome is Outcome.SUCCESS and view.known.cart.payment.pay_url is not None:
        return SHORTEST_REFRESH  # the customer has just paid, and the webhook is on its way
    return min(max(ahead.poll_after, SHORTEST_REFRESH), LONGEST_REFRESH) if ahead else None


def language_of(view: OrderPageView) -> Language:
    return LANGUAGES[view.known.language] if view.known else preferred(view.accepts)


def _amount(known: KnownOrder, _: Language) -> str:
    order = known.order
    gross = known.cart.payment.gross_of(order)
    if gross is None:
        return _("%(amount)s, plus tax if any", amount=_.money(order.price))
    amount = _.money(Money(gross, order.price.currency))
    return _("%(amount)s including tax", amount=amount) if gross > order.price.amount else amount
