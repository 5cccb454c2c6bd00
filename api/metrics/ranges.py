"""Which periods a caller asks for."""

import re
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Literal

from fastapi import Depends, Query

from domain.errors import Malformed
from domain.revenue.figures import PeriodLength, earlier, first_day_of, following

MAX_PERIODS = 400
DEFAULT_PERIODS = {PeriodLength.DAY: 31, PeriodLength.MONTH: 12, PeriodLength.YEAR: 5}
_DAY = re.compile(r"(?P<year>\d{4})(?:-(?P<month>\d\d)(?:-(?P<day>\d\d))?)?", re.ASCII)
_DAY_EXAMPLE = "a year, a month or a day, as 2026, 2026-01 or 2026-01-31"


@dataclass(frozen=True)
class Asked:
    """The query of a report."""

    first: Annotated[
        str | None, Query(alias="from", description=f"the first period: {_DAY_EXAMPLE}", examples=["2026-01"])
    ] = None
    last: Annotated[
        str | None,
        Query(alias="to", description="the last period, included; by default the current one", examples=["2026-12"]),
    ] = None
    interval: Annotated[PeriodLength, Query(description="the length of periods")] = PeriodLength.MONTH
    plan: Annotated[
        str,
        Query(
            max_length=64,
            pattern="^[a-z0-9_]*$",
            description="figures of this plan alone; changes from and to others enter and leave",
        ),
    ] = ""
    status: Annotated[
        Literal["active", "past_due", "paused", "trialing"] | None,
        Query(
            description="of `mrr`: what there is now in this status, without periods, as the status of the past is not"
            " kept. Not with `from`, `to`, `interval`, `group` and CSV, and not of `movements`"
        ),
    ] = None
    currency: Annotated[
        str | None,
        Query(pattern="^[a-z]{3}$", description="by default the catalog's; currencies are never added"),
    ] = None
    group: Annotated[Literal["plan"] | None, Query(description="a row for each plan")] = None
    format: Annotated[
        Literal["json", "csv"] | None, Query(description="`csv` is also to be had by `Accept: text/csv`")
    ] = None

    def refuse_status(self) -> None:
        """Reject a status in a report of the past.

        Raises:
            Malformed: there is one.
        """
        if self.status is not None:
            raise Malformed(
                "movements are not told apart by status, which is not kept of the past: ask for mrr with this status,"
                " or leave it out",
                field="status",
            )

    def check_status(self) -> None:
        """Reject a status along with periods.

        Raises:
            Malformed: both are asked for.
        """
        others = {"from": self.first, "to": self.last, "group": self.group, "format=csv": self.format == "csv"}
        given = [name for name, value in others.items() if value]
        given += ["interval"] if self.interval is not PeriodLength.MONTH else []
        if self.status is not None and given:
            raise Malformed(
                "with a status, mrr is of now alone, as the status of the past is not kept: leave out"
                f" {', '.join(given)}",
                field="status",
            )

    def periods(self, latest: date) -> tuple[date, date]:
        """The first day of the first period, and of the period after the last one.

        Raises:
            Malformed: they are no dates, in the wrong order, or too many.
        """
        last = _day(self.last, "to") if self.last is not None else latest
        beyond = following(first_day_of(last, self.interval), self.interval)
        if self.first is None:
            return earlier(beyond, self.interval, DEFAULT_PERIODS[self.interval]), beyond
        first = first_day_of(_day(self.first, "from"), self.interval)
        if first >= beyond:
            raise Malformed("from is after to", field="from")
        if earlier(beyond, self.interval, MAX_PERIODS) > first:
            raise Malformed(f"at most {MAX_PERIODS} periods: ask for fewer, or longer ones", field="from")
        return first, beyond


def _day(text: str, field: str) -> date:
    found = _DAY.fullmatch(text)
    try:
        if found is not None and 1900 <= int(found["year"]) < 9000:
            return date(int(found["year"]), int(found["month"] or 1), int(found["day"] or 1))
    except ValueError:
        pass
    raise Malformed(f"must be {_DAY_EXAMPLE}", field=field)


def label(first_day: date, length: PeriodLength) -> str:
    """How a period is named in answers."""
    return (
        f"{first_day:{ {PeriodLength.DAY: '%Y-%m-%d', PeriodLength.MONTH: '%Y-%m', PeriodLength.YEAR: '%Y'}[length] }}"
    )


WithRange = Annotated[Asked, Depends()]
