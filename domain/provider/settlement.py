"""What becomes of a bill's total: taken at once, paid by credit that there was, or left to the next bill."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Settled:
    """In minor units."""

    due_now: int
    """Taken at once; negative: nothing is, and so much is a credit for later bills."""
    credit_applied: int = 0
    carried_to_next: int = 0
    """On the next bill: what is less than can be charged at once; negative: a credit."""


def settled(total: int, balance: int, smallest: int) -> Settled:
    """How a bill is settled for who has this *balance*, negative for a credit, positive for what is owed.

    Less than the *smallest* charge that the card networks take is kept for the next bill.
    """
    if total < 0:
        return Settled(total, carried_to_next=total)
    owed, credit = total + balance, min(total, max(0, -balance))
    if 0 < owed < smallest:
        return Settled(0, credit, owed - max(0, balance))
    return Settled(max(0, owed), credit)
