"""Which periods a caller asks for."""

from dataclasses import dataclass
from typing import Annotated, Final, Literal

from fastapi import Depends, Query

from domain.catalog.plans import Interval as BilledEvery
from domain.errors import Malformed
from domain.revenue.figures import Grouping, PeriodLength, Segment
from domain.revenue.queries import DAY_EXAMPLE, ReportQuery, day_named, last_day_named

PlanCode = Annotated[
    str,
    Query(
        max_length=64,
        pattern="^[a-z0-9_]*$",
        description="figures of this plan alone; changes from and to others enter and leave",
    ),
]
PlanAlone = Annotated[
    str, Query(max_length=64, pattern="^[a-z0-9_]*$", description="figures of this plan alone, held at the time")
]
From = Annotated[str | None, Query(alias="from", description=f"the first period: {DAY_EXAMPLE}", examples=["2026-01"])]
To = Annotated[
    str | None,
    Query(
        alias="to",
        description=f"the last period, included: {DAY_EXAMPLE}; by default the current one",
        examples=["2026-12"],
    ),
]
Interval = Annotated[PeriodLength, Query(description="the length of periods")]
BillingInterval = Annotated[
    BilledEvery | None,
    Query(description="figures of what is billed every month, or every year; changes of it enter and leave"),
]
CURRENCY: Final = "^[a-z]{3}$"
CurrencyCode = Annotated[
    str | None, Query(pattern=CURRENCY, description="by default the catalog's; currencies are never added")
]
Format = Annotated[
    Literal["json", "csv"] | None, Query(description="`csv`; the header `Accept: text/csv` asks for the same")
]


@dataclass(frozen=True)
class Asked:
    """The query of a report."""

    first: From = None
    last: To = None
    interval: Interval = PeriodLength.MONTH
    plan: PlanCode = ""
    billing_interval: BillingInterval = None
    status: Annotated[
        Literal["active", "past_due", "paused", "trialing"] | None,
        Query(
            description="of `mrr`: what there is now in this status, without periods, as the status of the past is not"
            " kept. Not with `from`, `to`, `interval`, `group` and CSV, and not of `movements`"
        ),
    ] = None
    currency: CurrencyCode = None
    group: Annotated[Grouping | None, Query(description="a row for each plan, or each billing interval")] = None
    format: Format = None

    def refuse_status(self, figures: str) -> None:
        """Reject a status in a report of the past, whose *figures* are named in the error.

        Raises:
            Malformed: there is one.
        """
        if self.status is not None:
            raise Malformed(
                f"{figures} are not told apart by status, which is not kept of the past: ask for mrr with this status,"
                " or leave it out",
                field="status",
            )

    def check_status(self, *, is_csv: bool) -> None:
        """Reject a status along with periods, or with an answer as CSV.

        Raises:
            Malformed: both are asked for.
        """
        others = {"from": self.first, "to": self.last, "group": self.group, "CSV": is_csv}
        given = [name for name, value in others.items() if value]
        given += ["interval"] if self.interval is not PeriodLength.MONTH else []
        if self.status is not None and given:
            raise Malformed(
                "with a status, mrr is of now alone, as the status of the past is not kept: leave out"
                f" {', '.join(given)}",
                field="status",
            )

    def query(self, currency: str) -> ReportQuery:
        """What is asked for; *currency* is the default.

        Raises:
            Malformed: a period has no such name.
        """
        part = segment(self.plan, self.billing_interval)
        return report_query(self.first, self.last, self.interval, part, self.currency or currency, self.group)


def segment(plan: str, billing_interval: BilledEvery | None) -> Segment:
    """The part of the revenue that is asked for."""
    return Segment(plan, billing_interval.value if billing_interval is not None else "")


def report_query(
    first: str | None,
    last: str | None,
    interval: PeriodLength,
    part: Segment,
    currency: str = "",
    group: Grouping | None = None,
) -> ReportQuery:
    """What is asked for, from periods by their names.

    Raises:
        Malformed: a period has no such name.
    """
    return ReportQuery(
        currency,
        day_named(first, "from") if first is not None else None,
        last_day_named(last, "to") if last is not None else None,
        interval,
        part,
        group,
    )


WithRange = Annotated[Asked, Depends()]
