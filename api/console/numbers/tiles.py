"""Figures of now, each by itself: what it is, what it means, and the list of the subscriptions behind it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from api.console.numbers.writing import Unit, Value, called, written
from api.metrics.churn import ChurnPeriodView
from api.metrics.overview import CurrencyOverviewView
from domain.revenue.ratios import NoLifetimeValue
from localization.formats import Formats

_PAYING: Final = {"status=active": "active", "status=past_due": "past due"}
ROWS_BEHIND: Final[Mapping[str, Mapping[str, str]]] = {
    "mrr": _PAYING,
    "at_risk": {"status=past_due": "past due"},
    "paused": {"status=paused": "paused"},
    "trialing": {"status=trialing": "trialing"},
    "customers": _PAYING,
    "trialing_customers": {"status=trialing": "trialing"},
}
"""The subscriptions that a figure is made of: what they are called, by the filter of their list."""
OF_NOW: Final = ("mrr", "arr", "committed", "at_risk", "paused", "trialing")
_NO_LTV: Final[Mapping[NoLifetimeValue, str]] = {
    NoLifetimeValue.NO_CUSTOMERS: "nobody pays",
    NoLifetimeValue.NO_FULL_MONTH: "there is no full month yet",
    NoLifetimeValue.NO_CHURN: "nobody has left in three months",
}


@dataclass(frozen=True)
class Tile:
    """One figure."""

    name: str
    label: str
    value: str
    hint: str = ""
    rows: Mapping[str, str] = field(default_factory=dict)
    """As in `ROWS_BEHIND`."""


@dataclass(frozen=True)
class Tiles:
    """Makes tiles of figures in one currency."""

    formats: Formats
    currency: str

    def of_now(self, now: Any, names: Iterable[str] = OF_NOW) -> list[Tile]:
        """Return the amounts of what there is now."""
        return [self.tile(name, getattr(now, name)) for name in names]

    def of_overview(self, now: CurrencyOverviewView, last: ChurnPeriodView, this: ChurnPeriodView) -> list[Tile]:
        """Return all of an overview. *last* is what was lost in the last month, *this* in the current one."""
        grown, so_far = now.last_month, now.this_month
        return [
            *self.of_now(now),
            self.tile("customers", now.customers, Unit.COUNT),
            self.tile("free_customers", now.free_customers, Unit.COUNT),
            self.tile("trialing_customers", now.trialing_customers, Unit.COUNT),
            self.tile("arpu", now.arpu),
            self.tile("ltv", now.ltv, hint=_NO_LTV[now.ltv_missing] if now.ltv_missing else ""),
            self._of_month("net_new", grown.net_new, so_far.net_new, Unit.MONEY),
            self._of_month("growth", grown.growth, so_far.growth, Unit.SHARE),
            self._of_month("quick_ratio", grown.quick_ratio, so_far.quick_ratio, Unit.TIMES),
            self._of_month("logo_churn", last.logo_churn, this.logo_churn, Unit.SHARE),
            self._of_month("gross_revenue_churn", last.gross_revenue_churn, this.gross_revenue_churn, Unit.SHARE),
            self._of_month("net_revenue_churn", last.net_revenue_churn, this.net_revenue_churn, Unit.SHARE),
        ]

    def tile(self, name: str, value: Value, unit: Unit = Unit.MONEY, *, hint: str = "") -> Tile:
        """Return one figure."""
        shown = written(value, unit, self.formats, self.currency)
        return Tile(name, called(name), shown, hint, ROWS_BEHIND.get(name, {}))

    def _of_month(self, name: str, last: Value, this: Value, unit: Unit) -> Tile:
        so_far = written(this, unit, self.formats, self.currency)
        return self.tile(name, last, unit, hint=f"last month; this one so far: {so_far}")
