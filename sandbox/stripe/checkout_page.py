"""The page of a checkout: what is bought, who pays, the card, and the bank's question."""

from collections.abc import Mapping
from html import escape

from starlette.responses import Response

from sandbox.stripe import checkout
from sandbox.stripe.account import MERCHANT
from sandbox.stripe.checkout_completion import ADDRESS, BillingDetails
from sandbox.stripe.page_parts import back, card_fields, facts, money, page
from sandbox.stripe.store import Object
from sandbox.stripe.world import World

AUTHENTICATION, COMPLETED, FAILED = "authentication", "complete", "fail"
LABELS = {
    "name": "Full name or business name",
    "line1": "Address",
    "postal_code": "Postal code",
    "city": "City",
    "country": "Country (two letters)",
    "vat_id": "VAT id, if you buy as a business",
}


def show(world: World, session: Object, *, problem: str = "", status: int = 200) -> Response:
    if session["status"] == "expired" or checkout.is_too_late(world, session):
        return page("Link expired", f"<p>Please ask for a new link.</p>{back(session['cancel_url'])}", status=410)
    if session["status"] == "complete":
        done = "You have paid already." if session["mode"] == "subscription" else "Your card was saved already."
        return page("All done", f"<p>{done}</p>{back(checkout.success_url(session), 'Go on')}")
    email = (session["customer_details"] or {}).get("email")
    content = f'<p class="quiet">{escape(email)}</p>' if email else ""
    if session["mode"] == "subscription":
        title, content = f"Subscribe to {MERCHANT}", _items(world, session) + content
        content += "<p>Paid today, and again every period until you cancel.</p>"
    else:
        title = "Save a card"
        content += "<p>The card is kept for later payments. Nothing is charged on this page.</p>"
    is_purchase = session["mode"] == "subscription"
    word = f"Pay {money(session['amount_total'], session)} and subscribe" if is_purchase else "Save card"
    fields = _billing_fields(session) + card_fields()
    content += f'<form method="post">{fields}<button>{word}</button></form>' + back(session["cancel_url"])
    return page(title, content, problem=problem, status=status)


def ask_bank(session: Object, given: Mapping[str, str]) -> Response:
    """The bank's own page; what was entered comes along."""
    kept = "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">' for name, value in given.items()
    )
    buttons = (
        f'<button name="{AUTHENTICATION}" value="{COMPLETED}">Complete</button>'
        f'<button class="plain" name="{AUTHENTICATION}" value="{FAILED}">Fail</button>'
    )
    what = money(session["amount_total"], session) if session["mode"] == "subscription" else "nothing now"
    content = facts([("To", escape(MERCHANT)), ("Amount", what)])
    content = f'<p>Your bank asks: is it you?</p>{content}<form method="post">{kept}{buttons}</form>'
    return page("Authenticate", content, merchant="Your bank")


def details_of(given: Mapping[str, str]) -> BillingDetails:
    address = {part: given[part] for part in ADDRESS if given.get(part)}
    return BillingDetails(given.get("name", ""), address or None, given.get("vat_id", ""))


def _items(world: World, session: Object) -> str:
    rows = "".join(_item(world, each) for each in session["_line_items"])
    total = money(session["amount_total"], session)
    return f'<p class="amount">{total}</p><table><tr><th>For</th><th>Amount</th></tr>{rows}</table>'


def _item(world: World, given: Mapping[str, object]) -> str:
    price = world.named("price", str(given["price"]))
    product = world.named("product", price["product"])
    if price["recurring"]["usage_type"] == "metered":
        return f"<tr><td>{escape(product['name'])}</td><td>by use</td></tr>"
    quantity = int(str(given.get("quantity", 1)))
    times = f" × {quantity}" if quantity > 1 else ""
    each = f"{money(price['unit_amount'] * quantity, price)} / {price['recurring']['interval']}"
    return f"<tr><td>{escape(product['name'])}{times}</td><td>{each}</td></tr>"


def _billing_fields(session: Object) -> str:
    if session["billing_address_collection"] != "required":
        return ""
    has_tax_id = session["tax_id_collection"]["enabled"]
    fields = "".join(
        f'<label for="{name}">{label}</label><input id="{name}" name="{name}">'
        for name, label in LABELS.items()
        if has_tax_id or name != "vat_id"
    )
    return f"<fieldset><legend>Billing details</legend>{fields}</fieldset>"
