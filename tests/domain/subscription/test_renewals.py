"""Plain renewals: what is recorded where it is read is what the workflow would have recorded, and takes over."""

from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import timedelta
from hashlib import sha256
from json import dumps
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.access import Access
from domain.catalog.plans import Interval
from domain.provider.payments import AgreementStatus, Charge, ChargeOutcome, Decline, ProviderState
from domain.subscription import payments_received, renewals
from domain.subscription.agenda import agenda
from domain.subscription.ends import EndKind
from domain.subscription.journal import Cause, CauseKind, Entry
from domain.subscription.lifecycle import Status
from domain.subscription.policy import DEFAULT_POLICY as POLICY
from domain.subscription.renewals import ExpectedRenewal, RecordedStep
from domain.subscription.state import Blocked, Dispute, PendingChange, Subscription
from domain.subscription.unanswered_attempts import UnansweredAttempt
from tests.builders import (
    MASTERCARD,
    NOW,
    PERIOD_END,
    PRO,
    VISA,
    a_paid_charge,
    a_paid_subscription,
    a_paused_subscription,
    a_recovery,
)

CAUSE = Cause(CauseKind.WEBHOOK, "evt_1")
RENEWS = PERIOD_END + timedelta(hours=1)


def a_subscription(**changes: Any) -> Subscription:
    return a_paid_subscription(**({"billing_anchor": NOW, "agreement_anchor": NOW, "sequence": 5} | changes))


def a_charge(invoice: dict[str, Any] | None = None, **changes: Any) -> Charge:
    """A renewal's, in full."""
    charge = a_paid_charge("in_2", anchor=NOW, paid_with=VISA.ref)
    assert charge.invoice is not None
    in_full = {"total": 4900, "amount_due": 4900, "amount_paid": 4900, "credit_applied": 0, "tax": 0}
    return replace(charge, invoice=replace(charge.invoice, **(in_full | (invoice or {}))), **changes)


def a_state(charge: Charge | None = None, **changes: Any) -> ProviderState:
    state = ProviderState(VISA, AgreementStatus.LIVE, charge or a_charge(), False, False, customer_ref="cus_1")
    return replace(state, **changes)


def expected(before: Subscription) -> ExpectedRenewal:
    return ExpectedRenewal(before.id, before.sequence, renewals.basis_of(before), CAUSE.ref)


def test_a_renewal_at_its_price_is_plain_and_recorded_as_the_workflow_would() -> None:
    before = a_subscription()

    step = renewals.plain(before, POLICY, a_state(), RENEWS, CAUSE)

    assert step is not None
    theirs = payments_received.paid(before, a_charge(), POLICY, RENEWS, CAUSE)
    assert step == replace(theirs, ahead=agenda(theirs.subscription, POLICY))
    renewal = renewals.of_step(step.subscription, step.entries[0])
    assert asdict(renewals.renewed(before, renewal)) == asdict(step.subscription)
    assert renewal.line == "2026-04-02T13:00:00Z Renewed Starter: $49.00 paid"


def test_a_provider_that_reports_neither_totals_nor_anchor_has_plain_renewals_too() -> None:
    before = a_subscription(billing_anchor=None, agreement_anchor=None)
    unknown = dict.fromkeys(("total", "amount_due", "amount_paid", "credit_applied", "tax"))

    assert renewals.plain(before, POLICY, a_state(a_charge(unknown, anchor=None, paid_with="")), RENEWS, CAUSE)


