"""Mails about crossed usage thresholds."""

from dataclasses import dataclass
from datetime import datetime

from domain.access import Basis
from domain.catalog.features import Feature, LimitRule
from domain.catalog.plans import Catalog, Plan
from domain.entitlements.grants import EntitlementBasis
from domain.entitlements.snapshot import EntitlementSnapshot
from domain.entitlements.suggestions import Wanted, suggestions
from domain.entitlements.usage import share
from domain.formatting import moment
from domain.notifications.mail_types import Mail, Occasion

USAGE_OCCASIONS = (Occasion.USAGE_WARNING, Occasion.USAGE_LIMIT)


def feature_of(key: str) -> str:
    """Returns the feature that the mail with this key is about."""
    return key.split("/")[1]


def threshold_of(key: str) -> str:
    """Returns the crossed threshold, in percent of the limit."""
    return key.split("/")[3]


@dataclass(frozen=True)
class Crossing:
    """A threshold that usage has crossed, as recorded along with that usage."""

    feature: str
    period_start: datetime
    """For a gauge, the month's."""
    threshold: int
    """In percent of the limit."""
    included: int
    """The limit, with add-ons and seats."""
    used: int
    plan: str
    catalog: str
    """The catalog of that plan."""
    at: datetime
    resets_at: datetime | None = None
    """None: a gauge, which never resets."""
    grace_ends_at: datetime | None = None
    is_billed: bool = False
    """Usage beyond the limit is allowed and billed."""

    @property
    def key(self) -> str:
        """Makes the mail unique per feature, period, threshold and limit: after an upgrade there is a new one."""
        occasion = Occasion.USAGE_LIMIT if self.threshold >= 100 else Occasion.USAGE_WARNING
        return f"{occasion}/{self.feature}/{moment(self.period_start)}/{self.threshold}/{self.included}"


def usage_mail(crossing: Crossing, catalog: Catalog, today: Catalog) -> Mail | None:
    """Returns the mail for a crossing; None: the catalog no longer has the plan or feature.

    *today* is the catalog sold now: it decides whether there is a larger plan.
    """
    plan, feature = catalog.plans.get(crossing.plan), catalog.features.get(crossing.feature)
    if plan is None or feature is None:
        return None
    facts = {
        "plan": plan.code,
        "plan_name": plan.name,
        "currency": catalog.currency,
        "meter_name": feature.name,
        "used": str(crossing.used),
        "limit": str(crossing.included),
        "percent": str(share(crossing.used, crossing.included)),
        "has_larger_plan": "yes" if _has_larger_plan(crossing, feature, catalog, today) else "no",
    }
    if crossing.resets_at is not None:
        facts["resets_at"] = moment(crossing.resets_at)
    is_limit = crossing.threshold >= 100
    facts |= _facts_beyond_limit(crossing, plan, feature.limit, is_limit=is_limit)
    return Mail(crossing.key, Occasion.USAGE_LIMIT if is_limit else Occasion.USAGE_WARNING, crossing.at, facts)


def _has_larger_plan(crossing: Crossing, feature: Feature, catalog: Catalog, today: Catalog) -> bool:
    """True if the plan, without add-ons, has an upgrade with more of the feature."""
    standing = EntitlementBasis(crossing.at, Basis.PLAN, plan=crossing.plan, catalog=catalog.name)
    upgrades = suggestions(EntitlementSnapshot(standing, catalog, today), Wanted(feature))
    return any(one.code in today.plans and one.code != crossing.plan for one in upgrades)


def _facts_beyond_limit(crossing: Crossing, plan: Plan, rule: LimitRule, *, is_limit: bool) -> dict[str, str]:
    """What happens to usage beyond the limit; empty: it is refused."""
    if crossing.is_billed:
        overage = plan.overage.get(crossing.feature)
        price = {"overage_amount": str(overage.price.amount), "overage_units": str(overage.units)} if overage else {}
        return {"beyond_limit": "billed"} | price
    if rule.hard is None:
        return {"beyond_limit": "free"}
    ceiling = crossing.included * rule.hard // 100
    if not rule.grace_days or crossing.used >= ceiling:
        return {}
    if not is_limit:
        return {"grace_days": str(rule.grace_days)}
    return _facts_of_grace(crossing, ceiling)


def _facts_of_grace(crossing: Crossing, ceiling: int) -> dict[str, str]:
    """Until when and up to where usage goes on; without an end, until the counter resets."""
    ends = crossing.grace_ends_at
    if ends is None or ends <= crossing.at:
        return {}
    if crossing.resets_at is not None and crossing.resets_at <= ends:
        return {"ceiling": str(ceiling)}
    return {"grace_ends_at": moment(ends), "ceiling": str(ceiling)}
