"""What a receipt says of its bill: what the provider has said, and nothing else."""

from dataclasses import replace
from json import loads

import pytest

from domain.notifications.mail_types import Occasion
from domain.provider.payments import Charge, ChargeOutcome, Invoice, InvoiceLine
from domain.subscription import payments_received
from domain.subscription.lifecycle import Status
from domain.subscription.mails import receipt
from domain.subscription.policy import Policy
from domain.subscription.state import Subscription, Suspension, SuspensionKind
from tests.builders import (
    CAUSE,
    MASTERCARD,
    NOW,
    PERIOD_END,
    VISA,
    a_paid_charge,
    a_paid_subscription,
    a_recovery,
    a_trial,
)

UNPAID = Suspension(SuspensionKind.NONPAYMENT, NOW, "", Status.PAST_DUE)

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


def test_a_receipt_names_the_card_on_file_if_that_has_paid_or_nobody_says_which() -> None:
    for ref in (VISA.ref, ""):
        (mail,) = receipt(a_paid_subscription(card=VISA), a_paid_charge(paid_with=ref), NOW)
        assert (mail.facts["card_brand"], mail.facts["card_last4"]) == ("visa", "4242")


@pytest.mark.parametrize(
    "subscription",
    [
        pytest.param(a_paid_subscription(card=VISA, recovery=a_recovery(), status=Status.PAST_DUE), id="recovered"),
        pytest.param(a_trial(card=VISA), id="converted"),
        pytest.param(a_paid_subscription(card=VISA, status=Status.SUSPENDED, suspension=UNPAID), id="reactivated"),
    ],
)
def test_no_mail_about_a_payment_names_the_card_on_file_if_another_has_paid(subscription: Subscription) -> None:
    charge = a_paid_charge(paid_with=MASTERCARD.ref)

    mails = payments_received.paid(subscription, charge, Policy(), NOW, CAUSE).mails

    assert Occasion.RECEIPT in [mail.occasion for mail in mails]
    assert {(mail.facts["card_brand"], mail.facts["card_last4"]) for mail in mails} == {("", "")}
