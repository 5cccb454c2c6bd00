"""Whether what a customer uses fits what they want to change to."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from domain.catalog.features import Feature
from domain.catalog.plans import Catalog, Selection
from domain.entitlements.grants import Granted, all_granted, is_gauge
from domain.entitlements.snapshot import EntitlementSnapshot
from domain.entitlements.usage import Counter
from domain.entitlements.usage_periods import in_words
from domain.formatting import moment


@dataclass(frozen=True)
class LimitConflict:
    """Something of which more is used than there would be."""

    feature: Feature
    counter: Counter
    """What is used now."""
    allowed: int

    @property
    def excess(self) -> int:
        return self.counter.used - self.allowed

    def in_words(self) -> str:
        """What to do about it."""
        name, used = self.feature.name, self.counter.used
        if is_gauge(self.feature):
            return f"{name}: {used:,} are in use and {self.allowed:,} would be allowed: remove {self.excess:,} first"
        when = in_words(self.feature.window) if self.feature.window is not None else ""
        ends = self.counter.ends
        anew = f"it starts anew at {moment(ends)}; " if ends is not None else ""
        return (
            f"{name}: {used:,} were used {when} and {self.allowed:,} would be allowed: {anew}"
            "wait for that, or have the change at the end of what is paid for"
        )


def limit_conflicts(
    before: Mapping[str, Granted],
    after: Mapping[str, Granted],
    used: Iterable[Counter],
    *,
    at_once: bool,
    billed: Collection[str] = (),
) -> tuple[LimitConflict, ...]:
    """What of the use that there is does not fit; only of what becomes less, for any more is a step in the right way.

    Args:
        before: what there is of each feature.
        after: what there would be.
        used: how much of it is used now.
        at_once: whether the change comes before the periods end that go on; if not, they end with the old plan.
        billed: what may be used beyond its limit after the change, for it is billed.
    """
    return tuple(
        LimitConflict(now.feature, counter, now.value)
        for counter in used
        if (now := after.get(counter.feature)) is not None
        and isinstance(now.value, int)
        and _is_less(before.get(counter.feature), now.value)
        and counter.used > now.value
        and (is_gauge(now.feature) or (at_once and counter.feature not in billed))
    )


def unfit(
    holding: EntitlementSnapshot, before: tuple[Selection, Catalog], after: tuple[Selection, Catalog], *, at_once: bool
) -> tuple[LimitConflict, ...]:
    """What of a customer's use does not fit another choice; each choice with the catalog that it is of."""
    (had, was), (to, will_be) = before, after
    plan, there = will_be.plans.get(to.plan), replace(holding, catalog=will_be)
    return limit_conflicts(
        all_granted(was, had.plan, had.add_ons, had.quantity),
        all_granted(will_be, to.plan, to.add_ons, to.quantity),
        [there.counter(one) for one in will_be.features.values() if one.window is not None],
        at_once=at_once,
        billed=plan.overage if plan is not None else (),
    )


def _is_less(before: Granted | None, number: int) -> bool:
    return before is None or before.value is None or (isinstance(before.value, int) and number < before.value)
