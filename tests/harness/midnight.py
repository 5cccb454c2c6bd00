"""Counters of days, weeks and months begin anew at midnight UTC, by the database's clock, which no test moves."""

import time
from datetime import UTC, datetime, timedelta

LONGEST_TEST = timedelta(seconds=30)


def wait_out_midnight() -> None:
    """Return when midnight is not near: what a test counts is all of one day."""
    now = datetime.now(UTC)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    if midnight - now < LONGEST_TEST:
        time.sleep((midnight - now + timedelta(seconds=1)).total_seconds())
