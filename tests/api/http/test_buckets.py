"""Token buckets: a burst, then a steady rate."""

from api.http.buckets import Buckets


class Clock:
    """A clock that only moves when told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_bucket_allows_its_size_and_then_says_how_long_to_wait() -> None:
    clock = Clock()
    buckets = Buckets(size=2, refill_seconds=6, clock=clock)

    assert [buckets.take("a") for _ in range(3)] == [0, 0, 6]
    clock.now += 4
    assert buckets.take("a") == 2
    clock.now += 2
    assert buckets.take("a") == 0


def test_each_name_has_a_bucket_of_its_own() -> None:
    buckets = Buckets(size=1, refill_seconds=6, clock=Clock())

    assert [buckets.take(name) for name in ("a", "b", "a")] == [0, 0, 6]


def test_a_bucket_never_holds_more_than_its_size() -> None:
    clock = Clock()
    buckets = Buckets(size=2, refill_seconds=6, clock=clock)
    buckets.take("a")
    clock.now += 10_000

    assert [buckets.take("a") > 0 for _ in range(3)] == [False, False, True]


def test_the_number_of_buckets_is_bounded() -> None:
    buckets = Buckets(size=1, refill_seconds=6, max_entries=2, clock=Clock())
    for name in ("a", "b", "c"):
        buckets.take(name)

    assert buckets.take("c") > 0, "asked for of late"
    assert buckets.take("a") == 0, "forgotten, so it is full again"
