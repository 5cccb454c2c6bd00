"""Checks that an agreement created elsewhere bills overage exactly as its plan does."""

from collections.abc import Iterable, Iterator, Sequence

from domain.catalog.plans import Catalog, Interval, Plan
from domain.provider.agreements import AgreedItem


def differs(items: Sequence[AgreedItem], plans: Iterable[tuple[Plan, AgreedItem]], catalog: Catalog) -> Iterator[str]:
    """Describes usage-based prices that are missing or should not be there; *plans* are those of the items."""
    wanted = {
        catalog.overage_key(plan.code, feature, Interval(item.interval))
        for plan, item in plans
        if item.interval in [*Interval]
        for feature in plan.overage
    }
    by_use = {item.lookup_key or item.price_ref for item in items if item.is_by_use}
    # Customers who subscribed to an older version of the catalog keep its price.
    known = {_any_version(key) for key in wanted}
    for key in sorted(by_use):
        if _any_version(key) not in known:
            yield f"{key} is billed by usage, but its plan has no such overage"
    there = {_any_version(key) for key in by_use}
    for key in sorted(wanted):
        if _any_version(key) not in there:
            yield f"usage beyond its plan would not be billed: add the price {key} to it"


def _any_version(key: str) -> str:
    return key.rpartition("_v")[0] or key
