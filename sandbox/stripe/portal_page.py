"""The customer portal as a page: cards, subscriptions, invoices."""

from html import escape

from starlette.responses import Response

from sandbox.stripe import portal
from sandbox.stripe.meters import is_metered
from sandbox.stripe.page_parts import back, button, card, card_form, day, money, page
from sandbox.stripe.store import Object
from sandbox.stripe.subscriptions import period_of
from sandbox.stripe.world import World


def show(world: World, session: Object, *, problem: str = "", status: int = 200) -> Response:
    customer = world.named("customer", session["customer"])
    content = f"<p>{escape(customer['email'] or '')}</p>"
    content += _subscriptions(world, session) + _cards(world, session, customer) + _invoices(world, session)
    content += back(session["return_url"], "Return")
    return page("Your billing", content, problem=problem, status=status, wide=True)


def _subscriptions(world: World, session: Object) -> str:
    rows = "".join(_subscription(world, session, each) for each in portal.running(world, session["customer"]))
    content = f"<ul>{rows}</ul>" if rows else '<p class="quiet">Nothing is running.</p>'
    return f"<h2>Subscription</h2>{content}"


def _subscription(world: World, session: Object, subscription: Object) -> str:
    names = ", ".join(
        str(world.named("product", item["price"]["product"])["name"]) + _counted(item)
        for item in subscription["items"]["data"]
    )
    ends = subscription["cancel_at_period_end"]
    what = "ends on" if ends else "renews on"
    content = f'<span>{escape(names)} <span class="badge">{subscription["status"].replace("_", " ")}</span><br>'
    content += f'<span class="quiet">{what} {day(period_of(subscription)[1])}</span></span>'
    if portal.allows(world, session, "subscription_cancel"):
        content += (
            button("Keep it", "renew", subscription["id"]) if ends else button("Cancel", "cancel", subscription["id"])
        )
    return f"<li>{content}</li>"


def _counted(item: Object) -> str:
    if is_metered(item):
        return " (by use)"
    return f" × {item['quantity']}" if item["quantity"] > 1 else ""


def _cards(world: World, session: Object, customer: Object) -> str:
    methods, default = portal.cards(world, customer)
    may_change = portal.allows(world, session, "payment_method_update")
    rows = ""
    for method in methods:
        is_default = method["id"] == default
        expires = f"{method['card']['exp_month']:02}/{method['card']['exp_year']}"
        content = f'<span>{card(method)} <span class="quiet">expires {expires}</span>'
        content += ' <span class="badge">Default</span></span>' if is_default else "</span>"
        if may_change and not is_default:
            content += button("Use this card", "use", method["id"])
        if may_change and portal.may_be_removed(world, customer, method["id"]):
            content += button("Remove", "remove", method["id"])
        rows += f"<li>{content}</li>"
    content = f"<ul>{rows}</ul>" if rows else '<p class="quiet">No card is on file.</p>'
    return f"<h2>Cards</h2>{content}" + (card_form("Add this card and use it") if may_change else "")


def _invoices(world: World, session: Object) -> str:
    if not portal.allows(world, session, "invoice_history"):
        return ""
    found = [each for each in world.store.find("invoice", customer=session["customer"]) if each["number"] is not None]
    rows = "".join(
        f"<li><span>{day(each['created'])}<br>"
        f'<a href="{escape(each["hosted_invoice_url"] or "")}">{escape(each["number"])}</a></span>'
        f'<span class="badge">{each["status"]}</span><span>{money(each["total"], each)}</span>'
        f'<a href="{escape(each["invoice_pdf"])}" aria-label="PDF of {escape(each["number"])}">PDF</a></li>'
        for each in found
    )
    return "<h2>Invoices</h2>" + (f"<ul>{rows}</ul>" if rows else '<p class="quiet">There are none yet.</p>')
