"""Whether an agreement that was made elsewhere bills use beyond its plan's limits just as the plan says."""

from collections.abc import Iterable, Iterator, Sequence

from domain.catalog.plans import Catalog, Interval, Plan
from domain.provider.agreements import AgreedItem


def differs(items: Sequence[AgreedItem], plans: Iterable[tuple[Plan, AgreedItem]], catalog: Catalog) -> Iterator[str]:
    """What is billed by use and should not be, or should and is not, in words; *plans* are those of the items."""
    wanted = {
        catalog.overage_key(plan.code, feature, Interval(item.interval))
        for plan, item in plans
        if item.interval in [*Interval]
        for feature in plan.overage
    }
    by_use = {item.lookup_key or item.price_ref for item in items if item.is_by_use}
    # Whoever subscribed to an older version of the catalog keeps its price.
    known = {_any_version(key) for key in wanted}
    for key in sorted(by_use):
        if _any_version(key) not in known:
            yield f"{key} is billed by use, which is not what its plan has of overage"
    there = {_any_version(key) for key in by_use}
    for key in sorted(wanted):
        if _any_version(key) not in there:
            yield f"use beyond its plan would not be billed: add the price {key} to it"


def _any_version(key: str) -> str:
    return key.rpartition("_v")[0] or key
