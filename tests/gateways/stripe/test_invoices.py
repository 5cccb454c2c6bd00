"""Stripe's invoice as ours: its lines, discounts and taxes."""

from typing import Any

from domain.provider.payments import InvoiceLine
from gateways.stripe.mapping import invoice_of

OBJECT: dict[str, Any] = {
    "id": "in_1",
    "status": "paid",
    "currency": "usd",
    "total": 6500,
    "amount_due": 6500,
    "lines": {"data": [{"description": "1 × Starter", "amount": 6000}, {"description": None, "amount": 500}]},
    "total_discount_amounts": [{"amount": 700, "discount": "di_1"}, {"amount": 300, "discount": "di_2"}],
    "total_taxes": [
        {"amount": 600, "tax_behavior": "exclusive", "type": "tax_rate_details"},
        {"amount": 400, "tax_behavior": "exclusive", "type": "tax_rate_details"},
    ],
}


def test_an_invoice_has_its_lines_discounts_and_taxes() -> None:
    invoice = invoice_of(OBJECT)

    assert invoice.lines == (InvoiceLine("1 × Starter", 6000), InvoiceLine("", 500))
    assert (invoice.discount, invoice.tax, invoice.tax_is_included) == (1000, 1000, False)
    assert invoice.lines_add_up


def test_tax_within_the_prices_adds_nothing() -> None:
    taxes = [{"amount": 1038, "tax_behavior": "inclusive"}]
    invoice = invoice_of(OBJECT | {"total_taxes": taxes, "total": 5500})

    assert (invoice.tax, invoice.tax_is_included) == (1038, True)
    assert invoice.lines_add_up


def test_an_invoice_that_names_no_taxes_has_none_that_are_known() -> None:
    invoice = invoice_of({name: value for name, value in OBJECT.items() if not name.startswith("total_")})

    assert (invoice.tax, invoice.discount) == (None, 0)
