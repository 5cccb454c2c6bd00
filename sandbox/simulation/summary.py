"""A simulation in figures."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sandbox.simulation.lines import A_DAY, Kind, Line, Seen

WITHOUT_ACCESS, WITH_LITTLE = "none", "limited"


@dataclass(frozen=True)
class Summary:
    """The result of a simulation; amounts are in minor units, days are rounded to tenths."""

    status: str
    access: str
    reason: str
    currency: str
    taken: int
    """On paid invoices."""
    outstanding: int
    """On open invoices."""
    written_off: int
    """On voided or uncollectible invoices."""
    bills: Mapping[str, int]
    """Number of invoices by status."""
    charges_paid: int
    charges_declined: int
    mails: Mapping[str, int]
    """Number of mails by occasion."""
    days_without_access: float
    days_with_limited_access: float

    @property
    def mails_sent(self) -> int:
        return sum(self.mails.values())


def summarize(
    lines: Sequence[Line], bills: Sequence[Mapping[str, Any]], seen: Sequence[Seen], until: datetime, currency: str
) -> Summary:
    """Summarize a simulation that was played *until* a time; *seen* has at least the initial state."""
    outcomes = Counter(line.facts["outcome"] for line in lines if line.kind is Kind.CHARGE)
    mails = [line for line in lines if line.kind is Kind.MAIL and line.facts["state"] == "sent"]
    last = seen[-1]
    return Summary(
        status=last.status,
        access=last.access,
        reason=last.reason,
        currency=currency,
        taken=_sum(bills, "paid"),
        outstanding=_sum(bills, "open", "draft"),
        written_off=_sum(bills, "void", "uncollectible"),
        bills=dict(Counter(bill["status"] for bill in bills)),
        charges_paid=outcomes["paid"],
        charges_declined=outcomes["declined"],
        mails=dict(Counter(line.facts["occasion"] for line in mails)),
        days_without_access=_days(seen, until, WITHOUT_ACCESS),
        days_with_limited_access=_days(seen, until, WITH_LITTLE),
    )


def _sum(bills: Sequence[Mapping[str, Any]], *statuses: str) -> int:
    return sum(bill["amount"] for bill in bills if bill["status"] in statuses)


def _days(seen: Sequence[Seen], until: datetime, access: str) -> float:
    return round(sum(length for length, of in _stretches(seen, until) if of == access), 1)


def _stretches(seen: Sequence[Seen], until: datetime) -> Iterator[tuple[float, str]]:
    ends = [*(one.at for one in seen[1:]), until]
    for one, end in zip(seen, ends, strict=True):
        yield (end - one.at) / A_DAY, one.access
