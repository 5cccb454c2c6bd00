"""Figures of recurring revenue; it requires an API key of role `read_only`, `operator` or `admin`.

Each operation is defined once here; `Tenure` and `AsyncTenure` have it as a method of the same name, without `core`.
"""

from typing import Literal

from tenure.client.churn import ChurnRates, CustomerCounts
from tenure.client.core import Core, Steps
from tenure.client.metrics import Movements, Mrr
from tenure.client.overview import RevenueOverview
from tenure.client.requests import Call
from tenure.client.values import PeriodLength


def revenue_overview(core: Core, *, plan: str | None = None, currency: str | None = None) -> Steps[RevenueOverview]:
    """Return what there is now of each currency, or one: revenue, customers, growth, ARPU and LTV."""
    return core.ask(
        Call("GET", "/v1/metrics/overview", RevenueOverview, query=_given({"plan": plan, "currency": currency}))
    )


def mrr(
    core: Core,
    *,
    first: str | None = None,
    last: str | None = None,
    interval: PeriodLength = "month",
    plan: str | None = None,
    status: Literal["active", "past_due", "paused", "trialing"] | None = None,
    currency: str | None = None,
    group: Literal["plan"] | None = None,
) -> Steps[Mrr]:
    """Return monthly recurring revenue, now and at the end of each period from *first* to *last*, as `2026-01`.

    With a *status*, only what there is now in it: the status of the past is not kept.
    """
    asked = {"from": first, "to": last, "interval": interval, "plan": plan, "currency": currency, "group": group}
    return core.ask(Call("GET", "/v1/metrics/mrr", Mrr, query=_given(asked | {"status": status})))


def movements(
    core: Core,
    *,
    first: str | None = None,
    last: str | None = None,
    interval: PeriodLength = "month",
    plan: str | None = None,
    currency: str | None = None,
    group: Literal["plan"] | None = None,
) -> Steps[Movements]:
    """Return what moved recurring revenue in each period from *first* to *last*, as `2026-01`."""
    asked = {"from": first, "to": last, "interval": interval, "plan": plan, "currency": currency, "group": group}
    return core.ask(Call("GET", "/v1/metrics/movements", Movements, query=_given(asked)))


def customer_counts(
    core: Core,
    *,
    first: str | None = None,
    last: str | None = None,
    interval: PeriodLength = "month",
    plan: str | None = None,
    currency: str | None = None,
    group: Literal["plan"] | None = None,
) -> Steps[CustomerCounts]:
    """Return how many customers pay in each period from *first* to *last*, as `2026-01`, who came and who went."""
    asked = {"from": first, "to": last, "interval": interval, "plan": plan, "currency": currency, "group": group}
    return core.ask(Call("GET", "/v1/metrics/customers", CustomerCounts, query=_given(asked)))


def churn(
    core: Core,
    *,
    first: str | None = None,
    last: str | None = None,
    interval: PeriodLength = "month",
    plan: str | None = None,
    currency: str | None = None,
    group: Literal["plan"] | None = None,
) -> Steps[ChurnRates]:
    """Return what was lost in each period from *first* to *last*, as `2026-01`, of what there was at its start."""
    asked = {"from": first, "to": last, "interval": interval, "plan": plan, "currency": currency, "group": group}
    return core.ask(Call("GET", "/v1/metrics/churn", ChurnRates, query=_given(asked)))


def _given(asked: dict[str, str | None]) -> dict[str, str | int]:
    return {name: value for name, value in asked.items() if value is not None}
