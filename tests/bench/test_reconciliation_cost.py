"""What reconciliation costs at any size."""

from bench.scale.reconciliation import cost


def test_ten_million_are_compared_within_a_day_for_half_an_action_each_and_month() -> None:
    most = cost(10_000_000, page_seconds=1.3)

    assert most.pass_hours <= 24
    assert most.actions_per_subscription(10_000_000) <= 0.5
    assert cost(25_000).actions_per_subscription(25_000) <= 0.5
