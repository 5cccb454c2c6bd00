"""A scripted year of thirty lives, step by step as the rules make them, comes to what plain arithmetic says."""

import csv
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from itertools import count, groupby
from pathlib import Path
from uuid import uuid4

from configuration.catalog_file import load_catalog
from domain.catalog.plans import Catalog, Interval, Selection
from domain.imports.adoption import adopted
from domain.names import DEFAULT_TENANT
from domain.provider.payments import Charge, ChargeOutcome, Decline, Invoice
from domain.revenue.cohorts import Cohort
from domain.revenue.customers import CustomerCounts
from domain.revenue.figures import ChurnGroup, Grouping, Period, Segment
from domain.revenue.overview import Overview, Standing, overviews
from domain.revenue.queries import Range, ReportQuery
from domain.revenue.ratios import decimal, gross_churn, growth, logo_churn, minor_units, net_churn, quick_ratio
from domain.subscription import commands, first_payment, pause, payments_received, plan_changes, recovery, suspension
from domain.subscription import trial as trials
from domain.subscription.ends import End, EndKind
from domain.subscription.journal import Step
from domain.subscription.lifecycle import Status
from domain.subscription.policy import DEFAULT_POLICY
from domain.subscription.state import Subscription
from storage.revenue.check import RevenueCheck, month_differences
from storage.revenue.cohorts import CohortFigures
from storage.revenue.figures import Line, RevenueFigures
from tests.builders import CAUSE, FREE, VISA
from tests.harness.catalogs import CATALOG
from tests.storage.ledger import Ledger
from tests.storage.revenue.reading import periods_of
from tests.web.expected_figures import CHURN, COHORTS, CUSTOMERS, OVERVIEW, SEGMENTS
from tests.web.expected_numbers import DOWNWARDS, EXPECTED, GROUPS, SCRIPT, UPWARDS

YEAR = Range("usd", date(2025, 1, 1), date(2026, 1, 1))
MONTH = timedelta(days=31)
BEGINNINGS = ("trial", "trial_with_card", "start", "start_declined", "return", "import")
Act = Callable[[Subscription, datetime, Selection], Step]


def selected(catalog: Catalog, choice: str) -> Selection:
    """What `plan/interval[*quantity][+add_on:units]...` buys."""
    parts = re.fullmatch(r"(\w+)/(month|year)(?:\*(\d+))?((?:\+\w+:\d+)*)", choice)
    assert parts is not None, choice
    plan, interval, quantity, add_ons = parts.groups()
    units = {name: int(number) for name, number in (one.split(":") for one in add_ons.split("+")[1:])}
    return catalog.select(plan, Interval(interval), int(quantity or 1), units)


