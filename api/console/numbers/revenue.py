"""The pages of recurring revenue, and what moves it."""

from typing import Final

from pydantic import TypeAdapter

from api.console.numbers.charts import Drawing
from api.console.numbers.report import Report
from api.console.numbers.tables import Table, count, money, share
from api.metrics.churn import churn
from api.metrics.customers import customers
from api.metrics.overview import AskedOverview, overview
from api.metrics.ranges import Asked
from api.metrics.routes import movements, mrr
from api.web.charts.bars import stacked_bars
from api.web.charts.lines import line_chart
from domain.revenue.figures import ChurnGroup, Grouping

_GROUPS: Final = tuple(group.value for group in Grouping)
_FIELDS: Final = ("from", "to", "interval", "plan", "billing_interval", "currency", "group")

DRAWN_MRR: Final = Drawing("MRR at the end of each period", line_chart, (money("MRR", "mrr"),))
DRAWN_MOVEMENTS: Final = Drawing(
    "Movements of MRR in each period",
    stacked_bars,
    (
        money("New", "new.mrr"),
        money("Expansion", "expansion.mrr"),
        money("Reactivation", "reactivation.mrr"),
        money("Resumed", "resume.mrr", is_rare=True),
        money("Contraction", "contraction.mrr"),
        money("Churn", "churn.mrr"),
        money("Paused", "pause.mrr", is_rare=True),
        money("Opening", "opening.mrr", is_rare=True),
        money("Entering", "entering.mrr", is_rare=True),
        money("Leaving", "leaving.mrr", is_rare=True),
    ),
)
OVERVIEW: Final = Report(
    "overview",
    "Overview",
    "What there is now, and how it grows.",
    lambda asked, reading, _: overview(asked, reading),
    TypeAdapter(AskedOverview),
    ("plan", "billing_interval", "currency"),
    (),
    None,
    {},
)
MRR: Final = Report(
    "mrr",
    "MRR",
    "Monthly recurring revenue at the end of each period.",
    lambda asked, reading, _: mrr(asked, reading),
    TypeAdapter(Asked),
    ("from", "to", "interval", "plan", "billing_interval", "status", "currency", "group"),
    (
        Table(
            "MRR by period",
            (money("MRR", "mrr"), money("ARR", "arr"), money("Paused", "paused"), count("Customers", "customers")),
        ),
    ),
    DRAWN_MRR,
    {"status=active": "active", "status=past_due": "past due", "status=paused": "paused"},
    groups=_GROUPS,
)
MOVEMENTS: Final = Report(
    "movements",
    "Movements",
    "What each period starts with, what moved, and what it ends with.",
    lambda asked, reading, _: movements(asked, reading),
    TypeAdapter(Asked),
    _FIELDS,
    (
        Table(
            "Movements of MRR by period",
            (
                money("Start", "start"),
                money("New", "new.mrr"),
                money("Expansion", "expansion.mrr"),
                money("Reactivation", "reactivation.mrr"),
                money("Resumed", "resume.mrr"),
                money("Opening", "opening.mrr", is_rare=True),
                money("Entering", "entering.mrr", is_rare=True),
                money("Contraction", "contraction.mrr"),
                money("Churn", "churn.mrr"),
                money("Paused", "pause.mrr"),
                money("Leaving", "leaving.mrr", is_rare=True),
                money("End", "end"),
            ),
        ),
    ),
    DRAWN_MOVEMENTS,
    {"status=active": "active", "status=paused": "paused", "status=canceled": "canceled"},
    groups=_GROUPS,
)
CUSTOMERS: Final = Report(
    "customers",
    "Customers",
    "Paying customers at the start of each period, gained, lost, and at its end.",
    lambda asked, reading, _: customers(asked, reading),
    TypeAdapter(Asked),
    _FIELDS,
    (
        Table(
            "Paying customers by period",
            (
                count("Start", "start"),
                count("New", "new"),
                count("Reactivation", "reactivation"),
                count("Resumed", "resume"),
                count("Opening", "opening", is_rare=True),
                count("Entering", "entering", is_rare=True),
                count("Churn", "churn"),
                count("Paused", "pause"),
                count("Leaving", "leaving", is_rare=True),
                count("End", "end"),
            ),
        ),
    ),
    Drawing("Paying customers at the end of each period", line_chart, (count("Customers", "end"),)),
    {"status=active": "active", "status=past_due": "past due", "status=canceled": "canceled"},
    groups=_GROUPS,
)
CHURN: Final = Report(
    "churn",
    "Churn",
    "What was lost of what each period starts with, and by whom it was ended.",
    lambda asked, reading, _: churn(asked, reading),
    TypeAdapter(Asked),
    _FIELDS,
    (
        Table(
            "Churn and retention by period",
            (
                count("Customers at start", "customers_at_start"),
                count("Churned", "churn.customers"),
                share("Logo churn", "logo_churn"),
                money("MRR at start", "start"),
                money("Churned MRR", "churn.mrr"),
                share("Gross churn", "gross_revenue_churn"),
                share("Net churn", "net_revenue_churn"),
                share("GRR", "grr"),
                share("NRR", "nrr"),
            ),
        ),
        Table(
            "Churn by who ended it",
            tuple(
                column
                for group in ChurnGroup
                for column in (
                    count(group.value.capitalize(), f"by.{group.value}.customers"),
                    money(f"{group.value.capitalize()} MRR", f"by.{group.value}.mrr"),
                )
            ),
        ),
    ),
    Drawing(
        "Churn rates",
        line_chart,
        (
            share("Logo churn", "logo_churn"),
            share("Gross churn", "gross_revenue_churn"),
            share("Net churn", "net_revenue_churn"),
        ),
    ),
    {"status=canceled": "canceled", "status=suspended": "suspended"},
    groups=_GROUPS,
)
