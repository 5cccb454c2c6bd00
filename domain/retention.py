"""How long data is kept that is not kept for good, and what its kinds are called."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from domain.entitlements.usage import KEYS_KEPT

DAYS_OF_A_YEAR: Final = 365.25
NOTICES_KEPT: Final = timedelta(days=800)
"""Longer than the longest period, within which nobody is notified twice."""
SAMPLED_WITHIN: Final = timedelta(days=31)
"""The level of a gauge on the first day of its samples was recorded up to a month before."""
SIGN_UPS_KEPT: Final = timedelta(days=1)
BORDER_KEYS_KEPT: Final = timedelta(days=1)
"""Much longer than a use takes to be counted at the border of two months."""


def months(number: int) -> timedelta:
    """The days of this many months on average, rounded up."""
    return timedelta(days=-(-number * DAYS_OF_A_YEAR // 12))


DEFAULT_MONTHS: Final = 36
THREE_YEARS: Final = months(DEFAULT_MONTHS)


@dataclass(frozen=True)
class Retention:
    """How long each kind is kept that an installation may keep longer or shorter."""

    webhooks: timedelta = timedelta(days=35)
    """The provider's events, after which the provider cannot send them again: it can for 30 days."""
    mail_facts: timedelta = timedelta(days=90)
    """What a mail says; that it was sent is kept for good."""
    idempotency_keys: timedelta = timedelta(hours=72)
    """How long a repeat of a request gets the first response."""
    usage: timedelta = timedelta(days=400)
    """Counters of days and weeks, samples and statistics: a year and a month."""
    long_counters: timedelta = THREE_YEARS
    """Counters of months and billing periods, after the period's end."""
    events: timedelta = timedelta(days=30)
    """Events for products, and what came of delivering them."""
    bulk_runs: timedelta = timedelta(days=400)
    """After their end."""

    def by_kind(self) -> Mapping[str, timedelta]:
        """The retention of each kind in `FORGOTTEN`."""
        return {
            "events": KEYS_KEPT,
            "unpartitioned_usage": KEYS_KEPT,
            "border_keys": BORDER_KEYS_KEPT,
            "counters": self.usage,
            "long_counters": self.long_counters,
            "samples": self.usage + SAMPLED_WITHIN,
            "statistics": self.usage,
            "notices": NOTICES_KEPT,
            "sign_ups": SIGN_UPS_KEPT,
            "idempotency_keys": self.idempotency_keys,
            "webhooks": self.webhooks,
            "mail_facts": self.mail_facts,
            "told_events": self.events,
            "deleted_endpoints": self.events,
            "bulk_rows": self.bulk_runs,
            "bulk_runs": self.bulk_runs,
        }


DEFAULT: Final = Retention()
LEAST_MONTHS: Final = 14
LEAST: Final = Retention(
    webhooks=timedelta(days=31),
    mail_facts=timedelta(days=14),
    idempotency_keys=timedelta(hours=24),
    usage=timedelta(days=62),
    long_counters=months(LEAST_MONTHS),
    events=timedelta(days=7),
    bulk_runs=timedelta(days=30),
)
"""The shortest of each: what must not happen twice is known for as long as it could, and what pages show is there."""

FORGOTTEN: Final[Mapping[str, str]] = {
    "usage_months": "months of usage",
    "unpartitioned_usage": "uses outside of such months",
    "border_keys": "keys between two months",
    "events": "usage events",
    "counters": "counters of days and weeks",
    "long_counters": "counters of months and billing periods",
    "samples": "samples of gauges",
    "statistics": "usage statistics",
    "notices": "notices of thresholds",
    "sign_ups": "contacts of unfinished sign-ups",
    "idempotency_keys": "idempotency keys",
    "webhooks": "webhooks of the provider",
    "mail_facts": "contents of mails",
    "told_events": "events for products",
    "deleted_endpoints": "deleted webhook endpoints",
    "bulk_rows": "rows of bulk runs",
    "bulk_runs": "bulk runs",
}
"""What a roll-up deletes or empties, by kind."""


def forgotten_in_words(forgotten: Mapping[str, int]) -> str:
    """What was deleted, by kind; those of another release by its own word."""
    known = [kind for kind in FORGOTTEN if kind in forgotten]
    others = sorted(set(forgotten) - set(known))
    return ", ".join(f"{forgotten[kind]:,} {FORGOTTEN.get(kind, kind)}" for kind in [*known, *others]) or "nothing"
