"""How an invoice's total is settled: charged now, paid from credit, or carried to the next invoice."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Settled:
    """How an invoice is settled, in minor units."""

    due_now: int
    """Charged immediately; negative: nothing is charged, and this much is a credit for later invoices."""
    credit_applied: int = 0
    carried_to_next: int = 0
    """On the next invoice: an amount too small to charge; negative: a credit."""


def settled(total: int, balance: int, smallest: int) -> Settled:
    """Settles an invoice for a customer with this *balance*: negative for a credit, positive for a debt.

    An amount below *smallest*, the card networks' minimum charge, is carried to the next invoice.
    """
    if total < 0:
        return Settled(total, carried_to_next=total)
    owed, credit = total + balance, min(total, max(0, -balance))
    if 0 < owed < smallest:
        return Settled(0, credit, owed - max(0, balance))
    return Settled(max(0, owed), credit)
