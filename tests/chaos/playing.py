"""Plays groups of lives through faults, several installations side by side, and tells what came of each."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tenure.cli.reconcile import run_now
from tests.chaos.faults import Fault
from tests.chaos.group import Group, Outcome, caught_up, counted, differing, heard, in_words
from tests.chaos.installation import Installation
from tests.harness.typed import Forker

Tell = Callable[[Outcome], None]
GIVEN_UP_AFTER = 600.0
"""Seconds for one fault, everything included: what is not done by then is lost."""


@dataclass(frozen=True)
class Plan:
    """How much is played."""

    size: int
    """Lives of each group."""
    seconds: float
    """For which a server stands still."""


async def played(lanes: Sequence[Sequence[Fault]], plan: Plan, tell: Tell, forker: Forker) -> list[Outcome]:
    """Play all faults; *tell* is given each outcome once it is whole. Returns them in the order of the table."""
    of_lanes = await asyncio.gather(*(_lane(lane, plan, forker, tell) for lane in lanes))
    return [outcome for lane in of_lanes for outcome in lane]


async def _lane(faults: Sequence[Fault], plan: Plan, forker: Forker, tell: Tell) -> list[Outcome]:
    outcomes, groups = [], []
    async with Installation.begun(forker) as it:
        await it.listen()
        for fault in faults:
            group, outcome = Group(it, fault.name, plan.size), Outcome(fault.name)
            outcomes.append(outcome)
            if why := fault.obstacle():
                outcome.skipped = why
            else:
                groups.append((fault, group, outcome))
                await _through(fault, group, outcome, plan)
            outcome.wrong += it.unexpected
            it.unexpected.clear()
        await _reconciled(it, groups)
    for outcome in outcomes:
        tell(outcome)
    return outcomes


async def _through(fault: Fault, group: Group, outcome: Outcome, plan: Plan) -> None:
    """Let a fault happen, and a month after it."""
    try:
        async with asyncio.timeout(GIVEN_UP_AFTER):
            await group.prepare()
            await fault.happen(group, plan.seconds)
            outcome.caught_up = await caught_up(group, fault.retried_within)
            await group.renew()
            await group.it.inspector.settle_audit()
            outcome.healed = len(await differing(group, is_copied=fault.copies_mails))
            await counted(group, outcome)
    except Exception as error:  # noqa: BLE001 - told in the table
        outcome.wrong.append(f"{type(error).__name__}: {error}")


async def _reconciled(it: Installation, groups: Sequence[tuple[Fault, Group, Outcome]]) -> None:
    """Reconcile once, and look again at all who have lived here; every event has to have come."""
    await run_now(it.servers.client, fix=True)
    await it.told()
    for fault, group, outcome in groups:
        outcome.wrong += in_words(await differing(group, is_copied=fault.copies_mails))
        await heard(group, outcome)
