"""What a customer has used of their plan, and which of its limits are reached."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from api.billing_pages.banners import ReachedLimit
from api.entitlements.lookup import EntitlementLookup
from domain.entitlements.snapshot import EntitlementSnapshot
from domain.entitlements.usage import UsageLevel, grace_ends, share
from domain.errors import GatewayUnavailable
from domain.notifications.tones import LIMIT_IS_NEAR, Tone, of_reached_limit
from storage.subscriptions.billing_accounts import BillingAccount

_TONES: Final = {
    UsageLevel.HINT: LIMIT_IS_NEAR,
    UsageLevel.WARNED: LIMIT_IS_NEAR,
    UsageLevel.GRACE: of_reached_limit(goes_on=True),
    UsageLevel.OVERAGE: of_reached_limit(goes_on=True),
    UsageLevel.REACHED: of_reached_limit(goes_on=False),
}


@dataclass(frozen=True)
class UsageBar:
    """What was used of one feature."""

    code: str
    name: str
    used: int
    limit: int | None
    """None: there is none."""
    percent: int | None
    tone: Tone
    level: UsageLevel
    resets_at: datetime | None
    grace_ends_at: datetime | None
    ceiling: int | None
    """The hard limit; None: there is none."""


async def usage_bars(account: BillingAccount, entitlements: EntitlementLookup) -> Sequence[UsageBar]:
    """Return what a customer has used of each feature that is counted; none before a catalog is published."""
    try:
        snapshot = await entitlements.of(account.tenant, account.external_id)
    except GatewayUnavailable as error:
        if error.code == "catalog_unpublished":
            return ()
        raise
    return bars_of(snapshot)


def reached_limits(bars: Sequence[UsageBar]) -> tuple[ReachedLimit, ...]:
    """Return the limits beyond which use is turned away, now or when the grace ends."""
    return tuple(
        ReachedLimit(bar.name, bar.grace_ends_at)
        for bar in bars
        if bar.level is UsageLevel.REACHED or (bar.level is UsageLevel.GRACE and bar.grace_ends_at)
    )


def bars_of(snapshot: EntitlementSnapshot) -> Sequence[UsageBar]:
    """Return what a snapshot says of each feature that is counted."""
    found = []
    for feature in snapshot.features.values():
        if feature.window is None:
            continue
        counter = snapshot.counter(feature)
        if counter.included == 0 and not counter.used:
            continue
        level = snapshot.level(counter, feature)
        is_in_grace = level is UsageLevel.GRACE and snapshot.overage(feature) is None
        found.append(
            UsageBar(
                feature.code,
                feature.name,
                counter.used,
                counter.included,
                share(counter.used, counter.included),
                _TONES.get(level, Tone.CALM),
                level,
                counter.ends,
                grace_ends(counter.over_since, feature.limit, counter.ends) if is_in_grace else None,
                counter.ceiling,
            )
        )
    return tuple(found)
