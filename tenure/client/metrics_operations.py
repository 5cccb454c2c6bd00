"""Figures of recurring revenue; it requires an API key of role `read_only`, `operator` or `admin`.

Each operation is defined once here; `Tenure` and `AsyncTenure` have it as a method of the same name, without `core`.
"""

from typing import Literal

from tenure.client.churn import ChurnRates, CustomerCounts
from tenure.client.cohorts import Cohorts
from tenure.client.core import Core, Steps
from tenure.client.metrics import Movements, Mrr
from tenure.client.overview import RevenueOverview
from tenure.client.requests import Call
from tenure.client.values import Interval, PeriodLength


def revenue_overview(
    core: Core, *, plan: str | None = None, billing_interval: Interval | None = None, currency: str | None = None
) -> Steps[RevenueOverview]:
    """Return what there is now of each currency, or one: revenue, customers, growth, ARPU and LTV."""
    asked = _segment(plan, billing_interval, currency)
    return core.ask(Call("GET", "/v1/metrics/overview", RevenueOverview, query=_given(asked)))


def mrr(  # noqa: PLR0913 - each is a parameter of the report
    core: Core,
    *,
    first: str | None = None,
    last: str | None = None,
    interval: PeriodLength = "month",
    plan: str | None = None,
    billing_interval: Interval | None = None,
    status: Literal["active", "past_due", "paused", "trialing"] | None = None,
    currency: str | None = None,
    group: Literal["plan", "billing_interval"] | None = None,
) -> Steps[Mrr]:
    """Return monthly recurring revenue, now and at the end of each period from *first* to *last*, as `2026-01`.

    With a *status*, only what there is now in it: the status of the past is not kept.
    """
    asked = _periods(first, last, interval) | _segment(plan, billing_interval, currency) | {"group": group}
    return core.ask(Call("GET", "/v1/metrics/mrr", Mrr, query=_given(asked | {"status": status})))


def movements(
    core: Core,
    *,
    first: str | None = None,
    last: str | None = None,
    interval: PeriodLength = "month",
    plan: str | None = None,
    billing_interval: Interval | None = None,
    currency: str | None = None,
    group: Literal["plan", "billing_interval"] | None = None,
) -> Steps[Movements]:
    """Return what moved recurring revenue in each period from *first* to *last*, as `2026-01`."""
    asked = _periods(first, last, interval) | _segment(plan, billing_interval, currency) | {"group": group}
    return core.ask(Call("GET", "/v1/metrics/movements", Movements, query=_given(asked)))


def customer_counts(
    core: Core,
    *,
    first: str | None = None,
    last: str | None = None,
    interval: PeriodLength = "month",
    plan: str | None = None,
    billing_interval: Interval | None = None,
    currency: str | None = None,
    group: Literal["plan", "billing_interval"] | None = None,
) -> Steps[CustomerCounts]:
    """Return how many customers pay in each period from *first* to *last*, as `2026-01`, who came and who went."""
    asked = _periods(first, last, interval) | _segment(plan, billing_interval, currency) | {"group": group}
    return core.ask(Call("GET", "/v1/metrics/customers", CustomerCounts, query=_given(asked)))


def churn(
    core: Core,
    *,
    first: str | None = None,
    last: str | None = None,
    interval: PeriodLength = "month",
    plan: str | None = None,
    billing_interval: Interval | None = None,
    currency: str | None = None,
    group: Literal["plan", "billing_interval"] | None = None,
) -> Steps[ChurnRates]:
    """Return what was lost in each period from *first* to *last*, as `2026-01`, of what there was at its start."""
    asked = _periods(first, last, interval) | _segment(plan, billing_interval, currency) | {"group": group}
    return core.ask(Call("GET", "/v1/metrics/churn", ChurnRates, query=_given(asked)))


def cohorts(
    core: Core,
    *,
    first: str | None = None,
    last: str | None = None,
    plan: str | None = None,
    billing_interval: Interval | None = None,
    currency: str | None = None,
    group: Literal["plan", "billing_interval"] | None = None,
) -> Steps[Cohorts]:
    """Return who began to pay in each month from *first* to *last*, as `2026-01`, and who of them still does.

    With a *plan* or *billing_interval*, of those alone who began with it.
    """
    asked = {"from": first, "to": last} | _segment(plan, billing_interval, currency) | {"group": group}
    return core.ask(Call("GET", "/v1/metrics/cohorts", Cohorts, query=_given(asked)))


def _periods(first: str | None, last: str | None, interval: PeriodLength) -> dict[str, str | None]:
    return {"from": first, "to": last, "interval": interval}


def _segment(plan: str | None, billing_interval: Interval | None, currency: str | None) -> dict[str, str | None]:
    return {"plan": plan, "billing_interval": billing_interval, "currency": currency}


def _given(asked: dict[str, str | None]) -> dict[str, str | int]:
    return {name: value for name, value in asked.items() if value is not None}
