"""What every report says of itself."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Final

from fastapi import Depends, Request
from pydantic import BaseModel, Field

from api.http.auth import Analyst
from api.http.csv import CONTENT_TYPE
from api.http.dependencies import WithDependencies, WithRepositories
from api.http.openapi import READING
from domain.revenue.figures import PeriodLength, first_day_of
from storage.revenue.figures import Extent, RevenueFigures

_AS_CSV: Final[dict[int | str, dict[str, Any]]] = {
    200: {"content": {CONTENT_TYPE: {"schema": {"type": "string"}}}, "description": "the report, as JSON or as CSV"}
}
RESPONSES: Final = READING | _AS_CSV
"""Of every report."""

PLAN: Final = Field(default=None, description="with `group=plan`, or of one plan alone")
BILLING_INTERVAL: Final = Field(default=None, description="with `group=billing_interval`, or of one alone")


class ReportLinksView(BaseModel):
    """The same report elsewhere."""

    csv: str


class AboutView(BaseModel):
    """What every report says of itself."""

    currencies: list[str] = Field(description="all that there are figures in; they are never added")
    timezone: str = Field(description="whose days and months these are")
    as_of: datetime
    complete_until: date = Field(description="the last day of the last period that is over")
    since: date | None = Field(description="from when on figures are exact; null: nothing has moved yet")
    definitions: dict[str, str] = Field(description="what each figure means")
    links: ReportLinksView


class ReportView(AboutView):
    """The same of a report in one currency."""

    currency: str


@dataclass(frozen=True)
class Reading:
    """Whose reports are read, and how they are asked for."""

    figures: RevenueFigures
    tenant: str
    currency: str
    """By default: the catalog's."""
    request: Request

    def about(self, extent: Extent, length: PeriodLength = PeriodLength.MONTH) -> dict[str, Any]:
        """The fields of `AboutView`, without definitions."""
        return {
            "currencies": list(extent.currencies),
            "timezone": self.figures.timezone,
            "as_of": extent.as_of,
            "complete_until": first_day_of(extent.latest, length) - timedelta(days=1),
            "since": extent.since,
            "links": ReportLinksView(csv=str(self.request.url.include_query_params(format="csv"))),
        }


def _reading(
    caller: Analyst, dependencies: WithDependencies, repositories: WithRepositories, request: Request
) -> Reading:
    return Reading(repositories.revenue, caller.tenant, dependencies.catalog.currency, request)


WithReading = Annotated[Reading, Depends(_reading)]
