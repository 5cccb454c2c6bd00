"""What is asked of a report: which periods, of which part of the revenue."""

import re
from dataclasses import dataclass
from datetime import date, timedelta

from domain.errors import Malformed
from domain.revenue.figures import ALL, Grouping, PeriodLength, Segment, earlier, first_day_of, following

MAX_PERIODS = 400
DEFAULT_PERIODS = {PeriodLength.DAY: 31, PeriodLength.MONTH: 12, PeriodLength.YEAR: 5}
DAY_EXAMPLE = "a year, a month or a day, as 2026, 2026-01 or 2026-01-31"
_DAY = re.compile(r"(?P<year>\d{4})(?:-(?P<month>\d\d)(?:-(?P<day>\d\d))?)?", re.ASCII)
_LABELS = {PeriodLength.DAY: "%Y-%m-%d", PeriodLength.MONTH: "%Y-%m", PeriodLength.YEAR: "%Y"}


@dataclass(frozen=True)
class Range:
    """Which figures."""

    currency: str
    """Empty: each."""
    first: date
    beyond: date
    """The first day of the period after the last one."""
    length: PeriodLength = PeriodLength.MONTH
    segment: Segment = ALL
    group: Grouping | None = None
    """Of each plan, or each billing interval, by itself."""


@dataclass(frozen=True)
class ReportQuery:
    """A report that is asked for."""

    currency: str
    first: date | None = None
    """A day in the first period; None: as many periods as is usual."""
    last: date | None = None
    """A day in the last period; None: in the current one."""
    length: PeriodLength = PeriodLength.MONTH
    segment: Segment = ALL
    group: Grouping | None = None

    def range(self, latest: date) -> Range:
        """Returns the range; *latest* is the last day that there may be figures of.

        Raises:
            Malformed: its periods are in the wrong order, or too many.
        """
        beyond = following(first_day_of(self.last or latest, self.length), self.length)
        first = self._first(beyond)
        return Range(self.currency, first, beyond, self.length, self.segment, self.group)

    def _first(self, beyond: date) -> date:
        if self.first is None:
            return earlier(beyond, self.length, DEFAULT_PERIODS[self.length])
        first = first_day_of(self.first, self.length)
        if first >= beyond:
            raise Malformed("from is after to", field="from")
        if earlier(beyond, self.length, MAX_PERIODS) > first:
            raise Malformed(f"at most {MAX_PERIODS} periods: ask for fewer, or longer ones", field="from")
        return first


def day_named(text: str, field: str) -> date:
    """Returns the first day of the year, month or day that *text* names, as `DAY_EXAMPLE`.

    Raises:
        Malformed: it is none; it names *field*.
    """
    found = _DAY.fullmatch(text)
    try:
        if found is not None and 1900 <= int(found["year"]) < 9000:
            return date(int(found["year"]), int(found["month"] or 1), int(found["day"] or 1))
    except ValueError:
        pass
    raise Malformed(f"must be {DAY_EXAMPLE}", field=field)


def last_day_named(text: str, field: str) -> date:
    """Returns the last day of the year, month or day that *text* names, as `DAY_EXAMPLE`.

    Raises:
        Malformed: as with `day_named`.
    """
    first = day_named(text, field)
    length = (PeriodLength.YEAR, PeriodLength.MONTH, PeriodLength.DAY)[text.count("-")]
    return following(first, length) - timedelta(days=1)


def label(first_day: date, length: PeriodLength) -> str:
    """Returns the name of a period: `2026`, `2026-01` or `2026-01-31`."""
    return first_day.strftime(_LABELS[length])
