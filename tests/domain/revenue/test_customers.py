"""How many customers pay, and who came and went."""

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from domain.revenue.customers import CAME, WENT, CustomerCounts
from domain.revenue.figures import MOVES, Moved, PeriodLength, by_period

MONTH, NEXT = date(2026, 1, 1), date(2026, 2, 1)
GOES = ("contraction", "churn", "pause", "leaving")


@given(st.lists(st.tuples(st.sampled_from(MOVES), st.integers(0, 5), st.sampled_from([None, MONTH])), max_size=20))
def test_the_start_and_all_who_came_less_all_who_went_is_the_end(moves: list[tuple[str, int, date | None]]) -> None:
    moved = [Moved(period, kind, "", 0, -many if kind in GOES else many) for kind, many, period in moves]
    [month] = by_period(moved, [], MONTH, NEXT, PeriodLength.MONTH)

    counts = vars(CustomerCounts.of(month))

    assert counts["start"] + sum(counts[one] for one in CAME) - sum(counts[one] for one in WENT) == counts["end"]
    assert all(counts[one] >= 0 for one in (*CAME, *WENT))