NOT_PLAIN: dict[str, dict[str, Any]] = {
    "canceled at period end": {"cancel_at": PERIOD_END, "end_kind": EndKind.CUSTOMER},
    "change ahead": {"pending_change": PendingChange(PRO, PERIOD_END, NOW)},
    "recovery": {"status": Status.PAST_DUE, "recovery": a_recovery()},
    "dispute": {"dispute": Dispute("dp_1", NOW, Access.FULL)},
    "paused": {"status": Status.PAUSED, "pause": a_paused_subscription().pause},
    "canceled": {"status": Status.CANCELED},
    "suspended": {"status": Status.SUSPENDED},
    "stale items": {"agreement_is_stale": True},
    "held": {"is_held": True},
    "own period": {"begins_own_period": True},
    "owes a period": {"owes_new_period": True},
    "paused at the provider": {"paused_at_provider": "asked"},
    "another card has paid": {"paying_card": "pm_2"},
    "barred card": {"barred_card": "pm_2"},
    "no card": {"card": None},
    "no agreement": {"agreement_ref": ""},
    "blocked": {"blocked": Blocked(NOW, "hear", "no_answer", "no answer", NOW)},
    "unanswered attempt": {"unheard_tries": (UnansweredAttempt("s/charge/1", PRO, NOW),)},
    "days given back": {"given_back_seconds": 86400},
    "billing day to be set": {"sets_billing_day": True},
    "another billing day": {"billing_anchor": NOW - timedelta(days=3)},
    "billing day not stored": {"agreement_anchor": None},
    "settled already": {"settled_invoice": "in_2"},
    "notices to schedule": {"interval": Interval.YEAR},
    "reminders": {"status": Status.TRIALING},
}


@pytest.mark.parametrize("changes", NOT_PLAIN.values(), ids=NOT_PLAIN)
def test_a_subscription_of_which_more_is_to_be_decided_renews_by_its_workflow(changes: dict[str, Any]) -> None:
    assert renewals.plain(a_subscription(**changes), POLICY, a_state(), RENEWS, CAUSE) is None


def test_a_release_that_knows_of_no_waived_invoices_or_other_disputes_has_the_same_digest_without_any() -> None:
    before = a_subscription()
    rest = asdict(renewals.renewed(before, renewals.Renewal(None, None, None, "", ""))) | {"sequence": 0}
    del rest["waived_invoices"], rest["other_disputes"]

    digest = sha256(dumps(rest, sort_keys=True, default=str).encode()).hexdigest()[:16]

    assert renewals.basis_of(before) == digest
    assert renewals.basis_of(replace(before, waived_invoices=("in_0",))) != digest
    assert renewals.basis_of(replace(before, other_disputes=("dp_0",))) != digest


UNUSUAL: dict[str, ProviderState] = {
    "no invoice": a_state(latest=None),
    "another amount": a_state(a_charge({"amount": 5900})),
    "use on top": a_state(a_charge({"amount": 5900, "total": 5900, "amount_due": 5900, "amount_paid": 5900})),
    "credit": a_state(a_charge({"credit_applied": 100})),
    "discount": a_state(a_charge({"discount": 100})),
    "tax": a_state(a_charge({"tax": 100})),
    "paid in part": a_state(a_charge({"amount_paid": 100})),
    "another currency": a_state(a_charge({"currency": "eur"})),
    "invoice open": a_state(a_charge({"status": "open"})),
    "voided": a_state(a_charge(outcome=ChargeOutcome.GONE)),
    "declined": a_state(a_charge(outcome=ChargeOutcome.DECLINED, decline=Decline("insufficient_funds"))),
    "of a change": a_state(a_charge(is_of_change=True)),
    "apart": a_state(a_charge(is_apart=True)),
    "our own attempt": a_state(a_charge(key="s/charge/2")),
    "another agreement": a_state(a_charge(agreement_ref="sub_2")),
    "another card": a_state(a_charge(paid_with=MASTERCARD.ref)),
    "another anchor": a_state(a_charge(anchor=PERIOD_END)),
    "no anchor": a_state(a_charge(anchor=None)),
    "a gap": a_state(a_charge(period_start=PERIOD_END + timedelta(hours=2))),
    "the paid period": a_state(a_charge(period_start=NOW, period_end=PERIOD_END)),
    "over already": a_state(a_charge(period_end=RENEWS)),
    "card chosen": a_state(card=MASTERCARD),
    "card renewed by the bank": a_state(card=replace(VISA, exp_year=2035)),
    "fingerprint known now": a_state(card=replace(VISA, fingerprint="print")),
    "card removed": a_state(card=None),
    "ended": a_state(agreement=AgreementStatus.ENDED),
    "ends": a_state(ends=True),
    "held": a_state(is_held=True),
    "paused": a_state(paused_for="asked"),
    "customer deleted": a_state(customer_is_deleted=True),
    "another customer": a_state(customer_ref="cus_2"),
    "an earlier attempt": a_state(begun=a_charge()),
    "a change": a_state(change=a_charge()),
}