@dataclass
class Year:
    """Plays the acts of the script, each by the rule that the product has for it."""

    ledger: Ledger
    catalog: Catalog = field(default_factory=lambda: load_catalog(CATALOG))
    lives: dict[str, Subscription] = field(default_factory=dict)
    invoices: Iterator[int] = field(default_factory=lambda: count(1))

    async def play(self, who: str, day: str, act: str, choice: str) -> None:
        now = datetime.fromisoformat(day).replace(hour=12, tzinfo=UTC)
        if act in BEGINNINGS:
            await self._begin(who, now, act, selected(self.catalog, choice))
            return
        acts: dict[str, Act] = {
            "convert": lambda it, at, _: self._paid(it, at),
            "recover": lambda it, at, _: self._paid(it, at),
            "change": self._changed,
            "plan_change": lambda it, at, to: plan_changes.change_scheduled(it, to, at, CAUSE),
            "withdraw_change": lambda it, at, _: plan_changes.change_withdrawn(it, at, CAUSE),
            "begin_change": lambda it, at, to: plan_changes.change_begins(it, to, at, CAUSE),
            "move_to_free": lambda it, at, _: plan_changes.moved_to_free(it, FREE, at, CAUSE),
            "declined": lambda it, at, _: recovery.failed(it, self._declined(), DEFAULT_POLICY, at, CAUSE),
            "pause": lambda it, at, _: pause.paused(it, None, at, CAUSE),
            "resume": lambda it, at, _: pause.resumed(it, at, CAUSE),
            "hold": lambda it, at, _: suspension.suspended(it, "a check", at, CAUSE),
            "release": self._released,
            "expire_trial": lambda it, at, _: trials.expired(it, DEFAULT_POLICY, at, CAUSE),
            "undo_cancel": lambda it, at, _: commands.cancel_withdrawn(it, at, CAUSE),
            "end_of_period": self._due_end,
            "end_nonpayment": self._due_end,
            "end_expired": self._due_end,
            "cancel_by_operator": self._end(EndKind.OPERATOR),
            "dispute_lost": self._end(EndKind.DISPUTE_LOST),
            "end_at_provider": self._end(EndKind.PROVIDER),
        }
        if act == "suspend_nonpayment":
            await self._climb(who, now)
        elif act in ("cancel_at_period_end", "cancel_now"):
            await self._save(who, self._leaves(self.lives[who], act, End(EndKind.CUSTOMER, reason_code=choice), now))
        else:
            it = self.lives[who]
            await self._save(who, acts[act](it, now, selected(self.catalog, choice) if choice else it.selection))

    async def _save(self, who: str, step: Step) -> None:
        await self.ledger.save(step)
        self.lives[who] = step.subscription

    async def _begin(self, who: str, now: datetime, act: str, to: Selection) -> None:
        customer = await self.ledger.customer(who)
        it = Subscription.to(to, subscription_id=str(uuid4()), tenant=DEFAULT_TENANT, customer=customer, created_at=now)
        if act.startswith("trial"):
            it = replace(it, card=VISA if act == "trial_with_card" else None)
            ends_at = now + timedelta(days=14)
            await self._save(who, trials.started(replace(it, trial_ends_at=ends_at), DEFAULT_POLICY, now, CAUSE))
        elif act == "import":
            taken = replace(it, status=Status.ACTIVE, agreement_ref="sub_import", period_end=now + MONTH, card=VISA)
            await self._save(who, adopted(taken, "sub_import", now, CAUSE))
        else:
            await self._save(who, first_payment.deferred(it, now))
            first = self.lives[who]
            is_paid = act != "start_declined"
            await self._save(
                who,
                self._paid(first, now) if is_paid else first_payment.declined(first, self._declined(), now, CAUSE),
            )

    def _paid(self, it: Subscription, now: datetime) -> Step:
        return payments_received.paid(it, self._charge(it, now), DEFAULT_POLICY, now, CAUSE)

    def _charge(self, it: Subscription, now: datetime) -> Charge:
        number = next(self.invoices)
        invoice = Invoice(f"in_{number}", f"T-{number:04}", "paid", it.amount, it.currency, issued_at=now, paid_at=now)
        length = timedelta(days=365) if it.interval is Interval.YEAR else MONTH
        return Charge(
            ChargeOutcome.PAID, invoice, agreement_ref=f"sub_{it.id}", period_start=now, period_end=now + length
        )

    @staticmethod
    def _declined() -> Charge:
        return Charge(ChargeOutcome.DECLINED, decline=Decline("insufficient_funds"))

    def _changed(self, it: Subscription, now: datetime, to: Selection) -> Step:
        if it.status is Status.TRIALING:
            return plan_changes.changed(it, to, now, CAUSE)
        charge = self._charge(it.choosing(to), now)
        return plan_changes.changed_at_cost(it, to, charge, DEFAULT_POLICY, now, CAUSE)

    @staticmethod
    def _released(it: Subscription, now: datetime, _to: Selection) -> Step:
        back = suspension.way_back(it, timedelta(days=7), now)
        return suspension.returned(it, back, (), "all is well", now, CAUSE)

    @staticmethod
    def _due_end(it: Subscription, now: datetime, _to: Selection) -> Step:
        return commands.canceled(it, commands.due_end(it), now, CAUSE)

    @staticmethod
    def _leaves(it: Subscription, act: str, end: End, now: datetime) -> Step:
        if act == "cancel_now":
            return commands.canceled(it, end, now, CAUSE)
        return commands.cancel_scheduled(it, now + timedelta(days=15), end, now, CAUSE)

    @staticmethod
    def _end(kind: EndKind) -> Act:
        return lambda it, at, _: commands.canceled(it, End(kind), at, CAUSE)

    async def _climb(self, who: str, now: datetime) -> None:
        """Take the ladder's steps, none of which is paid, up to the suspension."""
        while self.lives[who].status is not Status.SUSPENDED:
            step = recovery.advanced(self.lives[who], self._declined(), DEFAULT_POLICY, now, CAUSE)
            await self._save(who, step)


def told(month: Period) -> dict[str, str]:
    """A month as the table of expected numbers has it."""
    row = {"month": f"{month.first_day:%Y-%m}", "start": month.start}
    for kind in (*UPWARDS, *DOWNWARDS):
        row |= {kind: abs(month.moved[kind].annual), f"{kind}_customers": month.moved[kind].customers}
    for group in GROUPS:
        figure = month.churn_by[ChurnGroup(group)]
        row |= {f"churn_{group}": abs(figure.annual), f"churn_{group}_customers": figure.customers}
    row |= {"end": month.end, "paying_customers": month.customers, "paused": month.paused}
    return {name: str(value) for name, value in row.items()}


async def played(ledger: Ledger) -> RevenueFigures:
    """The figures of the year, when it has ended."""
    year = Year(ledger)
    with SCRIPT.open(newline="") as file:
        for row in sorted(csv.DictReader(file), key=lambda row: row["day"]):
            await year.play(row["customer"], row["day"], row["act"], row["choice"])
    return RevenueFigures(ledger.engine, "UTC")


