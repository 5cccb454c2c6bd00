"""Whether what a customer uses fits what they want to change to."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from domain.entitlements import Granted, is_gauge
from domain.features import Feature
from domain.letters import moment
from domain.usage import Counter
from domain.windows import in_words


@dataclass(frozen=True)
class Misfit:
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


def misfits(
    before: Mapping[str, Granted],
    after: Mapping[str, Granted],
    used: Iterable[Counter],
    *,
    at_once: bool,
    billed: Collection[str] = (),
) -> tuple[Misfit, ...]:
    """What of the use that there is does not fit; only of what becomes less, for any more is a step in the right way.

    Args:
        before: what there is of each feature.
        after: what there would be.
        used: how much of it is used now.
        at_once: whether the change comes before the periods end that go on; if not, they end with the old plan.
        billed: what may be used beyond its limit after the change, for it is billed.
    """
    return tuple(
        Misfit(now.feature, counter, now.value)
        for counter in used
        if (now := after.get(counter.feature)) is not None
        and isinstance(now.value, int)
        and _is_less(before.get(counter.feature), now.value)
        and counter.used > now.value
        and (is_gauge(now.feature) or (at_once and counter.feature not in billed))
    )


def _is_less(before: Granted | None, number: int) -> bool:
    return before is None or before.value is None or (isinstance(before.value, int) and number < before.value)
