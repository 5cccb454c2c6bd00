"""Which periods a report has, by the names that are given."""

from datetime import date

import pytest

from domain.errors import Malformed
from domain.revenue.figures import PeriodLength
from domain.revenue.queries import MAX_PERIODS, ReportQuery, day_named, last_day_named

TODAY = date(2026, 6, 15)


def asked(first: str, last: str, length: PeriodLength) -> tuple[date, date]:
    """The first day, and the day after the last one."""
    query = ReportQuery("usd", day_named(first, "from"), last_day_named(last, "to"), length)
    wanted = query.range(TODAY)
    return wanted.first, wanted.beyond


@pytest.mark.parametrize(
    ("first", "last", "length", "days"),
    [
        ("2026-01", "2026-01", PeriodLength.DAY, (date(2026, 1, 1), date(2026, 2, 1))),
        ("2024-02", "2024-02", PeriodLength.DAY, (date(2024, 2, 1), date(2024, 3, 1))),
        ("2025", "2026", PeriodLength.MONTH, (date(2025, 1, 1), date(2027, 1, 1))),
        ("2025-12", "2026", PeriodLength.DAY, (date(2025, 12, 1), date(2027, 1, 1))),
        ("2025-12-30", "2026-01", PeriodLength.DAY, (date(2025, 12, 30), date(2026, 2, 1))),
        ("2026-01-05", "2026-01-05", PeriodLength.DAY, (date(2026, 1, 5), date(2026, 1, 6))),
        ("2025-03", "2026-03", PeriodLength.YEAR, (date(2025, 1, 1), date(2027, 1, 1))),
        ("2026-01-05", "2026-02-05", PeriodLength.MONTH, (date(2026, 1, 1), date(2026, 3, 1))),
    ],
)
def test_a_range_ends_with_all_of_the_year_month_or_day_that_is_named(
    first: str, last: str, length: PeriodLength, days: tuple[date, date]
) -> None:
    assert asked(first, last, length) == days


def test_so_many_days_as_the_named_years_have_are_too_many() -> None:
    with pytest.raises(Malformed, match=f"at most {MAX_PERIODS} periods"):
        asked("2025", "2026", PeriodLength.DAY)


def test_what_names_no_day_is_refused_with_its_field() -> None:
    for wrong in ("2026-13", "2026-02-30", "today", "2026-1"):
        with pytest.raises(Malformed, match="a year, a month or a day") as refused:
            last_day_named(wrong, "to")
        assert refused.value.field == "to"
