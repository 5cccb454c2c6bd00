"""What a customer sees in a browser: checkout, invoice, portal."""

from collections.abc import Callable
from html import escape
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from sandbox.stripe import checkout
from sandbox.stripe.cards import TEST_CARDS
from sandbox.stripe.customers import make_default
from sandbox.stripe.errors import StripeFailure
from sandbox.stripe.invoice_calls import pay_invoice
from sandbox.stripe.payment_methods import attach_to, default_of
from sandbox.stripe.pdf import pdf
from sandbox.stripe.store import Object
from sandbox.stripe.world import World

STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;margin:0;background:#f6f8fa;color:#1a1f36}"
    "main{max-width:26rem;margin:4rem auto;padding:2rem;background:#fff;border-radius:12px;"
    "box-shadow:0 2px 12px #1a1f3622}h1{font-size:1.5rem;margin:0 0 1rem}a{color:#5851db}small{color:#596171}"
    "label,select,button{display:block;width:100%;margin:.5rem 0;padding:.6rem;font:inherit;box-sizing:border-box}"
    "label{padding:0}select{border:1px solid #c9d0d8;border-radius:6px;background:#fff}"
    "button{background:#5851db;color:#fff;border:0;border-radius:6px;cursor:pointer}"
    "table{width:100%;border-collapse:collapse}td{padding:.25rem 0;border-bottom:1px solid #e3e8ee}"
    "td:last-child{text-align:right;white-space:nowrap}.problem{color:#b3093c}"
)


def routes(world: World) -> list[Route]:
    return Pages(world).routes()


class Pages:
    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> list[Route]:
        return [
            Route("/c/pay/{session}", self.checkout, methods=["GET", "POST"]),
            Route("/i/{invoice}", self.invoice, methods=["GET", "POST"]),
            Route("/i/{invoice}/pdf", self.invoice_pdf, methods=["GET"]),
            Route("/p/session/{portal}", self.portal, methods=["GET", "POST"]),
        ]

    async def checkout(self, request: Request) -> Response:
        session = self._world.store.get(request.path_params["session"], "checkout.session")
        if session is None:
            return _page("Not found", "<p>There is no such checkout session.</p>", status=404)
        if request.method == "GET" and session["status"] == "open":
            return _checkout_form(session)
        if request.method == "GET" and session["status"] == "expired":
            return _page("Link expired", "<p>This link has expired. Please ask for a new one.</p>", status=410)
        try:
            card = (await _form(request)).get("payment_method", "pm_card_visa")
            self._keep(lambda: checkout.complete(self._world, session["id"], card))
        except StripeFailure as failure:
            return _checkout_form(session, problem=str(failure), status=failure.status)
        return RedirectResponse(_success_url(session), status_code=303)

    async def invoice(self, request: Request) -> Response:
        invoice = self._world.store.get(request.path_params["invoice"], "invoice")
        if invoice is None or invoice["number"] is None:
            return _page("Not found", "<p>There is no such invoice.</p>", status=404)
        if request.method == "GET" or invoice["status"] not in ("open", "uncollectible"):
            return self._invoice_page(invoice)
        try:
            card = (await _form(request)).get("payment_method") or None
            self._keep(lambda: self._pay(invoice["id"], card))
        except StripeFailure as failure:
            return self._invoice_page(invoice, problem=str(failure), status=failure.status)
        return RedirectResponse(request.url.path, status_code=303)

    def _pay(self, reference: str, card: str | None) -> None:
        invoice = self._world.named("invoice", reference)
        if card:
            card = attach_to(self._world, card, invoice["customer"], set_up=True)["id"]
        pay_invoice(self._world, invoice, card, present=True)

    async def invoice_pdf(self, request: Request) -> Response:
        invoice = self._world.store.get(request.path_params["invoice"], "invoice")
        if invoice is None or invoice["number"] is None:
            return _page("Not found", "<p>There is no such invoice.</p>", status=404)
        rows = [f"{line['description']}: {_money(line['amount'], invoice)}" for line in invoice["lines"]["data"]]
        text = [f"Invoice {invoice['number']}", invoice["customer_email"] or "", "", *rows, ""]
        text.append(f"Total {_money(invoice['total'], invoice)}, {invoice['status']}")
        disposition = f'attachment; filename="invoice-{invoice["number"]}.pdf"'
        headers = {"Content-Disposition": disposition}
        return Response(pdf(text), media_type="application/pdf", headers=headers)

    async def portal(self, request: Request) -> Response:
        session = self._world.store.get(request.path_params["portal"], "billing_portal.session")
        if session is None:
            return _page("Not found", "<p>There is no such portal session.</p>", status=404)
        if request.method == "GET":
            return self._portal_page(session)
        try:
            card = (await _form(request)).get("payment_method", "pm_card_visa")
            self._keep(lambda: self._replace_card(session["customer"], card))
        except StripeFailure as failure:
            return self._portal_page(session, problem=str(failure), status=failure.status)
        return RedirectResponse(session["return_url"] or request.url.path, status_code=303)

    def _replace_card(self, customer: str, card: str) -> None:
        method = attach_to(self._world, card, customer, set_up=True)
        make_default(self._world, customer, method["id"])

    def _keep(self, act: Callable[[], object]) -> None:
        """Do it in one transaction; a refusal that keeps what was tried is raised after it."""
        refusal = None
        with self._world.store.transaction():
            try:
                act()
            except StripeFailure as failure:
                if not failure.keeps:
                    raise
                refusal = failure
        if refusal is not None:
            raise refusal

    def _invoice_page(self, invoice: Object, *, problem: str = "", status: int = 200) -> Response:
        rows = "".join(
            f"<tr><td>{escape(line['description'])}</td><td>{_money(line['amount'], invoice)}</td></tr>"
            for line in invoice["lines"]["data"]
        )
        told = f"<p>Status: <strong>{invoice['status']}</strong></p><table>{rows}</table>"
        told += f"<p>Due: {_money(invoice['amount_remaining'], invoice)}</p>"
        told += f'<p><a href="{escape(invoice["invoice_pdf"])}">Download PDF</a></p>'
        if invoice["status"] in ("open", "uncollectible"):
            told += self._pay_form(invoice)
        return _page(f"Invoice {invoice['number']}", told, problem=problem, status=status)

    def _pay_form(self, invoice: Object) -> str:
        customer = self._world.named("customer", invoice["customer"])
        subscription = self._world.store.get(invoice["_subscription"], "subscription")
        method = default_of(self._world, customer, subscription)
        first = f'<option value="">{_card(method)}</option>' if method else ""
        payment = self._world.store.find("invoice_payment", parent=invoice["id"])
        intent = payment and self._world.store.get(payment[0]["payment"]["payment_intent"], "payment_intent")
        word = "Authenticate" if intent and intent["status"] == "requires_action" else "Pay"
        return (
            f'<form method="post"><label>Card<select name="payment_method">{first}{_options()}</select></label>'
            f"<button>{word}</button></form>"
        )

    def _portal_page(self, session: Object, *, problem: str = "", status: int = 200) -> Response:
        customer = self._world.named("customer", session["customer"])
        method = default_of(self._world, customer)
        told = f"<p>Card on file: {_card(method) if method else 'none'}</p>"
        told += _card_form("Use this card")
        if session["return_url"]:
            told += f'<p><a href="{escape(session["return_url"])}">Back</a></p>'
        return _page("Billing", told, problem=problem, status=status)


