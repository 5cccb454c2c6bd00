"""What goes back of which charge."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import Rejected
from domain.provider.refunds import PaidCharge, RefundOrder, RefundPart, check_allowed, parts_of


def an_order(amount: int | None = None, at_most: int | None = None) -> RefundOrder:
    return RefundOrder("s", "in_1", amount, "key", "operator 7c0b", at_most)


def a_charge(amount: int = 4900, refunded: int = 0, by_this_order: int = 0, ref: str = "ch_1") -> PaidCharge:
    return PaidCharge(ref, amount, refunded, "usd", by_this_order)


def refused(order: RefundOrder, *charges: PaidCharge) -> str:
    with pytest.raises(Rejected) as refusal:
        parts_of(order, charges)
    return refusal.value.code


def test_all_that_is_left_goes_back_where_no_amount_is_given() -> None:
    assert parts_of(an_order(), [a_charge(refunded=900)]) == (RefundPart("ch_1", 4000),)


def test_several_charges_give_back_together_the_first_ones_first() -> None:
    charges = [a_charge(2000, ref="ch_2"), a_charge(1000, 1000), a_charge(3000, ref="ch_3")]

    assert parts_of(an_order(2500), charges) == (RefundPart("ch_2", 2000), RefundPart("ch_3", 500))


def test_what_an_earlier_attempt_has_given_back_is_not_given_back_again() -> None:
    first = a_charge(2000, 2000, 2000)

    assert parts_of(an_order(2500), [first, a_charge(3000, ref="ch_2")]) == (RefundPart("ch_2", 500),)
    assert parts_of(an_order(2000), [first]) == ()
    assert parts_of(an_order(), [first]) == ()


def test_nothing_goes_back_that_was_not_paid() -> None:
    assert refused(an_order(4901), a_charge()) == "over_refund"
    assert refused(an_order(1), a_charge(refunded=4900)) == "over_refund"
    assert refused(an_order(), a_charge(refunded=4900)) == "over_refund"
    assert refused(an_order(1)) == refused(an_order()) == "over_refund"


def test_the_limit_is_of_the_order_and_not_of_what_an_attempt_still_has_to_do() -> None:
    half_done = [a_charge(2000, 2000, 2000), a_charge(3000, ref="ch_2")]

    assert refused(an_order(2500, at_most=2499), *half_done) == "refund_limit"
    assert parts_of(an_order(2500, at_most=2500), half_done) == (RefundPart("ch_2", 500),)
    assert refused(an_order(at_most=4899), a_charge()) == "refund_limit"


def test_a_limit_of_nothing_leaves_refunds_to_admins() -> None:
    with pytest.raises(Rejected, match="only admins"):
        check_allowed(1, 0, "usd")
    check_allowed(10**9, None, "usd")


CHARGES = st.lists(
    st.builds(
        lambda ref, amount, share, ours: a_charge(amount, amount * share // 4, amount * share // 4 * ours // 2, ref),
        st.uuids().map(str),
        st.integers(1, 10_000),
        st.integers(0, 4),
        st.integers(0, 2),
    ),
    max_size=4,
)


@given(CHARGES, st.none() | st.integers(1, 40_000))
def test_an_order_gives_back_exactly_what_it_says_and_never_more_than_was_paid(
    charges: list[PaidCharge], amount: int | None
) -> None:
    done = sum(charge.by_this_order for charge in charges)
    if amount is not None and amount < done:
        return  # an attempt at the same order never gives back more than it says
    try:
        parts = parts_of(an_order(amount), charges)
    except Rejected:
        left = sum(charge.left for charge in charges)
        assert (not left and not done) if amount is None else (amount - done > left or (not left and not done))
        return
    back = {part.charge_ref: part.amount for part in parts}
    assert all(back.get(charge.ref, 0) <= charge.left for charge in charges)
    assert len(back) == len(parts)
    if amount is not None:
        assert done + sum(back.values()) == amount
