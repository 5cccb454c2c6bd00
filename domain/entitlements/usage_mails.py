"""What a customer is told of a threshold that their use has crossed."""

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
    """The feature that the mail of this key is about."""
    return key.split("/")[1]


def threshold_of(key: str) -> str:
    """The share of the limit that was crossed, in percent."""
    return key.split("/")[3]


@dataclass(frozen=True)
class Crossing:
    """A share of a limit that use has come to, as it was noted in the moment of that use."""

    feature: str
    period_start: datetime
    """Of a gauge the month's."""
    threshold: int
    """In percent of the limit."""
    included: int
    """The limit, with add-ons and seats."""
    used: int
    plan: str
    catalog: str
    """Whose plan that is."""
    at: datetime
    resets_at: datetime | None = None
    """None: a gauge, which never does."""
    grace_ends_at: datetime | None = None
    is_billed: bool = False
    """Use beyond the limit goes on, and costs."""

    @property
    def key(self) -> str:
        """Makes its mail one per feature, period, threshold and limit: after an upgrade it is another."""
        occasion = Occasion.USAGE_LIMIT if self.threshold >= 100 else Occasion.USAGE_WARNING
        return f"{occasion}/{self.feature}/{moment(self.period_start)}/{self.threshold}/{self.included}"


def usage_mail(crossing: Crossing, catalog: Catalog, today: Catalog) -> Mail | None:
    """The mail that tells of it; None: the catalog has no such plan or feature any more.

    *today* is what the product sells now: it says whether there is a larger plan to go to.
    """
    plan, feature = catalog.plans.get(crossing.plan), catalog.features.get(crossing.feature)
    if plan is None or feature is None:
        return None
    told = {
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
        told["resets_at"] = moment(crossing.resets_at)
    is_limit = crossing.threshold >= 100
    told |= _beyond(crossing, plan, feature.limit, is_limit=is_limit)
    return Mail(crossing.key, Occasion.USAGE_LIMIT if is_limit else Occasion.USAGE_WARNING, crossing.at, told)


def _has_larger_plan(crossing: Crossing, feature: Feature, catalog: Catalog, today: Catalog) -> bool:
    """Whether the plan, as it is without add-ons, leads to one that has more of the feature."""
    standing = EntitlementBasis(crossing.at, Basis.PLAN, plan=crossing.plan, catalog=catalog.name)
    upgrades = suggestions(EntitlementSnapshot(standing, catalog, today), Wanted(feature))
    return any(one.code in today.plans and one.code != crossing.plan for one in upgrades)


def _beyond(crossing: Crossing, plan: Plan, rule: LimitRule, *, is_limit: bool) -> dict[str, str]:
    """What becomes of use beyond the limit; empty: it is turned away."""
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
    if crossing.grace_ends_at is None or crossing.grace_ends_at <= crossing.at:
        return {}
    return {"grace_ends_at": moment(crossing.grace_ends_at), "ceiling": str(ceiling)}
