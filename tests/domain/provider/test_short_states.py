"""The provider's state in short: whatever is left out is put back, and what could not be is not left out."""

from dataclasses import asdict, replace
from datetime import UTC, datetime

import pytest

from domain.provider.payments import AgreementStatus, Card, Charge, ChargeOutcome, Invoice, InvoiceLine, ProviderState
from domain.provider.short_states import KnownState, completed, digest_of, shortened

BEGINS, ENDS = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC)
CARD = Card("pm_1", "visa", "4242", 12, 2030, "print")
KNOWN = KnownState("cus_1", "sub_1", digest_of(CARD))
INVOICE = Invoice(
    "in_1",
    "T-1",
    "paid",
    4900,
    "usd",
    "https://pay",
    "https://pay/pdf",
    1,
    BEGINS,
    ENDS,
    total=4900,
    amount_due=4900,
    amount_paid=4900,
    lines=(InvoiceLine("Starter", 4900),),
)
CHARGE = Charge(ChargeOutcome.PAID, INVOICE, None, "sub_1", BEGINS, ENDS, anchor=BEGINS, paid_with="pm_1")
STATE = ProviderState(CARD, AgreementStatus.LIVE, CHARGE, is_held=False, ends=False, customer_ref="cus_1")


def with_invoice(**changes: object) -> ProviderState:
    return replace(STATE, latest=replace(CHARGE, invoice=replace(INVOICE, **changes)))  # type: ignore[arg-type]


def test_what_a_renewal_leaves_is_put_back() -> None:
    short = shortened(STATE, KNOWN)

    assert short.is_short
    assert (short.customer_ref, short.card) == ("", None)
    assert asdict(completed(short, KNOWN, CARD)) == asdict(STATE)


@pytest.mark.parametrize(
    "state",
    [
        pytest.param(replace(STATE, latest=None), id="no invoice yet"),
        pytest.param(replace(STATE, card=None), id="no card"),
        pytest.param(replace(STATE, card=replace(CARD, exp_year=2031)), id="a card with another date"),
        pytest.param(replace(STATE, card=replace(CARD, fingerprint="other")), id="a card with another number"),
        pytest.param(replace(STATE, customer_ref="cus_2"), id="another customer"),
        pytest.param(replace(STATE, latest=replace(CHARGE, agreement_ref="sub_2")), id="another agreement"),
        pytest.param(replace(STATE, latest=replace(CHARGE, period_end=BEGINS)), id="another period"),
        pytest.param(replace(STATE, latest=replace(CHARGE, paid_with="pm_2")), id="paid with another card"),
        pytest.param(replace(STATE, latest=replace(CHARGE, invoice=None)), id="a charge without invoice"),
        pytest.param(with_invoice(amount_due=0, credit_applied=4900), id="paid by credit"),
        pytest.param(with_invoice(total=None), id="an invoice read before its total was recorded"),
    ],
)
def test_a_state_that_could_not_be_put_back_is_left_whole(state: ProviderState) -> None:
    assert shortened(state, KNOWN) is state
    assert completed(state, KNOWN, CARD) is state


def test_cards_differ_by_any_detail() -> None:
    others = [replace(CARD, exp_month=1), replace(CARD, fingerprint=""), replace(CARD, last4="1111"), None]

    assert len({digest_of(each) for each in (CARD, *others)}) == 5
