"""What trials, recoveries and cancellations of the scripted year come to, by plain arithmetic.

`python -m tests.web.expected_outcomes` reads `scripted_year.csv` and writes `expected_{trials,recoveries,
cancellations}.csv`. Like `expected_numbers`, it imports nothing of the product.
"""

import csv
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from statistics import mean, median

from tests.web.expected_numbers import MONTHS, SCRIPT, annual

HERE = Path(__file__).parent
TRIALS, RECOVERIES, CANCELLATIONS = (
    HERE / f"expected_{name}.csv" for name in ("trials", "recoveries", "cancellations")
)
LADDER_TRIES = 6
"""The first decline, and the retries of days 1, 3, 5, 7 and 14."""
NOTICE = timedelta(days=15)
"""The script's cancellations at the end of the period take effect so long after they were asked for."""
REASONS = (
    *("too_expensive", "missing_features", "switched_service", "unused"),
    *("customer_service", "low_quality", "too_complex", "other", "none"),
)


@dataclass
class Trial:
    started: date
    with_card: bool
    ended: date | None = None
    outcome: str = ""
    days: int = 0


@dataclass
class Recovery:
    began: date
    amount: int
    is_first: bool
    tries: int = 1
    outcome: str = "open"


@dataclass
class Cancellation:
    asked: date
    reason: str
    by: str = "customer"
    outcome: str = "pending"


@dataclass
class Life:
    """One customer of the script."""

    choice: str = ""
    trials: list[Trial] = field(default_factory=list)
    recoveries: list[Recovery] = field(default_factory=list)
    cancellations: list[Cancellation] = field(default_factory=list)

    @property
    def is_on_trial(self) -> bool:
        return bool(self.trials) and self.trials[-1].ended is None

    def act(self, act: str, day: date, choice: str) -> None:
        if act in ("trial", "trial_with_card"):
            self.trials.append(Trial(day, act == "trial_with_card"))
        elif act == "declined":
            self.recoveries.append(Recovery(day, price(choice or self.choice), is_first=self.is_on_trial))
            self.end_trial(day, "declined")
        elif act in ("convert", "recover"):
            self.pay(day)
        elif act == "expire_trial":
            self.end_trial(day, "expired")
        elif act == "suspend_nonpayment":
            self.recoveries[-1].tries = LADDER_TRIES
        elif act == "end_nonpayment":
            self.recoveries[-1].outcome = "lost"
        else:
            self.leave_or_stay(act, day, choice)
        if "/" in choice and act != "plan_change":
            self.choice = choice

    def pay(self, day: date) -> None:
        if self.recoveries and self.recoveries[-1].outcome == "open":
            self.recoveries[-1].outcome = "recovered"
        self.end_trial(day, "converted")
        if self.trials and self.trials[-1].outcome == "declined":
            self.trials[-1].outcome = "converted"
        if self.trials and self.trials[-1].outcome == "converted" and not self.trials[-1].days:
            self.trials[-1].days = (day - self.trials[-1].started).days

    def end_trial(self, day: date, outcome: str) -> None:
        if self.is_on_trial:
            self.trials[-1].ended, self.trials[-1].outcome = day, outcome

    def leave_or_stay(self, act: str, day: date, choice: str) -> None:
        if act in ("cancel_at_period_end", "cancel_now"):
            outcome = "ended" if act == "cancel_now" else "pending"
            self.cancellations.append(Cancellation(day, choice or "none", outcome=outcome))
            self.end_trial(day, "canceled" if act == "cancel_now" else "")
        elif act == "cancel_by_operator":
            self.cancellations.append(Cancellation(day, "none", "operator", "ended"))
        elif act == "end_of_period":
            self.cancellations[-1].outcome = "ended"
        elif act == "undo_cancel":
            self.cancellations[-1].outcome = "uncancel"
        elif act in ("pause", "plan_change") and self.cancellations:
            last = self.cancellations[-1]
            if last.outcome == "uncancel" and day < last.asked + NOTICE:
                last.outcome = "change" if act == "plan_change" else "pause"


def price(choice: str) -> int:
    """What a period costs."""
    return annual(choice) // (1 if "/year" in choice else 12)


def lives() -> list[Life]:
    found: dict[str, Life] = {}
    with SCRIPT.open(newline="") as file:
        for row in sorted(csv.DictReader(file), key=lambda row: row["day"]):
            life = found.setdefault(row["customer"], Life())
            life.act(row["act"], date.fromisoformat(row["day"]), row["choice"])
    return list(found.values())


def trials() -> list[dict[str, object]]:
    """One row a month."""
    every = [each for life in lives() for each in life.trials]
    rows: list[dict[str, object]] = []
    running = 0
    for month in MONTHS:
        ended = [each for each in every if month_of(each.ended) == month]
        converted = [each for each in ended if each.outcome == "converted"]
        started = sum(month_of(each.started) == month for each in every)
        running += started - len(ended)
        days = [each.days for each in converted]
        row: dict[str, object] = {"month": month, "started": started, "running": running, "ended": len(ended)}
        for outcome in ("converted", "expired", "canceled", "free", "declined"):
            row[outcome] = sum(each.outcome == outcome for each in ended)
        rows.append(
            row
            | {
                "with_card_ended": sum(each.with_card for each in ended),
                "with_card_converted": sum(each.with_card for each in converted),
                "median_days": f"{median(days):.1f}" if days else "",
                "mean_days": f"{mean(days):.1f}" if days else "",
            }
        )
    return rows


def recoveries() -> list[dict[str, object]]:
    """A row for each month, kind of payment, and number of tries in which one began."""
    every = [each for life in lives() for each in life.recoveries]
    rows: list[dict[str, object]] = []
    for month in MONTHS:
        for is_first in (False, True):
            for tries in (1, LADDER_TRIES):
                begun = [
                    each
                    for each in every
                    if month_of(each.began) == month and each.is_first == is_first and each.tries == tries
                ]
                row: dict[str, object] = {"month": month, "is_first": is_first, "tries": tries}
                for outcome in ("recovered", "lost", "open"):
                    amounts = [each.amount for each in begun if each.outcome == outcome]
                    row |= {outcome: len(amounts), f"{outcome}_amount": sum(amounts)}
                if begun:
                    rows.append(row)
    return rows


def cancellations() -> list[dict[str, object]]:
    """One row a month."""
    every = [each for life in lives() for each in life.cancellations]
    rows: list[dict[str, object]] = []
    for month in MONTHS:
        asked = [each for each in every if month_of(each.asked) == month]
        customers = [each for each in asked if each.by == "customer"]
        row: dict[str, object] = {"month": month, "asked": len(customers)}
        for outcome in ("uncancel", "pause", "change", "ended", "pending"):
            row[outcome] = sum(each.outcome == outcome for each in customers)
        row |= {reason: sum(each.reason == reason for each in customers) for reason in REASONS}
        rows.append(row | {"by_operators": len(asked) - len(customers)})
    return rows


def month_of(day: date | None) -> str:
    return f"{day:%Y-%m}" if day is not None else ""


def main() -> None:
    for path, rows in ((TRIALS, trials()), (RECOVERIES, recoveries()), (CANCELLATIONS, cancellations())):
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)


if __name__ == "__main__":
    main()
