"""One customer's entitlements and usage at a moment, and whether they may use something."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from math import inf

from domain.access import Basis
from domain.catalog.features import Feature, FeatureKind, Overage, features_of
from domain.catalog.plans import Catalog, Plan
from domain.entitlements.grants import NOTHING_OF, EntitlementBasis, Granted, granted
from domain.entitlements.usage import Counted, Counter, Outcome, Tally, UsageLevel, ceiling, level, share
from domain.entitlements.usage_periods import EPOCH, period


class Denial(StrEnum):
    """Why usage is denied; these are the codes of refusals."""

    NO_PLAN = "no_plan"
    """Nothing entitles the customer."""
    ACCESS_LIMITED = "access_limited"
    """The policy allows no new usage for now."""
    NOT_IN_PLAN = "feature_not_in_plan"
    """The plan does not include it, or not what was asked for."""
    LIMIT_REACHED = "limit_reached"


_DENIALS = {
    Outcome.NO_PLAN: Denial.NO_PLAN,
    Outcome.NO_NEW_USE: Denial.ACCESS_LIMITED,
    Outcome.NOT_IN_PLAN: Denial.NOT_IN_PLAN,
    Outcome.LIMIT_REACHED: Denial.LIMIT_REACHED,
}

_LEVELS = tuple(UsageLevel)


@dataclass(frozen=True)
class EntitlementSnapshot:
    """A customer's entitlements at a moment, by their own catalog, along with today's."""

    standing: EntitlementBasis
    catalog: Catalog
    """The catalog of the plan that entitles; today's if nothing does."""
    today: Catalog
    tallies: tuple[Tally, ...] = ()

    @property
    def plan(self) -> Plan | None:
        """The plan that entitles; None: nothing does, or no catalog has the plan any longer."""
        return self.catalog.plans.get(self.standing.plan) if self.standing.plan is not None else None

    @property
    def is_of_today(self) -> bool:
        """True if the customer's catalog is the one sold today, not an older version."""
        return self.catalog.name == self.today.name

    @cached_property
    def features(self) -> dict[str, Feature]:
        """All features, today's and those only older plans have, as the customer's own catalog defines them."""
        return {**self.today.features, **self.catalog.features}

    def has(self, feature: Feature) -> Granted:
        """The granted value of a feature."""
        it = self.standing
        found = None
        if it.plan is not None and it.basis is not Basis.NOTHING:
            found = granted(self.catalog, it.plan, feature.code, it.add_ons, it.quantity)
        return found or Granted(feature, NOTHING_OF[feature.kind])

    def overage(self, feature: Feature) -> Overage | None:
        """The price of usage beyond the limit; None: it is not sold.

        The plan alone does not decide: an agreement from before the plan had overage does not bill it.
        """
        plan = self.plan
        overage = plan.overage.get(feature.code) if plan is not None else None
        if plan is None or overage is None:
            return None
        return overage if self.standing.bills(self.catalog.overage_price(plan.code, feature.code)) else None

    def counter(self, feature: Feature) -> Counter:
        """The usage of a counted feature in the current period, and its limit."""
        assert feature.window is not None  # noqa: S101 - only called for counted features
        current, included = period(feature.window, self.standing), self.has(feature).value
        number = included if isinstance(included, int) else None
        tally = next(
            (one for one in self.tallies if one.feature == feature.code and one.starts == current.starts), None
        )
        used = tally.used if tally is not None else 0
        over_since = tally.over_since if tally is not None and number is not None and used >= number else None
        hard_limit = ceiling(number, feature.limit, self.overage(feature), over_since, self.standing.moment)
        starts = None if current.starts == EPOCH else current.starts
        return Counter(feature.code, number, hard_limit, used, used, starts, current.ends, over_since)

    def level(self, counter: Counter, feature: Feature) -> UsageLevel:
        """How close a counter is to its limit."""
        return level(counter, feature.limit, is_billed=self.overage(feature) is not None)

    def seen(self, counted: Counted) -> Counted:
        """Returns the result as this customer sees it: without entitlements every limit is 0.

        Leaves out features that a concurrent change of the catalog added or removed.
        """
        known = tuple(one for one in counted.counters if one.feature in self.features)
        if self.standing.basis is Basis.NOTHING:
            known = tuple(replace(one, included=0, ceiling=0) for one in known)
        return counted if known == counted.counters else replace(counted, counters=known)

    def nearest(self, counters: Sequence[Counter]) -> Counter | None:
        """Returns the counter closest to its limit."""
        return max(counters, key=self._nearness) if len(counters) > 1 else next(iter(counters), None)

    def _nearness(self, counter: Counter) -> tuple[int, int, int]:
        feature, percent = self.features.get(counter.feature), share(counter.used, counter.included)
        if feature is None or percent is None or counter.included is None:
            return 0, -1, 0
        return _LEVELS.index(self.level(counter, feature)), percent, counter.used - counter.included

    def denial(self, feature: Feature, quantity: int | None = None, value: str | None = None) -> Denial | None:
        """Why this quantity or value of a feature may not be used now; None: it may."""
        basis, has = self.standing.basis, self.has(feature)
        if basis is Basis.NOTHING:
            return Denial.NO_PLAN
        if feature.window is not None:
            return self._denial_of_use(feature, quantity or 1)
        if not has.allows(quantity if feature.kind in (FeatureKind.NUMBER, FeatureKind.RATE) else value):
            is_above_limit = feature.kind is FeatureKind.NUMBER and has.is_given
            return Denial.LIMIT_REACHED if is_above_limit else Denial.NOT_IN_PLAN
        return None

    def _denial_of_use(self, feature: Feature, quantity: int) -> Denial | None:
        """Decides as the database does on consumption: every feature of the meter must allow it."""
        if self.standing.basis is Basis.NO_NEW_USE:
            return Denial.ACCESS_LIMITED
        if feature.code not in self.catalog.features:
            return Denial.NOT_IN_PLAN
        for one in sorted(features_of(feature.meter, self.catalog.features), key=lambda one: one.code):
            counter = self.counter(one)
            if counter.included == 0 and self.overage(one) is None:
                return Denial.NOT_IN_PLAN
            if counter.ceiling is not None and counter.used + quantity > counter.ceiling:
                return Denial.LIMIT_REACHED
        return None

    def refusing(self, feature: Feature, quantity: int, denial: Denial) -> Counter | None:
        """Of all features counted with this one, returns the counter that refuses the usage."""
        together = features_of(feature.meter, self.catalog.features)
        return refusing(map(self.counter, together), quantity, denial)


def denial_of(outcome: Outcome) -> Denial | None:
    """Why nothing was counted; None: it was, or the request was at fault."""
    return _DENIALS.get(outcome)


def refusing(counters: Iterable[Counter], quantity: int, denial: Denial) -> Counter | None:
    """Returns the counter that refuses a usage, of several the one that refuses longest; None: none does."""
    return max(
        (one for one in counters if _refuses(one, quantity, denial)),
        key=lambda one: _refuses_until(one, quantity),
        default=None,
    )


def _refuses(counter: Counter, quantity: int, denial: Denial) -> bool:
    if denial is Denial.NOT_IN_PLAN:
        return counter.included == 0
    return denial is Denial.LIMIT_REACHED and counter.ceiling is not None and counter.used + quantity > counter.ceiling


def _refuses_until(counter: Counter, quantity: int) -> float:
    """Until when this quantity is refused, as a timestamp."""
    if counter.ends is None or quantity > whole(counter):
        return inf
    return counter.ends.timestamp()


def whole(counter: Counter) -> int:
    """The most that a whole period allows, for a feature with a limit."""
    return max(counter.included or 0, counter.ceiling or 0)
