"""Figures of trials, failed payments and cancellations; they require a key of role `read_only`, `operator` or `admin`.

The list of cancellations holds what customers said: it requires `operator` or `admin`.

Each operation is defined once here; `Tenure` and `AsyncTenure` have it as a method of the same name, without `core`.
"""

from typing import Literal, Unpack

from tenure.client.core import Core, Steps
from tenure.client.outcomes import Cancellation, CancellationPage, Cancellations, Recovery, Trials, UsageFigures
from tenure.client.paging import PAGE_SIZE, Listing, Pages
from tenure.client.requests import Call, body_of
from tenure.client.values import PeriodLength


def trials(
    core: Core,
    *,
    first: str | None = None,
    last: str | None = None,
    interval: PeriodLength = "month",
    plan: str | None = None,
    group: Literal["plan"] | None = None,
) -> Steps[Trials]:
    """Return what came of the trials that ended in each period from *first* to *last*, as `2026-01`."""
    query = _query(first, last, interval, plan=plan, group=group)
    return core.ask(Call("GET", "/v1/metrics/trials", Trials, query=query))


def recovery(
    core: Core,
    *,
    first: str | None = None,
    last: str | None = None,
    interval: PeriodLength = "month",
    plan: str | None = None,
    currency: str | None = None,
    group: Literal["plan", "decline_code", "tries", "by"] | None = None,
) -> Steps[Recovery]:
    """Return what came of payments that failed first in each period from *first* to *last*, as `2026-01`."""
    query = _query(first, last, interval, plan=plan, currency=currency, group=group)
    return core.ask(Call("GET", "/v1/metrics/recovery", Recovery, query=query))


def cancellations(
    core: Core,
    *,
    first: str | None = None,
    last: str | None = None,
    interval: PeriodLength = "month",
    plan: str | None = None,
    group: Literal["plan", "reason_code"] | None = None,
) -> Steps[Cancellations]:
    """Return who asked to leave in each period from *first* to *last*, as `2026-01`, why, and who stayed."""
    query = _query(first, last, interval, plan=plan, group=group)
    return core.ask(Call("GET", "/v1/metrics/cancellations", Cancellations, query=query))


def list_cancellations(
    core: Core, *, cursor: str | None = None, limit: int | None = None, **part: Unpack[Listing]
) -> Steps[CancellationPage]:
    """Return one page of who asked to leave and what they said, newest first."""
    query = body_of(cursor=cursor, limit=limit, **part)
    return core.ask(Call("GET", "/v1/cancellations", CancellationPage, query=query))


def each_cancellation(core: Core, **part: Unpack[Listing]) -> Pages[Cancellation]:
    """Iterate over who asked to leave and what they said, newest first; pages are fetched as needed."""
    return lambda cursor: list_cancellations(core, cursor=cursor, limit=PAGE_SIZE, **part)


def usage_figures(
    core: Core,
    *,
    first: str | None = None,
    last: str | None = None,
    interval: PeriodLength = "month",
    plan: str | None = None,
    feature: str | None = None,
) -> Steps[UsageFigures]:
    """Return how plans use features in each period from *first* to *last*, as `2026-01`, and who is near a limit."""
    query = _query(first, last, interval, plan=plan, feature=feature)
    return core.ask(Call("GET", "/v1/metrics/usage", UsageFigures, query=query))


def _query(first: str | None, last: str | None, interval: PeriodLength, **others: str | None) -> dict[str, str | int]:
    return body_of(**{"from": first, "to": last}, interval=interval, **others)