def _checkout_form(session: Object, *, problem: str = "", status: int = 200) -> Response:
    email = escape(session["customer_details"]["email"] or "")
    told = f"<p>{email}</p><p>Nothing is charged now.</p>{_card_form('Save card')}"
    if session["cancel_url"]:
        told += f'<p><a href="{escape(session["cancel_url"])}">Back</a></p>'
    return _page("Save a card", told, problem=problem, status=status)


def _card_form(word: str) -> str:
    return (
        f'<form method="post"><label>Test card<select name="payment_method">{_options()}</select></label>'
        f"<button>{word}</button></form>"
    )


def _options() -> str:
    return "".join(f'<option value="{name}">{name}</option>' for name in TEST_CARDS)


def _card(method: Object) -> str:
    return f"{escape(method['card']['brand'])} •••• {method['card']['last4']}"


def _money(amount: int, invoice: Object) -> str:
    return f"{amount / 100:,.2f} {invoice['currency'].upper()}"


def _success_url(session: Object) -> str:
    return str(session["success_url"]).replace("{CHECKOUT_SESSION_ID}", session["id"])


async def _form(request: Request) -> dict[str, str]:
    return dict(parse_qsl((await request.body()).decode()))


def _page(title: str, body: str, *, problem: str = "", status: int = 200) -> Response:
    alert = f'<p class="problem" role="alert">{escape(problem)}</p>' if problem else ""
    return HTMLResponse(
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style>'
        f"<main><h1>{escape(title)}</h1>{alert}{body}<p><small>Test mode: no money moves.</small></p></main></html>",
        status_code=status,
    )
