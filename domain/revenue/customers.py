"""How many customers pay: what a period starts with, who came and who went, and what it ends with."""

from dataclasses import dataclass
from typing import Self

from domain.revenue.figures import ENTERING, LEAVING, Period
from domain.revenue.movements import MovementKind


@dataclass(frozen=True)
class CustomerCounts:
    """Customers of one period. Each time counts, so that `start` and all who came, less all who went, is `end`."""

    start: int
    opening: int
    new: int
    reactivation: int
    resume: int
    entering: int
    """From another plan or currency."""
    churn: int
    pause: int
    leaving: int
    """To another plan or currency."""
    end: int

    @classmethod
    def of(cls, period: Period) -> Self:
        more = period.payers
        return cls(
            start=period.customers_at_start,
            opening=more[MovementKind.OPENING],
            new=more[MovementKind.NEW],
            reactivation=more[MovementKind.REACTIVATION],
            resume=more[MovementKind.RESUME],
            # A plan in another currency contracts to nothing in one and expands from nothing in the other.
            entering=more[ENTERING] + more[MovementKind.EXPANSION],
            churn=-more[MovementKind.CHURN],
            pause=-more[MovementKind.PAUSE],
            leaving=-more[LEAVING] - more[MovementKind.CONTRACTION],
            end=period.customers,
        )


CAME = ("opening", "new", "reactivation", "resume", "entering")
WENT = ("churn", "pause", "leaving")
