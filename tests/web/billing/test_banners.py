"""Of all that there is to say, the billing page says the most pressing, in the tone that fits."""

from dataclasses import replace
from datetime import timedelta

import pytest

from api.billing_pages.banners import LEADS_TO, Banner, BannerKind, Consequence, NextStep, ReachedLimit, banner_of
from domain.access import Access
from domain.notifications.tones import Tone
from domain.provider.payments import Decline
from domain.subscription.agenda import agenda
from domain.subscription.lifecycle import Status
from domain.subscription.policy import DEFAULT_POLICY, Policy
from domain.subscription.state import Dispute, Pause, Recovery, Subscription, Suspension, SuspensionKind
from storage.subscriptions.billing_accounts import BillingAccount
from tests.builders import NOW, TRIAL_END, VISA, a_paid_subscription, a_trial

SOON = NOW + timedelta(days=3)
A_SECOND = timedelta(seconds=1)
LOCKED, IN_GRACE = ReachedLimit("Users", None), ReachedLimit("API calls", SOON)


def shown(subscription: Subscription | None, *reached: ReachedLimit, **more: object) -> Banner | None:
    account = BillingAccount(
        "default", "c-1", "ada", "ada@example.com", None, "UTC", "en", subscription, None, 0, "", (), NOW
    )
    return banner_of(replace(account, **more), reached)  # type: ignore[arg-type]


def suspended(kind: SuspensionKind) -> Subscription:
    suspension = Suspension(kind, NOW, "a secret reason", Status.ACTIVE)
    return replace(a_paid_subscription(), status=Status.SUSPENDED, access=Access.NONE, suspension=suspension)


@pytest.mark.parametrize(
    ("left", "days", "tone"),
    [
        (timedelta(days=14) - A_SECOND, 14, Tone.CALM),
        (timedelta(days=3) + A_SECOND, 4, Tone.CALM),
        (timedelta(days=3), 3, Tone.WARNING),
        (timedelta(days=1) + A_SECOND, 2, Tone.WARNING),
        (timedelta(days=1), 1, Tone.URGENT),
        (timedelta(days=1) - A_SECOND, 0, Tone.URGENT),
        (-timedelta(hours=1), 0, Tone.URGENT),
    ],
    ids=str,
)
def test_a_trial_without_a_card_becomes_more_pressing(left: timedelta, days: int, tone: Tone) -> None:
    banner = shown(a_trial(trial_ends_at=NOW + left))

    assert banner is not None
    assert (banner.kind, banner.tone, banner.at) == (BannerKind.TRIAL, tone, NOW + left)
    assert banner.days == days


def test_a_trial_with_a_card_is_calm_to_its_end() -> None:
    assert shown(a_trial(card=VISA), now=TRIAL_END - timedelta(hours=1)) == Banner(
        BannerKind.TRIAL, Tone.CALM, TRIAL_END, 0
    )


def test_a_trial_whose_card_cannot_be_charged_is_as_pressing_as_one_without() -> None:
    banner = shown(a_trial(card=VISA, barred_card=VISA.ref), now=TRIAL_END - timedelta(hours=1))

    assert banner is not None
    assert banner.tone is Tone.URGENT


@pytest.mark.parametrize(
    ("kind", "banner", "tone"),
    [
        (SuspensionKind.OPERATOR, BannerKind.SUSPENDED_BY_OPERATOR, Tone.URGENT),
        (SuspensionKind.NONPAYMENT, BannerKind.UNPAID, Tone.URGENT),
        (SuspensionKind.TRIAL_EXPIRED, BannerKind.TRIAL_EXPIRED, Tone.WARNING),
        (SuspensionKind.AWAITING_PAYMENT, BannerKind.NOT_BEGUN, Tone.URGENT),
    ],
)
def test_a_suspension_goes_before_limits(kind: SuspensionKind, banner: BannerKind, tone: Tone) -> None:
    found = shown(suspended(kind), LOCKED)

    assert found is not None
    assert (found.kind, found.tone) == (banner, tone)


@pytest.mark.parametrize(("access", "tone"), [(Access.FULL, Tone.WARNING), (Access.LIMITED, Tone.URGENT)])
def test_a_failed_payment_says_when_it_goes_on_and_goes_before_limits(access: Access, tone: Tone) -> None:
    it = replace(a_paid_subscription(), status=Status.PAST_DUE, access=access)
    ahead = ({"at": SOON.isoformat(), "action": "recover", "why": "retry"},)

    assert shown(it, LOCKED, next_actions=ahead) == Banner(BannerKind.PAYMENT_FAILED, tone, SOON)


