"""A quoted invoice is settled as quoted: charged now, paid from credit, or carried to the next one."""

import pytest

from domain.provider.settlement import Settled, settled

SMALLEST = 50


@pytest.mark.parametrize(
    ("total", "balance", "told"),
    [
        (7500, 0, Settled(7500)),
        (25, 0, Settled(0, carried_to_next=25)),
        (50, 0, Settled(50)),
        (0, 0, Settled(0)),
        (13931, -3000, Settled(10931, credit_applied=3000)),
        (13066, -20000, Settled(0, credit_applied=13066)),
        (3020, -3000, Settled(0, credit_applied=3000, carried_to_next=20)),
        (30, 25, Settled(55)),
        (10, 25, Settled(0, carried_to_next=10)),
        (-14462, 0, Settled(-14462, carried_to_next=-14462)),
        (-14462, -500, Settled(-14462, carried_to_next=-14462)),
    ],
)
def test_an_invoice_is_charged_now_paid_from_credit_or_carried_over(total: int, balance: int, told: Settled) -> None:
    assert settled(total, balance, SMALLEST) == told


def test_whatever_the_balance_nothing_of_a_charge_is_lost() -> None:
    for total in range(0, 300, 7):
        for balance in range(-300, 1, 11):
            told = settled(total, balance, SMALLEST)
            assert told.due_now + told.credit_applied + told.carried_to_next == total
            assert told.due_now == 0 or told.due_now >= SMALLEST
