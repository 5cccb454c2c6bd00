"""The page of who began to pay when, and still does."""

from collections.abc import Callable, Sequence
from typing import Final

from markupsafe import Markup
from pydantic import TypeAdapter

from api.console.numbers.content import Content
from api.console.numbers.report import Report
from api.console.numbers.writing import MISSING, Unit, written
from api.metrics.cohorts import AskedCohorts, CohortMonthView, CohortsView, cohorts
from api.web.charts.cohorts import Cohort, CohortCell, cohort_grid
from localization.formats import Formats

MOST_COHORTS: Final = 18
"""On a page: each has a month less than the one before."""
CUSTOMERS_LEFT: Final = "Customers who still pay, by months since they began"
MRR_LEFT: Final = "Their MRR, of what they began with"
COHORTS: Final = Report(
    "cohorts",
    "Cohorts",
    "Who first paid in the same month: how many of them pay in each month since, and how much.",
    lambda asked, reading, visit: cohorts(asked, reading, visit.repositories),
    TypeAdapter(AskedCohorts),
    ("from", "to", "plan", "billing_interval", "currency"),
    (),
    None,
    {"status=active": "active", "status=canceled": "canceled"},
    nothing="Nobody began to pay in these months.",
    groups=(),
)


def cohorts_content(view: CohortsView, formats: Formats) -> Content:
    """Return a grid of customers, and one of what they pay."""
    found = [each for each in view.data if each.customers]
    shown = found[-MOST_COHORTS:]
    if not shown:
        return Content()

    def grid(title: str, size: str, sizes: Sequence[str], share: Callable[[CohortMonthView], float | None]) -> Markup:
        rows = [
            Cohort(each.cohort, written_size, [_cell(share(month), month) for month in each.months])
            for each, written_size in zip(shown, sizes, strict=True)
        ]
        months = max(len(each.months) for each in shown)
        return cohort_grid(title, ["Month", size, *(str(month) for month in range(months))], rows)

    customers = [written(each.customers, Unit.COUNT, formats, view.currency) for each in shown]
    mrr = [written(each.mrr, Unit.MONEY, formats, view.currency) for each in shown]
    return Content(
        grids=[
            grid(CUSTOMERS_LEFT, "Customers", customers, lambda month: month.customer_retention),
            grid(MRR_LEFT, "MRR", mrr, lambda month: month.revenue_retention),
        ],
        left_out=len(found) - len(shown),
    )


def _cell(share: float | None, month: CohortMonthView) -> CohortCell:
    return CohortCell(share, MISSING if share is None else f"{share:.0%}", is_unfinished=not month.is_complete)
