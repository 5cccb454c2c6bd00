"""The reports that have a page."""

from collections.abc import Mapping
from typing import Final

from api.console.numbers.outcomes import CANCELLATIONS, RECOVERY, TRIALS
from api.console.numbers.report import Report
from api.console.numbers.revenue import CHURN, CUSTOMERS, MOVEMENTS, MRR, OVERVIEW

_OF_PERIODS: Final = (MRR, MOVEMENTS, CUSTOMERS, TRIALS, CHURN, RECOVERY, CANCELLATIONS)
REPORTS: Final[Mapping[str, Report]] = {report.name: report for report in _OF_PERIODS}
PAGES: Final = (OVERVIEW, *_OF_PERIODS)
"""In the order of the navigation."""
