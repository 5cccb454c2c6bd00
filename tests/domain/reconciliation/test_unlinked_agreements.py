"""Agreements that no subscription refers to: which are ours, and what is wrong with them."""

from dataclasses import replace

import pytest

from domain.provider.agreements import Agreement, AgreementState
from domain.provider.payments import Charge, ChargeOutcome
from domain.reconciliation.differences import DifferenceKind, Discrepancy, Projection
from domain.reconciliation.unlinked_agreements import of_unlinked_agreement
from domain.subscription.lifecycle import Status
from domain.subscription.state import Subscription
from tests.builders import (
    STARTER_AGREED,
    a_declined_charge,
    a_free_subscription,
    a_paid_subscription,
    a_trial,
    an_agreement,
    in_status,
)

UNMARKED = an_agreement(ref="sub_2", subscription="")


def stray(agreement: Agreement, *subscriptions: Subscription) -> Discrepancy | None:
    return of_unlinked_agreement(
        agreement, [Projection(each, customer_ref=agreement.customer_ref) for each in subscriptions]
    )


def test_an_agreement_of_nobody_known_is_not_ours() -> None:
    theirs = Projection(a_paid_subscription(), customer_ref="cus_1")
    assert of_unlinked_agreement(an_agreement(subscription="", customer_ref="cus_9"), [theirs]) is None


@pytest.mark.parametrize(
    ("agreement", "subscriptions", "kind"),
    [
        (an_agreement(ref="sub_2"), [a_trial()], DifferenceKind.AGREEMENT_UNHEARD),
        (an_agreement(ref="sub_2"), [a_paid_subscription()], DifferenceKind.TWO_AGREEMENTS),
        (an_agreement(ref="sub_2"), [in_status(Status.CANCELED)], DifferenceKind.BILLED_AFTER_END),
        (an_agreement(subscription="gone"), [], DifferenceKind.UNKNOWN_AGREEMENT),
        (UNMARKED, [a_paid_subscription()], DifferenceKind.UNKNOWN_AGREEMENT),
    ],
)
def test_an_unlinked_agreement_is_classified(
    agreement: Agreement, subscriptions: list[Subscription], kind: DifferenceKind
) -> None:
    found = stray(agreement, *subscriptions)

    assert found is not None
    assert (found.kind, found.agreement_ref) == (kind, agreement.ref)


@pytest.mark.parametrize(
    ("lookup_key", "price_ref", "owner", "is_ours"),
    [
        pytest.param("", "price_of_a_shop", a_paid_subscription(), False, id="no name"),
        pytest.param("gold", "price_of_a_shop", a_paid_subscription(), False, id="a name unlike ours"),
        pytest.param("shop_gold_month_v1", "price_of_a_shop", a_paid_subscription(), False, id="another product's"),
        pytest.param("manufacturing_gold_month_v2", "price_9", a_paid_subscription(), True, id="another plan of ours"),
        pytest.param(
            "manufacturing_gold_month_v2", "price_9", a_free_subscription(), True, id="of one who pays nothing"
        ),
    ],
)
def test_what_a_customer_has_of_another_product_on_the_account_is_not_ours(
    lookup_key: str, price_ref: str, owner: Subscription, is_ours: bool
) -> None:
    item = replace(STARTER_AGREED, lookup_key=lookup_key, price_ref=price_ref)

    assert (stray(replace(UNMARKED, items=(item,)), owner) is not None) is is_ours


@pytest.mark.parametrize("owner", [a_trial(), a_paid_subscription()], ids=["a trial", "paid for"])
def test_an_agreement_that_is_not_active_yet_is_not_a_difference(owner: Subscription) -> None:
    unbegun = an_agreement(ref="sub_2", state=AgreementState.UNBEGUN, latest=a_declined_charge())
    assert stray(unbegun, owner) is None


def test_an_undecided_first_payment_is_not_a_difference() -> None:
    assert stray(an_agreement(ref="sub_2", latest=Charge(ChargeOutcome.PENDING)), a_trial()) is None


@pytest.mark.parametrize(
    ("owner", "latest", "words"),
    [
        (a_trial(), a_declined_charge(), "its latest invoice is not paid (declined)"),
        (a_trial(), None, "there is none"),
        (a_free_subscription(), an_agreement().latest, "it was paid to leave the free plan"),
    ],
)
def test_what_no_rule_can_adopt_is_left_to_an_operator(owner: Subscription, latest: Charge | None, words: str) -> None:
    found = stray(an_agreement(ref="sub_2", latest=latest), owner)

    assert found is not None
    assert (found.kind, found.is_healable) == (DifferenceKind.AGREEMENT_UNHEARD, False)
    assert words in found.details
