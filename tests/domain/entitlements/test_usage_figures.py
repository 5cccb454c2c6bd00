"""What so many of all customers use at most."""

from hypothesis import given
from hypothesis import strategies as st

from domain.entitlements.usage_figures import nearest_rank


@given(st.lists(st.integers(0, 10**12), min_size=1), st.integers(1, 100))
def test_so_many_percent_do_not_exceed_it_and_fewer_do_not_exceed_less(uses: list[int], percent: int) -> None:
    found = nearest_rank(sorted(uses), percent)
    assert found in uses
    assert sum(used <= found for used in uses) * 100 >= percent * len(uses)
    assert sum(used < found for used in uses) * 100 < percent * len(uses)
