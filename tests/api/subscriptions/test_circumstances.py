"""What a subscription is shown with beside its status."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from api.subscriptions.circumstances import circumstances
from domain.access import Access
from domain.provider.payments import Decline
from domain.subscription.agenda import agenda
from domain.subscription.lifecycle import Status
from domain.subscription.policy import DEFAULT_POLICY
from domain.subscription.state import Dispute, Pause, Subscription, SuspensionKind
from storage.db.codec import due_to_json, state_to_json
from storage.subscriptions.read_model import SubscriptionRow
from tests.builders import (
    NOW,
    VISA,
    a_paid_subscription,
    a_past_due_subscription,
    a_paused_subscription,
    a_recovery,
    a_suspended_subscription,
    a_trial,
)

PAGE = "https://invoice.example/in_1"


def shown(it: Subscription, invoice: str | None = None) -> dict[str, Any]:
    row = SubscriptionRow(
        id=it.id,
        customer_id=it.customer,
        external_id="ada",
        email="ada@example.com",
        name=None,
        timezone="UTC",
        locale="en",
        metadata={},
        plan=it.plan,
        plan_name=it.plan_name,
        interval=it.interval,
        quantity=it.quantity,
        add_ons=it.add_ons,
        amount=it.amount,
        currency=it.currency,
        status=it.status,
        status_reason=it.status_reason,
        access=it.access,
        sequence=it.sequence,
        trial_ends_at=None,
        period_start=None,
        period_end=None,
        cancel_at=None,
        resumes_at=None,
        agreement_ref="",
        catalog="",
        next_actions=[due_to_json(due) for due in agenda(it, DEFAULT_POLICY)],
        state=state_to_json(it),
        open_invoice_url=invoice,
        created_at=NOW,
        updated_at=NOW,
    )
    return {name: view.model_dump() for name, view in circumstances(row).items()}


def test_most_subscriptions_have_none() -> None:
    assert shown(a_trial()) == {}


def test_the_card_on_file_is_shown_without_its_fingerprint_or_id() -> None:
    assert shown(a_paid_subscription(card=VISA)) == {
        "card": {
            "brand": VISA.brand,
            "last4": VISA.last4,
            "exp_month": VISA.exp_month,
            "exp_year": VISA.exp_year,
        }
    }


def test_a_recovery_says_what_was_declined_when_it_is_tried_again_and_where_to_pay() -> None:
    it = a_past_due_subscription(card=VISA, recovery=a_recovery(step=2, tries=2))
    assert it.recovery is not None

    found = shown(it, PAGE)["recovery"]

    assert found == {
        "since": it.recovery.since,
        "tries": 2,
        "decline_code": it.recovery.decline.code,
        "next_try_at": (it.recovery.since + timedelta(days=3)).replace(microsecond=0),
        "pay_url": PAGE,
    }


def test_a_card_that_must_not_be_tried_again_has_no_next_try() -> None:
    barred = a_past_due_subscription(card=VISA, recovery=a_recovery(decline=Decline("stolen_card"), card_ref=VISA.ref))

    assert shown(barred)["recovery"]["next_try_at"] is None
    assert shown(replace(barred, card=None))["recovery"]["next_try_at"] is None
    assert shown(barred)["recovery"]["pay_url"] is None


def test_a_suspension_says_which_and_until_when() -> None:
    it = a_suspended_subscription(SuspensionKind.OPERATOR)
    assert it.suspension is not None

    found = shown(it)["suspension"]

    assert found == {"kind": "operator", "since": it.suspension.since, "cancel_at": it.suspension.cancel_at}
    assert it.suspension.reason not in str(found), "which status_reason has"


def test_a_pause_and_a_dispute_have_their_dates() -> None:
    until = datetime(2034, 5, 1, tzinfo=UTC)
    paused = replace(a_paused_subscription(), pause=Pause(NOW, until))
    disputed = a_paid_subscription(dispute=Dispute("du_1", NOW, Access.FULL))

    assert shown(paused)["pause"] == {"since": NOW, "resumes_at": until}
    assert shown(disputed)["dispute"] == {"id": "du_1", "since": NOW}


def test_what_has_ended_has_its_card_alone() -> None:
    over = replace(a_past_due_subscription(card=VISA), status=Status.CANCELED)

    assert shown(over, PAGE).keys() == {"card"}
