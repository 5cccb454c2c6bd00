"""`tenure metrics`: whether the figures of revenue add up."""

import asyncio
import sys
from collections.abc import Sequence

from configuration.loading import Process, load_settings
from domain.money import Money, formatted
from domain.reconciliation.ports import RevenueDifference
from storage.revenue.check import (
    MonthDifference,
    OutcomeDifference,
    RevenueCheck,
    month_differences,
    outcome_differences,
)
from tenure.cli.connections import database

_PLURALS = {"trial": "trials", "recovery": "recoveries", "cancellation": "cancellations"}


def check() -> None:
    """Check that revenue adds up: by subscription, by month, and what is counted by day; status 1 if it does not.

    The movements of every subscription must add up to what it is worth, and what every month starts with and what
    moved in it must be what it ends with. `tenure reconcile --fix` corrects the former. What is
    counted of trials, recoveries and cancellations each day must be what there is.
    """
    found = asyncio.run(_check())
    for line in in_words(*found):
        print(line)
    if any(found):
        sys.exit(1)


async def _check() -> tuple[Sequence[RevenueDifference], Sequence[MonthDifference], Sequence[OutcomeDifference]]:
    settings = load_settings(Process.METRICS)
    async with database(settings) as engine:
        return (
            await RevenueCheck(engine).differences(),
            await month_differences(engine, settings.timezone),
            await outcome_differences(engine, settings.timezone),
        )


def in_words(
    subscriptions: Sequence[RevenueDifference],
    months: Sequence[MonthDifference],
    outcomes: Sequence[OutcomeDifference] = (),
) -> list[str]:
    """A line for each difference, or one that says that there is none; amounts are of a year."""
    lines = [
        f"subscription {it.subscription}: its movements add up to {_money(it.recorded, it.currency)} a year, and it is "
        f"worth {_money(it.worth, it.currency)}"
        for it in subscriptions
    ]
    lines += [
        f"{it.month:%Y-%m} of tenant {it.tenant}: starts with {_money(it.start, it.currency)} a year, "
        f"{_money(it.moved, it.currency)} moved, ends with {_money(it.end, it.currency)}; by the movements it ends "
        f"with {_money(it.movements, it.currency)}"
        for it in months
    ]
    lines += [f"{it.day} of tenant {it.tenant}: the stored count of {_PLURALS[it.fact]} is wrong" for it in outcomes]
    if subscriptions:
        lines.append("`tenure reconcile --fix` records what is missing of subscriptions")
    return lines or ["revenue adds up, by subscription and month by month"]


def _money(annual: int, currency: str) -> str:
    return formatted(Money(annual, currency))
