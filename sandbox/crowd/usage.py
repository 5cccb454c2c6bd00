"""What the people of a crowd have used up by now: of each meter a share of the limit, some just at a threshold."""

from collections.abc import Iterator, Sequence
from math import floor
from random import Random

from domain.catalog.features import FeatureKind
from domain.catalog.plans import Catalog
from domain.entitlements.grants import Granted, all_granted
from domain.entitlements.usage import UsageChange
from domain.subscription.state import Subscription
from storage.usage.counting import EntitlementRules, Usage

BATCH = 200
UNLIMITED = 400
"""Most that is used where there is no limit."""


def uses(external_id: str, it: Subscription, share: float, catalog: Catalog, dice: Random) -> Iterator[UsageChange]:
    """Return the use of every meter by a customer who comes to this share of each limit."""
    by_meter: dict[str, list[Granted]] = {}
    for granted in all_granted(catalog, it.plan, it.add_ons, it.quantity).values():
        feature = granted.feature
        if feature.kind is FeatureKind.NUMBER and feature.window is not None and granted.is_given:
            by_meter.setdefault(feature.meter, []).append(granted)
    for meter, limits in by_meter.items():
        # Use of a meter counts for all its features: the tightest one tells.
        limit = min((each.value for each in limits if isinstance(each.value, int)), default=None)
        quantity = dice.randint(1, UNLIMITED) if limit is None else floor(limit * share)
        if quantity:
            yield UsageChange(external_id, meter, quantity, f"{external_id}/{meter}/crowd")


async def count(usage: Usage, used: Sequence[UsageChange], rules: EntitlementRules) -> None:
    """Count it all; the notices of crossed thresholds follow as for any use."""
    for start in range(0, len(used), BATCH):
        await usage.use_all(used[start : start + BATCH], rules)