@pytest.mark.parametrize("state", UNUSUAL.values(), ids=UNUSUAL)
def test_an_unusual_state_at_the_provider_is_left_to_the_workflow(state: ProviderState) -> None:
    assert renewals.plain(a_subscription(), POLICY, state, RENEWS, CAUSE) is None


@given(
    st.fixed_dictionaries(
        {}, optional={name: st.just(value) for each in NOT_PLAIN.values() for name, value in each.items()}
    ),
    st.sampled_from([a_state(), a_state(), *UNUSUAL.values()]),
    st.integers(1, 40),
)
def test_whatever_is_recorded_the_workflow_has_the_same_state_afterwards(
    changes: dict[str, Any], state: ProviderState, days: int
) -> None:
    before, now = a_subscription(**changes), NOW + timedelta(days=days)

    step = renewals.plain(before, POLICY, state, now, CAUSE)

    if step is not None:
        renewal = expected(before).as_recorded(RecordedStep(step.subscription, step.entries[0]))
        assert renewal is not None
        assert asdict(renewals.renewed(before, renewal)) == asdict(step.subscription)
        assert (step.subscription.sequence, step.subscription.status) == (6, Status.ACTIVE)


def _after(before: Subscription) -> RecordedStep:
    step = renewals.plain(before, POLICY, a_state(), RENEWS, CAUSE)
    assert step is not None
    return RecordedStep(step.subscription, step.entries[0])


@pytest.mark.parametrize(
    "otherwise",
    [
        pytest.param(lambda step: replace(step, entry=None), id="an empty step"),
        pytest.param(lambda step: replace(step, entry=replace(step.entry, kind="converted")), id="another kind"),
        pytest.param(lambda step: replace(step, entry=replace(step.entry, cause=Cause.timer("x"))), id="another cause"),
        pytest.param(lambda step: RecordedStep(replace(step.subscription, sequence=7), step.entry), id="a later step"),
        pytest.param(lambda step: RecordedStep(replace(step.subscription, card=MASTERCARD), step.entry), id="a card"),
    ],
)
def test_only_its_own_record_is_taken_for_it(otherwise: Callable[[RecordedStep], RecordedStep]) -> None:
    before = a_subscription()
    after = _after(before)

    assert expected(before).as_recorded(after) is not None
    assert expected(before).as_recorded(otherwise(after)) is None


def test_a_renewal_follows_only_the_state_that_the_workflow_has() -> None:
    before = a_subscription()
    it = expected(before)

    assert it.follows(before)
    assert not it.follows(replace(before, sequence=6))
    assert not it.follows(replace(before, card=MASTERCARD))
    assert not it.follows(replace(before, card=replace(VISA, fingerprint="print")))


def test_a_renewal_that_is_closed_leaves_an_empty_step_in_its_place() -> None:
    before = a_subscription()
    closed = renewals.closed(before, POLICY)

    assert closed.subscription == replace(before, sequence=6)
    assert (closed.entries, closed.mails, closed.invoice) == ((), (), None)
    assert expected(before).is_closed_by(RecordedStep(closed.subscription, None))
    assert not expected(before).is_closed_by(RecordedStep(closed.subscription, Entry("noted", NOW, "", CAUSE)))
    assert not expected(before).is_closed_by(RecordedStep(before, None))
