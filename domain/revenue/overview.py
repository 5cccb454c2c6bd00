"""The revenue at a glance: what there is now, of what it consists, and how it grows."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, field
from fractions import Fraction

from domain.revenue.figures import Period
from domain.revenue.ratios import LifetimeValue, lifetime_value, per_customer

FULL_MONTHS = 3
"""How many months before the current one say how many customers leave."""


@dataclass(frozen=True)
class Standing:
    """What subscriptions are worth now; amounts are annual, in minor units."""

    annual: int = 0
    committed: int = 0
    """Without those that are set to end."""
    at_risk: int = 0
    """Of those whose payment is being recovered; part of `annual`."""
    paused: int = 0
    trialing: int = 0
    paying_customers: int = 0
    free_customers: int = 0
    """On the free plan."""
    trialing_customers: int = 0

    def __add__(self, other: "Standing") -> "Standing":
        return Standing(*(one + more for one, more in zip(astuple(self), astuple(other), strict=True)))


@dataclass(frozen=True)
class StandingOf:
    """What subscriptions of one kind are worth now."""

    currency: str
    plan: str
    billing_interval: str
    status: str
    standing: Standing


@dataclass(frozen=True)
class Overview:
    """What there is now in one currency."""

    currency: str
    total: Standing
    this_month: Period
    last_month: Period
    per_customer: Fraction | None
    """What each customer pays a month, in minor units; None: nobody pays."""
    lifetime_value: LifetimeValue
    by_plan: Mapping[str, Standing] = field(default_factory=dict)
    by_billing_interval: Mapping[str, Standing] = field(default_factory=dict)
    by_status: Mapping[str, Standing] = field(default_factory=dict)


def overviews(parts: Iterable[StandingOf], months: Mapping[str, Sequence[Period]]) -> list[Overview]:
    """Returns the overview of each currency of *months*: the current month and, before it, `FULL_MONTHS`."""
    of_currency: dict[str, list[StandingOf]] = defaultdict(list)
    for part in parts:
        of_currency[part.currency].append(part)
    return [_overview(currency, of_currency[currency], months[currency]) for currency in sorted(months)]


def total(parts: Iterable[StandingOf]) -> Standing:
    """Returns the sum of all, which are of one currency."""
    return sum((part.standing for part in parts), Standing())


def _overview(currency: str, parts: Sequence[StandingOf], months: Sequence[Period]) -> Overview:
    *full, current = months
    of_all = total(parts)
    each = per_customer(of_all.annual, of_all.paying_customers)
    return Overview(
        currency,
        of_all,
        this_month=current,
        last_month=full[-1],
        per_customer=each,
        lifetime_value=lifetime_value(each, full[-FULL_MONTHS:]),
        by_plan=_split(parts, lambda part: part.plan),
        by_billing_interval=_split(parts, lambda part: part.billing_interval),
        by_status=_split(parts, lambda part: part.status),
    )


def _split(parts: Iterable[StandingOf], name: Callable[[StandingOf], str]) -> dict[str, Standing]:
    found: dict[str, Standing] = {}
    for part in parts:
        found[name(part)] = found.get(name(part), Standing()) + part.standing
    return dict(sorted(found.items()))
