"""Which card is to come on file after a payment."""

from dataclasses import replace
from datetime import timedelta

import pytest

from domain.provider.payments import Charge
from domain.subscription.paying_cards import another_card
from domain.subscription.state import Subscription
from tests.builders import NOW, VISA, a_declined_charge, a_paid_charge, a_paid_subscription, a_recovery

PAYER = a_paid_subscription(card=VISA)


def paid_with(ref: str) -> Charge:
    charge = a_paid_charge()
    assert charge.invoice is not None
    return replace(charge, paid_with=ref, invoice=replace(charge.invoice, paid_at=NOW))


@pytest.mark.parametrize(
    ("subscription", "charge", "card"),
    [
        pytest.param(PAYER, paid_with("pm_2"), "pm_2", id="another"),
        pytest.param(PAYER, paid_with(VISA.ref), "", id="the-one-on-file"),
        pytest.param(PAYER, a_paid_charge(), "", id="not-reported"),
        pytest.param(PAYER, replace(a_declined_charge(), paid_with="pm_2"), "", id="not-paid"),
        pytest.param(replace(PAYER, card=None), paid_with("pm_2"), "pm_2", id="none-on-file"),
        pytest.param(replace(PAYER, card_since=NOW - timedelta(1)), paid_with("pm_2"), "pm_2", id="given-before"),
        pytest.param(replace(PAYER, card_since=NOW + timedelta(1)), paid_with("pm_2"), "", id="given-since"),
        pytest.param(replace(PAYER, recovery=a_recovery(card_ref="pm_2")), paid_with("pm_2"), "", id="declined-before"),
        pytest.param(
            replace(PAYER, recovery=a_recovery(card_ref=VISA.ref)), paid_with("pm_2"), "pm_2", id="after-a-decline"
        ),
    ],
)
def test_a_card_that_has_paid_comes_on_file_unless_a_later_one_was_given(
    subscription: Subscription, charge: Charge, card: str
) -> None:
    assert another_card(subscription, charge) == card
