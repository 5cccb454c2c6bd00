"""The form of a page: what is asked for, and what can be."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from fastapi import Request, Response

from api.console.numbers.queries import FIELDS
from api.console.numbers.report import Report
from api.console.numbers.reports import PAGES
from api.console.numbers.revenue import OVERVIEW
from api.console.numbers.writing import called
from api.console.visits import Visit
from domain.catalog.plans import Interval
from domain.revenue.figures import PeriodLength

Options = Sequence[tuple[str, str]]
LONGEST: Final = 100
_STATUSES: Final[Options] = (
    ("active", "active"),
    ("past_due", "past due"),
    ("paused", "paused"),
    ("trialing", "trialing"),
)


@dataclass(frozen=True)
class Form:
    """A form that is sent by GET."""

    given: Mapping[str, str]
    """By field; empty: nothing."""
    options: Mapping[str, Options]

    @property
    def query(self) -> str:
        """The query of the same report, as a file for example."""
        return self.query_with()

    def query_with(self, **more: str) -> str:
        """Return the same query about a part of the figures, such as those in one currency."""
        said = urlencode({name: value for name, value in (dict(self.given) | more).items() if value})
        return f"?{said}" if said else ""

    def query_of_rows(self, **part: str) -> str:
        """Return the query of the list of the subscriptions behind figures, or behind a *part* of these."""
        asked = {"plan": self.given.get("plan", ""), "interval": self.given.get("billing_interval", "")}
        return "?" + urlencode({name: value for name, value in (asked | part).items() if value})


def given_in(request: Request, report: Report) -> dict[str, str]:
    """Return what is asked for, by the report's fields."""
    asked = request.query_params
    return {name: asked.get(name, "").strip()[:LONGEST] for name in FIELDS if name in report.fields}


def form_of(visit: Visit, report: Report, given: Mapping[str, str], currencies: Iterable[str] = ()) -> Form:
    """Return the form with its choices: what the catalog sells, and the *currencies* that there are figures in."""
    catalog = visit.dependencies.catalog
    plans = {code: plan.name for code, plan in catalog.plans.items()}
    chosen, usual = given.get("currency", ""), catalog.currency
    known = sorted({*currencies, chosen, usual} - {""})
    every = [("", "each")] if report is OVERVIEW else [("", usual.upper())]
    options: dict[str, Options] = {
        "interval": [(length.value, f"{length.value}s") for length in PeriodLength],
        "plan": [("", "all"), *plans.items(), *_unlisted(given.get("plan", ""), plans)],
        "billing_interval": [("", "all"), *((each.value, f"{each.value}ly") for each in Interval)],
        "status": [("", "all"), *_STATUSES],
        "currency": [*every, *((code, code.upper()) for code in known if report is OVERVIEW or code != usual)],
        "feature": [("", "all"), *((code, feature.name) for code, feature in catalog.features.items())],
        "group": [("", "nothing"), *((name, called(name).lower()) for name in report.groups)],
    }
    return Form(given, options)


def _unlisted(chosen: str, listed: Iterable[str]) -> Options:
    """Return a plan that is no longer sold, so that the form says what is shown."""
    return [(chosen, chosen)] if chosen and chosen not in listed else []


def numbers_page(visit: Visit, template: str, report: Report, form: Form, about: Any, **shown: Any) -> Response:
    """Return a page of the numbers; *about* says of which time they are, None: there are none on it."""
    return visit.page(
        f"numbers/{template}.html",
        report=report,
        reports=PAGES,
        form=form,
        about=about,
        timezone=visit.repositories.revenue.timezone,
        called=called,
        **shown,
    )
