"""Cohorts: a table whose cells are shaded by their share. The figures are in it, so that no colour is needed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from api.web.charts.axis import is_known
from api.web.charts.svg import element

SHADES = 10


@dataclass(frozen=True)
class CohortCell:
    """What is left of a cohort after this many months."""

    share: float | None
    """From 0 to 1, or more; None: there was nothing."""
    text: str
    is_unfinished: bool = False
    """The month is not over: the figure may change."""


@dataclass(frozen=True)
class Cohort:
    """One row: those who began in one month."""

    name: str
    size: str
    cells: Sequence[CohortCell]
    """One for each month since; fewer than others have if fewer have passed."""


def cohort_grid(
    caption: str, heads: Sequence[str], cohorts: Sequence[Cohort], *, unfinished: str = "so far", empty: str = ""
) -> Markup:
    """Returns the table. *heads* are of the name, the size, and each month; *unfinished* is said of such a cell."""
    rows = [_row(each, len(heads) - 2, unfinished) for each in cohorts]
    if not rows:
        rows = [element("tr", element("td", empty or "No figures yet", colspan=max(1, len(heads))))]
    table = element(
        "table",
        element("caption", caption),
        element("thead", element("tr", *(element("th", head, scope="col") for head in heads))),
        element("tbody", *rows),
        class_="cohorts",
    )
    return element("div", table, class_="scroll", tabindex=0, role="region", aria_label=caption)


def _row(cohort: Cohort, months: int, unfinished: str) -> Markup:
    missing = max(0, months - len(cohort.cells))
    return element(
        "tr",
        element("th", cohort.name, scope="row"),
        element("td", cohort.size),
        *_cells(cohort, unfinished),
        *(element("td") for _ in range(missing)),
    )


def _cells(cohort: Cohort, unfinished: str) -> Iterator[Markup]:
    for cell in cohort.cells:
        names = [f"shade-{_shade(cell.share)}"] + (["unfinished"] if cell.is_unfinished else [])
        said = [element("span", f" {unfinished}", class_="hidden")] if cell.is_unfinished else []
        yield element("td", cell.text, *said, class_=" ".join(names))


def _shade(share: float | None) -> int:
    return max(0, min(SHADES, round(share * SHADES))) if is_known(share) else 0
