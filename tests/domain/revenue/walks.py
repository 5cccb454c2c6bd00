"""Random lives: every legal walk through the transitions, several lives of a customer."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import strategies as st

from domain.catalog.plans import Interval
from domain.subscription.ends import EndKind
from domain.subscription.lifecycle import TRANSITIONS, Event, Status
from domain.subscription.state import Pause, Subscription, Suspension, SuspensionKind
from tests.builders import FREE, NOW, PRO, a_trial

SUSPENDS = {
    Event.TRIAL_EXPIRED: SuspensionKind.TRIAL_EXPIRED,
    Event.AWAITS_CONFIRMATION: SuspensionKind.AWAITING_CONFIRMATION,
    Event.AWAITS_PAYMENT: SuspensionKind.AWAITING_PAYMENT,
    Event.RECOVERY_SUSPENDED: SuspensionKind.NONPAYMENT,
    Event.SUSPENDED_BY_OPERATOR: SuspensionKind.OPERATOR,
}
CHOICES = [
    (PRO, Interval.MONTH, 19900),
    (PRO, Interval.YEAR, 199000),
    (replace(PRO, plan="starter"), Interval.MONTH, 4900),
    # Another plan for the same money.
    (replace(PRO, plan="twin"), Interval.YEAR, 12 * 4900),
]


@st.composite
def lives(draw: st.DrawFn) -> list[list[Subscription]]:
    """The states of a customer's subscriptions, one life after the other; each begins with a trial."""
    return [list(_life(draw, number)) for number in range(draw(st.integers(1, 3)))]


def _life(draw: st.DrawFn, number: int) -> Iterator[Subscription]:
    it = a_trial(id=f"5c1f2f0e-0000-4000-8000-00000000000{number}")
    yield it
    for _ in range(draw(st.integers(1, 14))):
        events = sorted(event for status, event in TRANSITIONS if status is it.status)
        if not events:
            return
        event = draw(st.sampled_from(events))
        it = it.after(event, **_changes(draw, it, event))
        if event is Event.MOVED_TO_FREE:
            it = it.choosing(FREE)
        elif event in (Event.PLAN_CHANGED, Event.RESUMED, Event.CONVERTED):
            selection, interval, amount = draw(st.sampled_from(CHOICES))
            it = replace(it.choosing(selection), interval=interval, amount=amount)
        yield it
    if it.status is not Status.CANCELED and (it.status, Event.CANCELED) in TRANSITIONS:
        yield it.after(Event.CANCELED, **_changes(draw, it, Event.CANCELED))


def _changes(draw: st.DrawFn, it: Subscription, event: Event) -> dict[str, Any]:
    if event in SUSPENDS:
        return {"suspension": Suspension(SUSPENDS[event], NOW, "", it.status)}
    if event is Event.CANCELED:
        return {"suspension": None, "pause": None, "end_kind": draw(st.sampled_from(EndKind))}
    if event is Event.PAUSED:
        return {"pause": it.pause or Pause(NOW + timedelta(days=1), counts=draw(st.booleans()))}
    status = TRANSITIONS[it.status, event]
    suspension = it.suspension if status is Status.SUSPENDED else None
    if event is Event.RETURNED_PAUSED:
        return {"suspension": None, "pause": it.pause or Pause(NOW)}
    keeps_pause = status in (Status.PAUSED, Status.SUSPENDED)
    return {"suspension": suspension, "pause": it.pause if keeps_pause else None}
