"""Whether a customer's usage fits the plan they want to change to."""

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
    """A feature whose usage exceeds what the new choice allows."""

    feature: Feature
    counter: Counter
    """The current usage."""
    allowed: int

    @property
    def excess(self) -> int:
        return self.counter.used - self.allowed

    def in_words(self) -> str:
        """Describes the conflict and how to resolve it."""
        name, used = self.feature.name, self.counter.used
        if is_gauge(self.feature):
            return f"{name}: {used:,} are in use and {self.allowed:,} would be allowed: remove {self.excess:,} first"
        when = in_words(self.feature.window) if self.feature.window is not None else ""
        ends = self.counter.ends
        reset = f"it resets at {moment(ends)}; " if ends is not None else ""
        return (
            f"{name}: {used:,} were used {when} and {self.allowed:,} would be allowed: {reset}"
            "wait until then, or ask for the change at the end of the paid period"
        )


def limit_conflicts(
    before: Mapping[str, Granted],
    after: Mapping[str, Granted],
    used: Iterable[Counter],
    *,
    at_once: bool,
    billed: Collection[str] = (),
) -> tuple[LimitConflict, ...]:
    """Returns the features whose current usage would exceed the new limit, among those whose limit gets lower.

    Args:
        before: what is granted now, by feature.
        after: what would be granted.
        used: the current usage.
        at_once: whether the change comes before the current periods end; if not, they end with the old plan.
        billed: features whose usage beyond the limit is billed after the change, and so allowed.
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
    snapshot: EntitlementSnapshot, before: tuple[Selection, Catalog], after: tuple[Selection, Catalog], *, at_once: bool
) -> tuple[LimitConflict, ...]:
    """Returns where a customer's usage does not fit another choice; each choice comes with its catalog."""
    (had, was), (to, will_be) = before, after
    plan, after_change = will_be.plans.get(to.plan), replace(snapshot, catalog=will_be)
    return limit_conflicts(
        all_granted(was, had.plan, had.add_ons, had.quantity),
        all_granted(will_be, to.plan, to.add_ons, to.quantity),
        [after_change.counter(one) for one in will_be.features.values() if one.window is not None],
        at_once=at_once,
        billed=plan.overage if plan is not None else (),
    )


def _is_less(before: Granted | None, number: int) -> bool:
    return before is None or before.value is None or (isinstance(before.value, int) and number < before.value)