def in_recovery(step: int, *, access: Access = Access.FULL, has_card: bool = True) -> Subscription:
    """A payment is open, and the default ladder goes on with this step."""
    rungs = tuple(NOW + one.after for one in DEFAULT_POLICY.recovery)
    recovery = Recovery(NOW, step, 1, Decline("insufficient_funds"), "pm_other", rungs=rungs)
    it = replace(a_paid_subscription(), status=Status.PAST_DUE, access=access, recovery=recovery)
    return replace(it, card=it.card if has_card else None)


def ahead_of(it: Subscription, policy: Policy = DEFAULT_POLICY) -> tuple[dict[str, str], ...]:
    return tuple({"at": due.at.isoformat(), "action": str(due.action), "why": due.why} for due in agenda(it, policy))


LADDER = DEFAULT_POLICY.recovery
RETRY = next(number for number, step in enumerate(LADDER) if step.retry and not step.harshness)
LIMIT = next(number for number, step in enumerate(LADDER) if step.retry and step.access is Access.LIMITED)
SUSPEND = next(number for number, step in enumerate(LADDER) if step.retry and step.suspend)


@pytest.mark.parametrize(
    ("it", "step", "retries", "then"),
    [
        (in_recovery(RETRY), RETRY, True, None),
        (in_recovery(LIMIT), LIMIT, True, Consequence.LIMITED),
        (in_recovery(LIMIT, access=Access.LIMITED), LIMIT, True, None),
        (in_recovery(SUSPEND), SUSPEND, True, Consequence.OFF),
        (in_recovery(RETRY, has_card=False), LIMIT, False, Consequence.LIMITED),
        (in_recovery(SUSPEND, has_card=False), SUSPEND, False, Consequence.OFF),
        (in_recovery(SUSPEND + 1), SUSPEND + 1, False, Consequence.ENDS),
    ],
    ids=["retry", "retry-or-limited", "limited-already", "retry-or-off", "no-card-limited", "no-card-off", "the-end"],
)
def test_an_open_payment_says_what_follows_it(
    it: Subscription, step: int, retries: bool, then: Consequence | None
) -> None:
    banner = shown(it, next_actions=ahead_of(it))

    assert banner is not None
    assert banner.next_step == NextStep(NOW + LADDER[step].after, retries, then)


def test_what_follows_is_not_guessed_for_a_subscription_with_another_ladder() -> None:
    it = in_recovery(RETRY)
    other = replace(DEFAULT_POLICY, recovery=tuple(replace(step, day=step.day + 1) for step in LADDER))
    banner = shown(it, next_actions=ahead_of(it, other))

    assert banner is not None
    assert banner.next_step is None


def test_a_payment_that_the_bank_wants_confirmed_says_so_and_not_that_it_failed() -> None:
    recovery = Recovery(NOW, 1, 1, Decline("authentication_required"), "pm_visa")
    it = replace(a_paid_subscription(), status=Status.PAST_DUE, recovery=recovery)
    ahead = ({"at": SOON.isoformat(), "action": "recover", "why": "retry"},)

    assert shown(it, LOCKED, next_actions=ahead) == Banner(BannerKind.CONFIRM, Tone.WARNING)


def test_a_limit_that_turns_use_away_goes_before_one_in_grace_and_before_what_is_to_come() -> None:
    it = replace(a_paid_subscription(), cancel_at=SOON)

    assert shown(it, IN_GRACE, LOCKED) == Banner(BannerKind.LOCKED, Tone.URGENT, names=("Users",))
    assert shown(it, IN_GRACE) == Banner(BannerKind.GRACE, Tone.WARNING, SOON, names=("API calls",))
    assert shown(it) == Banner(BannerKind.ENDS, Tone.CALM, SOON)


def test_a_pause_says_when_it_ends() -> None:
    it = replace(a_paid_subscription(), status=Status.PAUSED, pause=Pause(NOW, SOON))

    assert shown(it) == Banner(BannerKind.PAUSED, Tone.CALM, SOON)


@pytest.mark.parametrize(
    "it",
    [
        a_paid_subscription(),
        a_paid_subscription(cancel_at=SOON),
        a_paid_subscription(status=Status.PAUSED, pause=Pause(NOW, SOON)),
        in_recovery(RETRY),
    ],
    ids=["active", "to-end", "paused", "past-due"],
)
def test_a_disputed_payment_is_said_in_place_of_what_does_not_happen_meanwhile(it: Subscription) -> None:
    disputed = replace(it, dispute=Dispute("du_1", NOW, Access.FULL))

    assert shown(disputed) == Banner(BannerKind.DISPUTED, Tone.WARNING)
    assert BannerKind.DISPUTED not in LEADS_TO
    assert shown(disputed, LOCKED) == Banner(BannerKind.LOCKED, Tone.URGENT, names=("Users",))


def test_an_ordinary_subscription_an_ended_one_and_none_have_no_banner() -> None:
    assert shown(a_paid_subscription()) is None
    assert shown(replace(a_paid_subscription(), status=Status.CANCELED), LOCKED) is None
    assert shown(None) is None
