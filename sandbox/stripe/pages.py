"""The customer's pages: checkout, invoice, portal."""

from collections.abc import Callable, Mapping

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from sandbox.stripe import checkout, checkout_page, invoice_page, portal, portal_page
from sandbox.stripe.checkout_completion import asks_to_authenticate, complete, refuse_unauthenticated
from sandbox.stripe.errors import StripeFailure
from sandbox.stripe.invoice_calls import pay_invoice
from sandbox.stripe.page_parts import back, form, money, page
from sandbox.stripe.payment_methods import entered, keep
from sandbox.stripe.pdf import pdf
from sandbox.stripe.world import World


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
            return _not_found("There is no such checkout page. Please check the link.")
        if request.method == "GET" or session["status"] == "expired":
            return checkout_page.show(self._world, session)
        given = await form(request)
        method, answer = given.get("payment_method", "pm_card_visa"), given.get(checkout_page.AUTHENTICATION)
        if answer is None and asks_to_authenticate(method):
            return checkout_page.ask_bank(session, given)
        try:
            self._keep(lambda: self._complete(session["id"], method, given, answer))
        except StripeFailure as failure:
            return checkout_page.show(self._world, session, problem=str(failure), status=failure.status)
        return RedirectResponse(checkout.success_url(session), status_code=303)

    def _complete(self, reference: str, method: str, given: Mapping[str, str], answer: str | None) -> None:
        if answer == checkout_page.FAILED:
            refuse_unauthenticated()
        complete(self._world, reference, method, checkout_page.details_of(given))

    async def invoice(self, request: Request) -> Response:
        invoice = self._world.store.get(request.path_params["invoice"], "invoice")
        if invoice is None or invoice["number"] is None:
            return _not_found("There is no such invoice. Please check the link.")
        if request.method == "GET" or invoice["status"] not in ("open", "uncollectible"):
            return invoice_page.show(self._world, invoice)
        try:
            given = (await form(request)).get("payment_method") or None
            self._keep(lambda: self._pay(invoice["id"], given))
        except StripeFailure as failure:
            return invoice_page.show(self._world, invoice, problem=str(failure), status=failure.status)
        return RedirectResponse(request.url.path, status_code=303)

    def _pay(self, reference: str, given: str | None) -> None:
        invoice = self._world.named("invoice", reference)
        if not given:
            pay_invoice(self._world, invoice, present=True)
            return
        method = entered(self._world, given, invoice["customer"], set_up=True)
        pay_invoice(self._world, invoice, method, present=True)
        # Its payment is set up for future ones (`setup_future_usage`), so that the card is kept once it has paid. What
        # is charged by default stays: subscriptions have `save_default_payment_method` off.
        keep(self._world, method, invoice["customer"])

    async def invoice_pdf(self, request: Request) -> Response:
        invoice = self._world.store.get(request.path_params["invoice"], "invoice")
        if invoice is None or invoice["number"] is None:
            return _not_found("There is no such invoice. Please check the link.")
        rows = [f"{line['description']}: {money(line['amount'], invoice)}" for line in invoice["lines"]["data"]]
        text = [f"Invoice {invoice['number']}", invoice["customer_email"] or "", "", *rows, ""]
        text.append(f"Total {money(invoice['total'], invoice)}, {invoice['status']}")
        disposition = f'attachment; filename="invoice-{invoice["number"]}.pdf"'
        headers = {"Content-Disposition": disposition}
        return Response(pdf(text), media_type="application/pdf", headers=headers)

    async def portal(self, request: Request) -> Response:
        session = self._world.store.get(request.path_params["portal"], "billing_portal.session")
        if session is None:
            return _not_found("There is no such page. Please check the link.")
        if not portal.is_open(self._world, session):
            content = f"<p>For your safety it is good for an hour only.</p>{back(session['return_url'])}"
            return page("Link expired", content, status=410)
        if request.method == "GET":
            return portal_page.show(self._world, session)
        wished = await form(request)
        act, subject = wished.get("act", "add"), wished.get("subject") or wished.get("payment_method", "pm_card_visa")
        try:
            self._keep(lambda: portal.act(self._world, session, act, subject))
        except StripeFailure as failure:
            return portal_page.show(self._world, session, problem=str(failure), status=failure.status)
        return RedirectResponse(request.url.path, status_code=303)

    def _keep(self, act: Callable[[], object]) -> None:
        """Execute in one transaction; a refusal that keeps changes is raised after it."""
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


def _not_found(words: str) -> Response:
    return page("Not found", f"<p>{words}</p>", status=404)
