"""The pages of how trials, recoveries and cancellations come out."""

from typing import Final

from pydantic import TypeAdapter

from api.console.numbers.charts import Drawing
from api.console.numbers.report import Report
from api.console.numbers.tables import Column, Table, count, money, share
from api.console.numbers.writing import Unit, called
from api.metrics.cancellations import AskedCancellations, cancellations
from api.metrics.recovery import AskedRecovery, recovery
from api.metrics.trials import AskedTrials, trials
from api.web.charts.bars import stacked_bars
from domain.revenue.cancellation_figures import NO_REASON, REASONS, CancellationGroup
from domain.revenue.outcomes import RetainedBy
from domain.revenue.recoveries import RecoveryOutcome
from domain.revenue.recovery_figures import RecoveryGroup

_OUTCOMES: Final = (RecoveryOutcome.RECOVERED, RecoveryOutcome.LOST, RecoveryOutcome.OPEN, RecoveryOutcome.WAIVED)
TRIALS: Final = Report(
    "trials",
    "Trials",
    "Trials that began and ended in each period, and how many of these converted.",
    lambda asked, reading, visit: trials(asked, reading, visit.repositories),
    TypeAdapter(AskedTrials),
    ("from", "to", "interval", "plan", "group"),
    (
        Table(
            "What became of trials",
            (
                count("Started", "started"),
                count("Running at end", "running"),
                count("Ended", "ended"),
                count("Converted", "converted"),
                share("Conversion", "conversion"),
                count("Expired", "expired"),
                count("Canceled", "canceled"),
                count("Free plan", "free"),
                count("Declined", "declined"),
            ),
        ),
        Table(
            "Conversion with and without a card",
            (
                count("Ended with card", "with_card.ended"),
                share("Conversion with card", "with_card.conversion"),
                count("Ended without card", "without_card.ended"),
                share("Conversion without card", "without_card.conversion"),
                Column("Days to convert, median", "days_to_convert.median", Unit.TIMES),
                Column("Days to convert, mean", "days_to_convert.mean", Unit.TIMES),
            ),
        ),
    ),
    Drawing(
        "What became of trials that ended",
        stacked_bars,
        (
            count("Converted", "converted"),
            count("Expired", "expired"),
            count("Canceled", "canceled"),
            count("Free plan", "free"),
            count("Declined", "declined"),
        ),
    ),
    {"status=trialing": "trialing"},
    nothing="No trial began, ran or ended in these periods.",
)
RECOVERY: Final = Report(
    "recovery",
    "Recovery",
    "What came of payments that failed, by the period in which they failed first.",
    lambda asked, reading, visit: recovery(asked, reading, visit.repositories),
    TypeAdapter(AskedRecovery),
    ("from", "to", "interval", "plan", "currency", "group"),
    (
        Table(
            "Failed renewals",
            (
                *(count(called(outcome.value), f"{outcome.value}.count") for outcome in _OUTCOMES),
                share("Recovery rate", "recovery_rate"),
                *(money(f"{called(outcome.value)}, amount", f"{outcome.value}.amount") for outcome in _OUTCOMES),
                share("Rate by amount", "recovery_amount_rate"),
            ),
        ),
        Table(
            "Failed first payments",
            (
                *(count(called(outcome.value), f"first_payments.{outcome.value}.count") for outcome in _OUTCOMES),
                share("Recovery rate", "first_payments.recovery_rate"),
                share("Rate by amount", "first_payments.recovery_amount_rate"),
            ),
        ),
    ),
    Drawing(
        "What came of renewals that failed",
        stacked_bars,
        tuple(count(called(outcome.value), f"{outcome.value}.count") for outcome in _OUTCOMES),
    ),
    {"status=past_due": "past due", "status=suspended": "suspended"},
    nothing="No payment failed in these periods.",
    groups=tuple(group.value for group in RecoveryGroup),
)
CANCELLATIONS: Final = Report(
    "cancellations",
    "Cancellations",
    "Who asked to leave in each period, why, and who stayed after all.",
    lambda asked, reading, visit: cancellations(asked, reading, visit.repositories),
    TypeAdapter(AskedCancellations),
    ("from", "to", "interval", "plan", "group"),
    (
        Table(
            "What became of cancellations",
            (
                count("Asked", "asked"),
                count("On trial", "asked_on_trial"),
                count("In effect", "in_effect"),
                count("Pending", "pending"),
                count("Undone", "undone"),
                *(count(f"Undone by {kept.value}", f"undone_by.{kept.value}", is_rare=True) for kept in RetainedBy),
                share("Save rate", "save_rate"),
                count("By operators", "by_operators"),
            ),
        ),
        Table(
            "Reasons of customers",
            tuple(
                count("No reason given" if reason == NO_REASON else called(reason), f"reasons.{reason}", is_rare=True)
                for reason in REASONS
            ),
        ),
    ),
    Drawing(
        "What became of cancellations",
        stacked_bars,
        (count("In effect", "in_effect"), count("Pending", "pending"), count("Undone", "undone")),
    ),
    {"status=canceled": "canceled"},
    nothing="Nobody asked to leave in these periods.",
    groups=tuple(group.value for group in CancellationGroup),
)
