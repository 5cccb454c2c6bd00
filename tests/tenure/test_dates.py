"""Moments on the command line."""

from datetime import UTC, datetime, timedelta

import pytest

from domain.errors import Malformed
from tenure.cli.dates import moment

NOW = datetime(2026, 11, 5, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("30m", NOW - timedelta(minutes=30)),
        ("2h", NOW - timedelta(hours=2)),
        ("3d", NOW - timedelta(days=3)),
        ("2026-11-05T09:00:00Z", NOW - timedelta(hours=3)),
        ("2026-11-05T10:00:00+01:00", NOW - timedelta(hours=3)),
    ],
)
def test_a_moment_is_how_long_ago_or_when(text: str, meant: datetime) -> None:
    assert moment(text, field="since", now=NOW) == meant


@pytest.mark.parametrize("text", ["", "yesterday", "2", "2w", "-2h", "2026-11-05", "2026-11-05T09:00:00", "999999d"])
def test_anything_else_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(Malformed, match=r"\(30m, 2h or 3d\) or when \(2026-11-05T09:00:00Z\)") as refused:
        moment(text, field="since", now=NOW)
    assert refused.value.field == "since"
