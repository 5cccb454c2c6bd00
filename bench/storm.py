"""A storm over many subscriptions, weathered and then reconciled, as a table."""

import logging
from collections import Counter
from collections.abc import Sequence

from bench.results import Comparison, Result
from sandbox.stack import Stack
from storage.revenue.check import RevenueCheck, month_differences
from storage.revenue.roll_up import RevenueRollUpRecords
from tenure.cli.metrics import in_words
from tests.chaos.invariants import inspected
from tests.chaos.storm import AT_ONCE, Seen, weathered

SUBSCRIPTIONS = 500
TIMEZONE = "UTC"


async def measure(number: int = SUBSCRIPTIONS) -> Result:
    """Live the lives through the storm and print a table of what came of them."""
    logging.disable(logging.WARNING)  # a storm's warnings are its purpose
    async with inspected() as (stack, product, inspector):
        seen = await weathered(stack, product, inspector, number)
        # As the worker does every six hours, so that figures read sums, too.
        await RevenueRollUpRecords(stack.engine, TIMEZONE).roll_up()
        revenue = in_words(
            await RevenueCheck(stack.engine).differences(), await month_differences(stack.engine, TIMEZONE)
        )
        comparisons = [
            Comparison("periods paid twice", len(_paid_twice(seen)), 0, "none"),
            Comparison("subscriptions wrong after reconciliation", len(seen.after), 0, "none"),
        ]
        return Result(_report(stack, number, seen, revenue), comparisons)


def _paid_twice(seen: Seen) -> list[str]:
    return [line for wrong in seen.after.values() for line in wrong if "paid for until" in line]


def _report(stack: Stack, number: int, seen: Seen, revenue: Sequence[str]) -> str:
    calls = Counter(status for _, _, _, status in stack.simulator.call_log())
    events = stack.simulator.delivery_counts()
    mails = [message["message_id"] for message in stack.mailbox.messages()]
    found = seen.reconciled.tally.found
    paid = sum(len(account.paid) for account in seen.accounts)
    rows = (
        ("subscriptions", f"{number}, of which {len(seen.storm.broken)} could not be lived to the end"),
        ("lived", f"in {seen.seconds / 60:.1f} min, {AT_ONCE} side by side"),
        ("webhooks", f"{events['delivered']} delivered, each twice, shuffled and late; {events['dropped']} dropped"),
        ("calls to Stripe", f"{sum(calls.values())}"),
        ("    failed before commit", f"{calls[500]}"),
        ("    answer lost after commit", f"{stack.simulator.lost_answers}"),
        ("wrong before reconciliation", f"{len(seen.before)} subscriptions"),
        *(
            (f"    {kind}", ", ".join(f"{count} {what}" for what, count in outcomes.items()))
            for kind, outcomes in sorted(found.items())
        ),
        ("wrong after reconciliation", f"{len(seen.after)} subscriptions"),
        ("`tenure metrics check`", "; ".join(revenue)),
        ("bills paid", f"{paid}; periods paid twice: {len(_paid_twice(seen))}"),
        ("mails", f"{len(mails)}; duplicates: {len(mails) - len(set(mails))}"),
    )
    table = [f"{what:<30}{how}" for what, how in rows]
    faults = [f"{who}: {'; '.join(wrong)}" for who, wrong in seen.after.items()]
    return "\n".join([*table, *seen.storm.broken, *faults])
