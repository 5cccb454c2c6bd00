"""The reports that have a page."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from api.console.numbers.cohorts import COHORTS, cohorts_content
from api.console.numbers.content import Content
from api.console.numbers.outcomes import CANCELLATIONS, RECOVERY, TRIALS
from api.console.numbers.report import Report
from api.console.numbers.revenue import CHURN, CUSTOMERS, MOVEMENTS, MRR, OVERVIEW
from api.console.numbers.usage import USAGE, usage_content
from localization.formats import Formats

_OF_PERIODS: Final = (MRR, MOVEMENTS, CUSTOMERS, TRIALS, CHURN, RECOVERY, CANCELLATIONS, COHORTS, USAGE)
REPORTS: Final[Mapping[str, Report]] = {report.name: report for report in _OF_PERIODS}
PAGES: Final = (OVERVIEW, *_OF_PERIODS)
"""In the order of the navigation."""
CONTENT: Final[Mapping[str, Callable[[Any, Formats], Content]]] = {
    COHORTS.name: cohorts_content,
    USAGE.name: usage_content,
}
"""What is shown of reports that are more than a table, by their names."""
