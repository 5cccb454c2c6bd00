"""What one customer has and has used at a moment, and whether they may do something: what a check answers."""

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
    """Why something may not be done; the codes of refusals."""

    NO_PLAN = "no_plan"
    """Nothing entitles the customer."""
    ACCESS_LIMITED = "access_limited"
    """The policy lets nothing more be used up for now."""
    NOT_IN_PLAN = "feature_not_in_plan"
    """The plan has none of it, or not what was asked for."""
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
    """A customer's entitlements at a moment, by the catalog that is theirs, beside today's."""

    standing: EntitlementBasis
    catalog: Catalog
    """Whose plan entitles; today's if nothing does."""
    today: Catalog
    tallies: tuple[Tally, ...] = ()

    @property
    def plan(self) -> Plan | None:
        """What entitles; None: nothing does, or the plan is in no catalog any more."""
        return self.catalog.plans.get(self.standing.plan) if self.standing.plan is not None else None

    @property
    def is_of_today(self) -> bool:
        """Whether what entitles is what is sold today, and not an older version of it."""
        return self.catalog.name == self.today.name

    @cached_property
    def features(self) -> dict[str, Feature]:
        """All that plans differ in, today's and what only older plans have; as the customer's own catalog has it."""
        return {**self.today.features, **self.catalog.features}

    def has(self, feature: Feature) -> Granted:
        """What there is of a feature."""
        it = self.standing
        found = None
        if it.plan is not None and it.basis is not Basis.NOTHING:
            found = granted(self.catalog, it.plan, feature.code, it.add_ons, it.quantity)
        return found or Granted(feature, NOTHING_OF[feature.kind])

    def overage(self, feature: Feature) -> Overage | None:
        """What use beyond the limit costs; None: it is not let pass for money.

        The plan alone does not tell: an agreement that was made before the plan had overage bills nothing of the kind.
        """
        plan = self.plan
        overage = plan.overage.get(feature.code) if plan is not None else None
        if plan is None or overage is None:
            return None
        return overage if self.standing.bills(self.catalog.overage_price(plan.code, feature.code)) else None

    def counter(self, feature: Feature) -> Counter:
        """How much of a counted feature was used in the period that goes on, and how much may be."""
        assert feature.window is not None  # noqa: S101 - asked of what is counted only
        now, included = period(feature.window, self.standing), self.has(feature).value
        number = included if isinstance(included, int) else None
        noted = next((one for one in self.tallies if one.feature == feature.code and one.starts == now.starts), None)
        used = noted.used if noted is not None else 0
        over_since = noted.over_since if noted is not None and number is not None and used >= number else None
        most = ceiling(number, feature.limit, self.overage(feature), over_since, self.standing.moment)
        starts = None if now.starts == EPOCH else now.starts
        return Counter(feature.code, number, most, used, used, starts, now.ends, over_since)

    def level(self, counter: Counter, feature: Feature) -> UsageLevel:
        """How near its limit a counter is."""
        return level(counter, feature.limit, is_billed=self.overage(feature) is not None)

    def seen(self, counted: Counted) -> Counted:
        """What came of a use, as it is held: who is entitled to nothing has none of it, whatever it was counted by.

        A feature that came or went with a change of the catalog in the same moment is left out.
        """
        known = tuple(one for one in counted.counters if one.feature in self.features)
        if self.standing.basis is Basis.NOTHING:
            known = tuple(replace(one, included=0, ceiling=0) for one in known)
        return counted if known == counted.counters else replace(counted, counters=known)

    def nearest(self, counters: Sequence[Counter]) -> Counter | None:
        """The one that is nearest to its limit."""
        return max(counters, key=self._nearness) if len(counters) > 1 else next(iter(counters), None)

    def _nearness(self, counter: Counter) -> tuple[int, int, int]:
        feature, percent = self.features.get(counter.feature), share(counter.used, counter.included)
        if feature is None or percent is None or counter.included is None:
            return 0, -1, 0
        return _LEVELS.index(self.level(counter, feature)), percent, counter.used - counter.included

    def denial(self, feature: Feature, quantity: int | None = None, value: str | None = None) -> Denial | None:
        """Why so much of a feature, or this value of it, may not be used now; None: it may."""
        basis, has = self.standing.basis, self.has(feature)
        if basis is Basis.NOTHING:
            return Denial.NO_PLAN
        if feature.window is not None:
            return self._denial_of_use(feature, quantity or 1)
        if not has.allows(quantity if feature.kind in (FeatureKind.NUMBER, FeatureKind.RATE) else value):
            of_number = feature.kind is FeatureKind.NUMBER and has.is_given
            return Denial.LIMIT_REACHED if of_number else Denial.NOT_IN_PLAN
        return None

    def _denial_of_use(self, feature: Feature, quantity: int) -> Denial | None:
        """As the database decides it when something is consumed: all that one meter uses up must let it pass."""
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
        """Of all that is used up with a counted feature, what stands in the way of such a use."""
        together = features_of(feature.meter, self.catalog.features)
        return refusing(map(self.counter, together), quantity, denial)


def denial_of(outcome: Outcome) -> Denial | None:
    """Why nothing was counted; None: it was, or for what the caller did wrong."""
    return _DENIALS.get(outcome)


def refusing(counters: Iterable[Counter], quantity: int, denial: Denial) -> Counter | None:
    """The counter that let a use not pass, of several the one that does so the longest; None: none stood in its way."""
    return max(
        (one for one in counters if _stops(one, quantity, denial)), key=lambda one: _until(one, quantity), default=None
    )


def _stops(counter: Counter, quantity: int, denial: Denial) -> bool:
    if denial is Denial.NOT_IN_PLAN:
        return counter.included == 0
    return denial is Denial.LIMIT_REACHED and counter.ceiling is not None and counter.used + quantity > counter.ceiling


def _until(counter: Counter, quantity: int) -> float:
    """Until when so much is not let pass."""
    if counter.ends is None or quantity > whole(counter):
        return inf
    return counter.ends.timestamp()


def whole(counter: Counter) -> int:
    """How much is let pass in a whole period, by a limit that there is."""
    return max(counter.included or 0, counter.ceiling or 0)
