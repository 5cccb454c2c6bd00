"""What a bulk run would do: by the same checks as the workflows', in counts that add up."""

from dataclasses import replace
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.bulk.actions import ActionKind, BulkAction, check, inverse
from domain.bulk.previews import EXAMPLES, StatusCounts, Verdict, preview, verdict
from domain.errors import Rejected
from domain.subscription.commands import CancelAt
from domain.subscription.lifecycle import Status
from domain.subscription.state import Subscription, Suspension, SuspensionKind
from tests.builders import NOW, PERIOD_END, a_paid_subscription, a_trial

HELD: Final = Suspension(SuspensionKind.OPERATOR, NOW, "chargeback", Status.ACTIVE, None)
EXTEND: Final = BulkAction(ActionKind.EXTEND_TRIAL, days=7)


def suspended() -> Subscription:
    return a_paid_subscription(status=Status.SUSPENDED, suspension=HELD)


@pytest.mark.parametrize(
    ("action", "subscription", "code"),
    [
        (EXTEND, a_trial(), ""),
        (EXTEND, a_paid_subscription(), "not_in_trial"),
        (EXTEND, a_trial(cancel_at=PERIOD_END), "cancellation_scheduled"),
        (BulkAction(ActionKind.SUSPEND), a_paid_subscription(), ""),
        (BulkAction(ActionKind.SUSPEND), suspended(), "already_suspended"),
        (BulkAction(ActionKind.REACTIVATE), suspended(), ""),
        (BulkAction(ActionKind.REACTIVATE), a_trial(), "not_suspended"),
        (BulkAction(ActionKind.CANCEL), a_paid_subscription(), ""),
        (BulkAction(ActionKind.CANCEL), a_paid_subscription(cancel_at=PERIOD_END), "cancellation_scheduled"),
        (BulkAction(ActionKind.CANCEL, at=CancelAt.NOW), a_paid_subscription(cancel_at=PERIOD_END), ""),
        (BulkAction(ActionKind.UNCANCEL), a_paid_subscription(cancel_at=PERIOD_END), ""),
        (BulkAction(ActionKind.UNCANCEL), a_paid_subscription(), "no_cancellation_scheduled"),
        (BulkAction(ActionKind.MIGRATE_POLICY, policy="v2"), a_trial(), ""),
    ],
)
def test_a_subscription_refuses_a_run_as_it_refuses_the_command(
    action: BulkAction, subscription: Subscription, code: str
) -> None:
    assert verdict(action, subscription) == Verdict(subscription.id, subscription.status.value, code)


@pytest.mark.parametrize("kind", [kind for kind in ActionKind if kind is not ActionKind.RETRY_MAILS])
def test_nothing_is_done_to_what_has_ended(kind: ActionKind) -> None:
    with pytest.raises(Rejected) as refused:
        check(BulkAction(kind, days=1, policy="v2"), a_paid_subscription(status=Status.CANCELED))

    assert refused.value.code == "subscription_canceled"


def test_mails_are_sent_again_where_one_was_given_up_also_after_the_end() -> None:
    action, ended = BulkAction(ActionKind.RETRY_MAILS), a_paid_subscription(status=Status.CANCELED)

    assert verdict(action, ended).code == "no_mail_given_up"
    assert verdict(action, ended, has_mail_given_up=True).would_be_done
    assert inverse(action) is None


def test_the_inverse_is_offered_where_there_is_one() -> None:
    suspend, uncancel = BulkAction(ActionKind.SUSPEND), BulkAction(ActionKind.UNCANCEL)

    for action in (suspend, uncancel, BulkAction(ActionKind.REACTIVATE), BulkAction(ActionKind.CANCEL)):
        undoing = inverse(action)
        assert undoing is not None
        assert inverse(undoing) == action
    for final in (EXTEND, BulkAction(ActionKind.CANCEL, at=CancelAt.NOW), BulkAction(ActionKind.MIGRATE_POLICY)):
        assert inverse(final) is None


def test_a_preview_counts_by_code_and_by_status_and_names_a_few() -> None:
    trials = [verdict(EXTEND, a_trial(id=f"t{n}")) for n in range(EXAMPLES + 2)]
    leaving = verdict(EXTEND, a_trial(id="leaving", cancel_at=PERIOD_END))
    paid = [verdict(EXTEND, a_paid_subscription(id=f"p{n}")) for n in range(2)]

    found = preview([*paid, leaving, *trials])

    assert (found.chosen, found.would_be_done) == (8, 5)
    assert found.refused == {"not_in_trial": 2, "cancellation_scheduled": 1}
    assert list(found.refused) == ["not_in_trial", "cancellation_scheduled"]
    assert found.by_status == {"active": StatusCounts(0, 2), "trialing": StatusCounts(5, 1)}
    assert [each.subscription for each in found.examples] == ["t0", "t1", "t2", "leaving", "p0", "p1"]


VERDICTS = st.lists(
    st.builds(Verdict, st.uuids().map(str), st.sampled_from([*Status]).map(str), st.sampled_from(["", "a", "b"]))
)


@given(VERDICTS)
def test_the_counts_of_a_preview_add_up(verdicts: list[Verdict]) -> None:
    found = preview(verdicts)

    assert found.chosen == len(verdicts) == found.would_be_done + sum(found.refused.values())
    assert found.would_be_done == sum(each.would_be_done for each in found.by_status.values())
    assert sum(found.refused.values()) == sum(each.refused for each in found.by_status.values())
    assert preview([replace(each, code="a") for each in verdicts]).would_be_done == 0
