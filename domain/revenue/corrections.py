"""Corrections: movements that bring what is recorded of a subscription to what it is worth."""

from collections.abc import Iterator
from dataclasses import dataclass

from domain.revenue.amounts import annual, paused_annual
from domain.revenue.movements import Movement, MovementKind, end_kind_of
from domain.subscription.state import Subscription


@dataclass(frozen=True)
class Recorded:
    """What the movements of a subscription add up to, in its currency."""

    worth: int
    paused: int = 0
    """What pauses have taken out and nothing has brought back."""


def corrections(recorded: Recorded, now: Subscription) -> tuple[Movement, ...]:
    """Returns the movements that are missing; empty if it adds up.

    Steps that an earlier release has written while a new one was rolled out are recorded by nobody.
    """
    return tuple(_corrections(recorded, now))


def _corrections(recorded: Recorded, now: Subscription) -> Iterator[Movement]:
    worth, paused = recorded.worth, paused_annual(now)
    if worth == annual(now):
        return
    if recorded.paused and not paused:
        yield Movement(MovementKind.RESUME, worth, worth + recorded.paused, now, now)
        worth += recorded.paused
    if paused:
        yield Movement(MovementKind.PAUSE, worth, 0, now, now)
    elif worth != annual(now):
        yield _to(worth, now)


def _to(worth: int, now: Subscription) -> Movement:
    amount = annual(now)
    if not worth:
        return Movement(MovementKind.OPENING, 0, amount, now)
    if not amount:
        return Movement(MovementKind.CHURN, worth, 0, now, now, end_kind_of(now), now.reason_code)
    kind = MovementKind.EXPANSION if amount > worth else MovementKind.CONTRACTION
    return Movement(kind, worth, amount, now, now)
