"""What a receipt says of its bill: what the provider has said, and nothing else."""

from dataclasses import replace
from json import loads

from domain.provider.payments import Charge, ChargeOutcome, Invoice, InvoiceLine
from domain.subscription.mails import receipt
from tests.builders import NOW, PERIOD_END, a_paid_subscription

LINES = (InvoiceLine("1 × Starter", 4900), InvoiceLine("2 × Extra users", 1000))
BILL = Invoice("in_2", "NW-2", "paid", 5900, "usd", total=5900, amount_due=5900, paid_at=NOW, lines=LINES, tax=0)


def facts_of(invoice: Invoice) -> dict[str, str]:
    charge = Charge(ChargeOutcome.PAID, invoice, period_start=NOW, period_end=PERIOD_END)
    (mail,) = receipt(a_paid_subscription(), charge, NOW)
    return mail.facts


def test_a_receipt_has_the_day_the_period_and_the_lines() -> None:
    facts = facts_of(BILL)

    assert (facts["paid_at"], facts["period_start"]) == ("2026-03-02T12:00:00Z", "2026-03-02T12:00:00Z")
    assert loads(facts["lines"]) == [["1 × Starter", 4900], ["2 × Extra users", 1000]]
    assert not {"tax", "tax_included", "discount", "credit_applied"} & set(facts), "there is none of these"


def test_tax_that_comes_on_top_and_tax_within_the_prices_are_told_apart() -> None:
    on_top = facts_of(replace(BILL, tax=1121, total=7021, amount=7021))
    within = facts_of(replace(BILL, tax=942, tax_is_included=True))

    assert (on_top["tax"], on_top["tax_included"]) == ("1121", "no")
    assert (within["tax"], within["tax_included"]) == ("942", "yes")
    assert "lines" in on_top
    assert "lines" in within


def test_credit_and_discount_are_told_with_the_total() -> None:
    facts = facts_of(replace(BILL, discount=900, total=5000, credit_applied=2000, amount=3000))

    assert (facts["amount"], facts["invoice_total"]) == ("3000", "5000")
    assert (facts["discount"], facts["credit_applied"]) == ("900", "2000")
    assert "lines" in facts


def test_lines_that_do_not_make_the_total_are_not_told() -> None:
    assert "lines" not in facts_of(replace(BILL, lines=LINES[:1]))
    assert "lines" not in facts_of(replace(BILL, lines=()))
