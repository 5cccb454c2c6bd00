"""The billing page shows to whom invoices are addressed, and leads to where that is changed."""

from sandbox.product import Product
from sandbox.stack import Stack
from tests.harness.buyers import Buyer
from tests.harness.callers import Caller
from tests.web.billing.visitor import Visitor, forms_of, said
from tests.web.markup import Markup


async def test_name_address_and_vat_id_are_shown_and_changed_in_the_portal(
    stack: Stack, admin: Caller, product: Product, name: str
) -> None:
    buyer = await Buyer(stack, product, name).opens(trial_days=0)
    address = {"line1": "Unter den Linden 1", "postal_code": "10117", "city": "Berlin", "country": "DE"}
    await buyer.completes(name="Analytical Engines GmbH", vat_id="DE123456789", **address)
    await buyer.begun()

    async with Visitor.entered(stack, admin, name, locale="de") as ada:
        shown = await ada.get("/billing")
        assert "Analytical Engines GmbH" in said(shown)
        assert "Unter den Linden 1, 10117 Berlin, Deutschland" in said(shown)
        assert "USt-IdNr.DE123456789" in said(shown)
        action, fields = next(form for form in forms_of(shown.text) if form[0] == "/billing/details")
        leaving = await ada.post(action, fields)
        refused = await ada.post(action, fields | {"csrf": "guessed"})

    [refresh] = [one for one in Markup(leaving.text).all("meta") if one.get("http-equiv") == "refresh"]
    assert refresh["content"].partition("url=")[2].startswith(stack.addresses.stripe_url)
    assert refused.status_code == 403
