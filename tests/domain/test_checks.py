"""What may be asked of a subscription as it stands, and what is refused with which code."""

from collections.abc import Callable

import pytest

from domain import checks, trial
from domain.errors import Malformed, Rejected
from domain.lifecycle import Status
from domain.payments import Decline
from domain.steering import CancelAt, When
from domain.subscription import SuspensionKind
from tests.builders import (
    NOW,
    PERIOD_END,
    TRIAL_END,
    VISA,
    a_paid_subscription,
    a_past_due_subscription,
    a_recovery,
    a_suspended_subscription,
    a_trial,
    in_status,
)

OVER = in_status(Status.CANCELED)
HELD = a_suspended_subscription(SuspensionKind.OPERATOR)
EXPIRED = a_suspended_subscription(SuspensionKind.TRIAL_EXPIRED)
UNCONVERTED = a_past_due_subscription(agreement_ref="", recovery=a_recovery(decline=Decline("lost_card")))


REFUSALS: list[tuple[str, Callable[[], None]]] = [
    ("subscription_canceled", lambda: checks.check_convert(OVER, When.NOW, NOW, brings_card=True)),
    ("already_converted", lambda: checks.check_convert(a_paid_subscription(), When.NOW, NOW, brings_card=False)),
    ("payment_method_required", lambda: checks.check_convert(a_trial(), When.NOW, NOW, brings_card=False)),
    (
        "cancellation_scheduled",
        lambda: checks.check_convert(a_trial(cancel_at=TRIAL_END), When.NOW, NOW, brings_card=True),
    ),
    (
        "card_cannot_be_retried",
        lambda: checks.check_convert(UNCONVERTED, When.TRIAL_END, NOW, brings_card=False),
    ),
    (
        "card_cannot_be_retried",
        lambda: checks.check_convert(a_trial(card=VISA, barred_card=VISA.ref), When.TRIAL_END, NOW, brings_card=False),
    ),
    (
        "too_many_tries",
        lambda: checks.check_convert(a_trial(recent_tries=(NOW,) * 15), When.NOW, NOW, brings_card=True),
    ),
    ("nothing_to_retry", lambda: checks.check_retry(a_paid_subscription(), NOW)),
    (
        "card_cannot_be_retried",
        lambda: checks.check_retry(a_past_due_subscription(recovery=a_recovery(decline=Decline("lost_card"))), NOW),
    ),
    ("too_many_tries", lambda: checks.check_retry(a_past_due_subscription(recent_tries=(NOW,) * 15), NOW)),
    ("suspended_by_operator", lambda: checks.check_retry(HELD, NOW)),
    ("suspended_by_operator", lambda: checks.check_checkout(HELD)),
    (
        "cancellation_scheduled",
        lambda: checks.check_cancel(a_paid_subscription(cancel_at=PERIOD_END), CancelAt.PERIOD_END),
    ),
    ("no_cancellation_scheduled", lambda: checks.check_uncancel(a_trial())),
    (
        "suspended_by_operator",
        lambda: checks.check_uncancel(
            a_suspended_subscription(SuspensionKind.OPERATOR, cancel_at=PERIOD_END, agreement_ref="sub_1")
        ),
    ),
    ("already_suspended", lambda: checks.check_suspend(EXPIRED, "fraud")),
    ("malformed", lambda: checks.check_suspend(a_trial(), "  ")),
    ("not_suspended", lambda: checks.check_reactivate(a_trial(), "sorry")),
    ("not_in_trial", lambda: trial.check_extension(a_paid_subscription(), 5, "kind")),
    ("malformed", lambda: trial.check_extension(a_trial(), 0, "kind")),
    ("malformed", lambda: trial.check_extension(a_trial(), 91, "kind")),
    ("malformed", lambda: trial.check_extension(a_trial(), 5, "")),
    ("cancellation_scheduled", lambda: trial.check_extension(a_trial(cancel_at=TRIAL_END), 5, "kind")),
]


@pytest.mark.parametrize(("code", "check"), REFUSALS, ids=[f"{n}-{code}" for n, (code, _) in enumerate(REFUSALS)])
def test_an_impossible_command_is_refused_with_a_stable_code(code: str, check: Callable[[], None]) -> None:
    with pytest.raises(Rejected) as caught:
        check()
    assert caught.value.code == code
    assert isinstance(caught.value, Malformed) is (code == "malformed")


def test_what_can_be_asked_for_is_not_refused() -> None:
    checks.check_convert(a_trial(card=VISA), When.NOW, NOW, brings_card=False)
    checks.check_convert(EXPIRED, When.NOW, NOW, brings_card=True)
    checks.check_cancel(a_paid_subscription(cancel_at=PERIOD_END), CancelAt.NOW)
    checks.check_retry(a_past_due_subscription(), NOW)
    checks.check_reactivate(HELD, "cleared")
    trial.check_extension(EXPIRED, 7, "asked nicely")
