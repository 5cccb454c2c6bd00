"""The arithmetic: from what one life was measured to take to what millions take. Times and sizes name their units."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, Self

from bench.scale.reconciliation import Cost, cost
from gateways.stripe.rate_limits import LIVE_A_SECOND, steps_a_second
from storage.db.pooling import DEFAULT as POOL
from worker.schedules import REPORT_USAGE_EVERY, ROLL_UP_EVERY, SWEEP_EVERY

SIZES: Final = (100_000, 1_000_000, 10_000_000)
A_LIVE_KEY: Final = "sk_live_"
DAYS_OF_A_MONTH: Final = 30.4
SECONDS_OF_A_DAY: Final = 86_400
GIGABYTE: Final = 1e9
MILLION: Final = 1e6
_FILE: Final = Path(__file__).with_name("prices.toml")


@dataclass(frozen=True)
class Prices:
    """Of Temporal Cloud, in USD."""

    read_on: str
    millions: tuple[float, ...]
    a_million: tuple[float, ...]
    active_gigabyte_hour: float
    retained_gigabyte_hour: float
    hours_a_month: float
    included_million_actions: float
    plan_share: float
    plan_at_least: float
    fairness_share: float
    actions_of_a_scheduled_run: float
    retention_days: float

    @classmethod
    def read(cls) -> Self:
        return cls(**_read("temporal_cloud"))

    def of_actions(self, actions: float) -> float:
        """Of a month's actions, beyond those that the plan includes."""
        left, dollars = max(actions / MILLION - self.included_million_actions, 0.0), 0.0
        for step, price in zip((*self.millions, float("inf")), self.a_million, strict=True):
            dollars += min(left, step) * price
            left -= min(left, step)
        return dollars

    def in_all(self, use: float) -> float:
        """Of a month's use, with the plan."""
        return use + max(use * self.plan_share, self.plan_at_least)


@dataclass(frozen=True)
class Assumed:
    """How products and customers are assumed to be."""

    reconciled_page_seconds: float
    keyed_uses_a_day: float
    gauges_that_change_a_day: float
    commands_a_year: float
    api_processes: tuple[int, ...]
    worker_processes: tuple[int, ...]

    @classmethod
    def read(cls) -> Self:
        return cls(**_read("assumed"))


def _read(section: str) -> Mapping[str, Any]:
    found = tomllib.loads(_FILE.read_text(encoding="utf-8"))[section]
    return {name: tuple(value) if isinstance(value, list) else value for name, value in found.items()}


@dataclass(frozen=True)
class LifeFigures:
    """What was measured of a life with a year of monthly renewals."""

    early_actions: float
    """Until it was converted, mails included."""
    month_actions: float
    """Of a month of renewal, mails included."""
    open_bytes: float
    """Of its open run, on average over time."""
    month_closed_bytes: float
    """Of runs that have ended, its own and those of its mails, in a month."""
    month_provider_calls: float
    month_payment_steps: float


@dataclass(frozen=True)
class TemporalMonth:
    """A month of this many subscriptions at Temporal."""

    business: float
    reconciliation: Cost
    schedules: float
    fairness: float
    """Actions that it would cost; not in what follows."""
    active_gigabytes: float
    retained_gigabytes: float
    dollars_of_actions: float
    dollars_of_storage: float
    dollars: float
    dollars_with_fairness: float

    @property
    def actions(self) -> float:
        return self.business + self.reconciliation.actions_a_month + self.schedules


def temporal(number: int, life: LifeFigures, prices: Prices, assumed: Assumed) -> TemporalMonth:
    """A month at Temporal Cloud, without fairness."""
    reconciliation = cost(number, page_seconds=assumed.reconciled_page_seconds)
    business, schedules = number * life.month_actions, scheduled_actions(prices)
    actions = business + reconciliation.actions_a_month + schedules
    fairness = actions * prices.fairness_share
    active = number * life.open_bytes / GIGABYTE
    retained = number * life.month_closed_bytes * prices.retention_days / DAYS_OF_A_MONTH / GIGABYTE
    per_hour = active * prices.active_gigabyte_hour + retained * prices.retained_gigabyte_hour
    storage = per_hour * prices.hours_a_month
    plain, fair = prices.of_actions(actions), prices.of_actions(actions + fairness)
    return TemporalMonth(
        business,
        reconciliation,
        schedules,
        fairness,
        active,
        retained,
        plain,
        storage,
        prices.in_all(plain + storage),
        prices.in_all(fair + storage),
    )


def scheduled_actions(prices: Prices) -> float:
    """Of a month's regular runs but those of reconciliation: each with its workflow and what it does at rest."""
    month = timedelta(days=DAYS_OF_A_MONTH)
    at_rest = {SWEEP_EVERY: 1, REPORT_USAGE_EVERY: 1, ROLL_UP_EVERY: 4}
    started = prices.actions_of_a_scheduled_run + 1
    return sum(month / every * (started + activities) for every, activities in at_rest.items())


@dataclass(frozen=True)
class ProviderDay:
    """A day of this many subscriptions at Stripe."""

    business_calls: float
    reconciliation_calls: float
    payment_steps: float
    hours_of_steps: float
    """At the rate of the whole fleet."""
    share_of_limit: float
    """Of all calls that Stripe's live limit allows in a day."""


def provider(number: int, life: LifeFigures, assumed: Assumed) -> ProviderDay:
    calls = number * life.month_provider_calls / DAYS_OF_A_MONTH
    compared = cost(number, page_seconds=assumed.reconciled_page_seconds).calls_a_second * SECONDS_OF_A_DAY
    steps = number * life.month_payment_steps / DAYS_OF_A_MONTH
    limit = LIVE_A_SECOND * SECONDS_OF_A_DAY
    return ProviderDay(calls, compared, steps, steps / steps_a_second(A_LIVE_KEY) / 3600, (calls + compared) / limit)


@dataclass(frozen=True)
class TableSize:
    """A table of PostgreSQL."""

    name: str
    rows_a_year: float
    """Of one subscription."""
    bytes_a_row: float
    """With its indexes."""
    kept_for: timedelta | None
    """None: for good. What is kept for less than a year levels off at that."""

    def gigabytes(self, number: int) -> float:
        """After a year."""
        year = timedelta(days=365)
        part = 1.0 if self.kept_for is None else min(self.kept_for / year, 1.0)
        return number * self.rows_a_year * part * self.bytes_a_row / GIGABYTE


def connections(place: int, assumed: Assumed) -> int:
    """The most that are open at once: of each process as many as its pool has."""
    return POOL * (assumed.api_processes[place] + assumed.worker_processes[place])