def kept(file: Path) -> list[dict[str, str]]:
    """A table of the year by plain arithmetic."""
    with file.open(newline="") as rows:
        return list(csv.DictReader(rows))


async def test_the_figures_of_a_year_are_what_plain_arithmetic_says(ledger: Ledger) -> None:
    figures = await played(ledger)

    months = await periods_of(figures, YEAR)

    assert [told(month) for month in months] == kept(EXPECTED)
    async with figures.reading(DEFAULT_TENANT) as reader:
        [overview] = overviews(await reader.standing(), {"usd": months[-4:]})
    assert shown_overview(overview) == kept(OVERVIEW)
    assert [shown_churn(month) for month in months] == kept(CHURN)
    assert [shown_customers(month) for month in months] == kept(CUSTOMERS)
    for name, rows in groupby(kept(SEGMENTS), key=lambda row: row["segment"]):
        segment = Segment(**dict(part.split("=") for part in name.split()))
        periods = await periods_of(figures, replace(YEAR, segment=segment))
        assert [{"segment": name, **shown_segment(period)} for period in periods] == list(rows)
    for by_plan, rows in groupby(kept(COHORTS), key=lambda row: row["plan"] != ""):
        query = ReportQuery("usd", date(2025, 1, 1), date(2025, 12, 1), group=Grouping.PLAN if by_plan else None)
        report = await CohortFigures(ledger.engine, "UTC").cohorts(DEFAULT_TENANT, query)
        assert [row for line, found in report.lines.items() for row in shown_cohorts(line, found)] == list(rows)
    assert await RevenueCheck(ledger.engine).differences() == []
    assert await month_differences(ledger.engine, "UTC") == []


def shown_overview(overview: Overview) -> list[dict[str, str]]:
    """What there is when the year ends, as the table has it."""
    of_all = {"arpu": minor_units(overview.per_customer), "ltv": minor_units(overview.lifetime_value.amount)}
    rows = [{"by": "all", "name": "all", **shown_standing(overview.total), **{k: str(v) for k, v in of_all.items()}}]
    for by in ("plan", "billing_interval", "status"):
        for name, standing in getattr(overview, f"by_{by}").items():
            rows.append({"by": by, "name": name, **shown_standing(standing), "arpu": "", "ltv": ""})
    return rows


def shown_standing(standing: Standing) -> dict[str, str]:
    return {{"annual": "arr"}.get(name, name): str(value) for name, value in vars(standing).items()}


def shown_churn(month: Period) -> dict[str, str]:
    """A month of the table of churn."""
    rates = {"logo_churn": logo_churn, "gross_churn": gross_churn, "net_churn": net_churn, "growth": growth}
    shown: dict[str, object] = {
        "month": f"{month.first_day:%Y-%m}",
        "paying_at_start": month.customers_at_start,
        "churned_customers": month.moved["churn"].customers,
        "start": month.start,
        "gross": -month.moved["churn"].annual - month.moved["contraction"].annual,
    }
    for name, rate in {**rates, "quick_ratio": quick_ratio}.items():
        found = decimal(rate(month))
        shown[name] = "" if found is None else f"{found:.6f}"
    for group, figure in month.churn_by.items():
        shown |= {f"{group}_customers": figure.customers, f"{group}_arr": -figure.annual}
    return {name: str(value) for name, value in shown.items()}


def shown_customers(month: Period) -> dict[str, str]:
    """A month of the table of customers."""
    counts = CustomerCounts.of(month)
    assert counts.entering == counts.leaving == 0
    shown = {name: str(count) for name, count in vars(counts).items() if name not in ("entering", "leaving")}
    return {"month": f"{month.first_day:%Y-%m}", **shown}


def shown_segment(month: Period) -> dict[str, str]:
    """A month of the tables of segments."""
    shown: dict[str, object] = {"month": f"{month.first_day:%Y-%m}", "start": month.start}
    shown |= {kind: abs(figure.annual) for kind, figure in month.moved.items()}
    shown |= {"end": month.end, "paying_customers": month.customers}
    return {name: str(value) for name, value in shown.items()}


def shown_cohorts(line: Line, found: Sequence[Cohort]) -> Iterator[dict[str, str]]:
    """The months of the table of cohorts."""
    for cohort in found:
        for month in cohort.months:
            if month.first_day.year == 2025:
                yield {
                    "plan": line.segment.plan,
                    "cohort": f"{cohort.first_day:%Y-%m}",
                    "customers": str(cohort.customers),
                    "began_with": str(cohort.began_with),
                    "month": f"{month.first_day:%Y-%m}",
                    "retained_customers": str(month.customers),
                    "retained": str(month.annual),
                }
