"""Fills a running stack with a crowd: everybody lives their year, and those who still have a subscription go on."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from random import Random

from domain.entitlements.usage import UsageChange
from domain.errors import Rejected
from domain.names import DEFAULT_TENANT
from domain.reconciliation.differences import Discrepancy
from domain.subscription.lifecycle import Status
from sandbox.crowd import findings, usage
from sandbox.crowd.acts import Plot
from sandbox.crowd.audited import Support
from sandbox.crowd.binding import surroundings
from sandbox.crowd.dating import date_back
from sandbox.crowd.past_life import PastLife, Surroundings
from sandbox.crowd.playing import Offer, Player
from sandbox.crowd.plots import plots
from sandbox.crowd.roles import Role
from sandbox.crowd.size import check_size
from sandbox.lives import is_customer
from sandbox.stack import Stack
from services.reconciliation.restore import start_again
from storage.access.operators import OperatorRole, Operators
from storage.revenue.roll_up import RevenueRollUpRecords
from storage.usage.counting import Usage
from storage.usage.roll_up import UsageRollUpRecords

SEED = 1
NAME = "crowd"
AT_ONCE = 6
"""How many live at the same time: while one waits for the database, others go on."""
SUPPORT = "sam@tenure.example"
"""The operator who extends trials, suspends and reactivates."""
TIMEZONE = "UTC"


@dataclass(frozen=True)
class Member:
    """One of a crowd."""

    external_id: str
    subscription: str
    """The latest; empty if no sign-up was accepted."""
    role: str
    """What an operator finds them in; empty: nothing special."""


@dataclass(frozen=True)
class Crowd:
    """Who is there now."""

    members: tuple[Member, ...]
    found: tuple[Discrepancy, ...]
    """What reconciliation has found."""

    def in_role(self, role: Role) -> Member:
        """The one whom operators find in this."""
        return next(member for member in self.members if member.role == role)


async def fill(
    stack: Stack,
    number: int,
    say: Callable[[str], None],
    *,
    seed: int = SEED,
    name: str = NAME,
) -> Crowd:
    """Fill the stack with this many customers, who have signed up within the last year.

    *say* is given what is being done. The same *seed* draws the same plots; *name* begins their external ids.

    Raises:
        Malformed: *number* is not within the bounds, or the catalog sells nothing that costs something.
        Rejected: a crowd of this name is there already.
    """
    check_size(number)
    if await is_customer(f"{name}-0001", stack.engine):
        raise Rejected("the crowd is there already: for another one use a new folder", code="crowd_exists")
    offer = Offer(stack.api_parts.catalog, stack.api_parts.policy)
    return await _Filling(stack, offer, say, seed, name, number).fill()


class _Filling:
    """One crowd in the making."""

    def __init__(
        self, stack: Stack, offer: Offer, say: Callable[[str], None], seed: int, name: str, number: int
    ) -> None:
        self._stack, self._offer, self._say, self._seed, self._name = stack, offer, say, seed, name
        self._began = datetime.now(UTC)
        self._plots = plots(number, self._began, offer.trial_days, seed, name)
        self._around: Surroundings = surroundings(stack, offer.policy)
        self._uses: list[UsageChange] = []
        self._done = 0

    async def fill(self) -> Crowd:
        turn = asyncio.Semaphore(AT_ONCE)
        operator, _ = await Operators(self._stack.engine).add(
            SUPPORT, OperatorRole.OPERATOR, tenant=DEFAULT_TENANT, name="Sam Rivera"
        )
        support = Support(self._stack.engine, operator)

        async def one(plot: Plot) -> Member:
            async with turn:
                member = await self._live(plot, support)
                self._done += 1
                self._say(f"Filling the sandbox: {self._done} of {len(self._plots)} customers")
                return member

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(plot)) for plot in self._plots]
        found = await self._complete()
        return Crowd(tuple(task.result() for task in tasks), tuple(found))

    async def _live(self, plot: Plot, support: Support) -> Member:
        dice = Random(f"{self._seed}/{plot.contact.external_id}")  # noqa: S311 - chance, not a secret
        name = plot.contact.external_id
        self._stack.simulator.begin_in_the_past(name, plot.signs_up_at)
        life = PastLife(self._around, name, plot.signs_up_at)
        await Player(life, plot, self._offer, support, dice).play(self._began)
        if plot.role == Role.DIFFERS:
            await findings.end_unheard(life, self._stack.provider)
        if plot.role == Role.TRIAL_EXPIRED:
            await findings.refuse_last_mail(life)
        await self._go_on(life, plot, dice)
        return Member(name, life.subscription, plot.role)

    async def _go_on(self, life: PastLife, plot: Plot, dice: Random) -> None:
        """Have what is not over go on by itself: its clock at the provider, and its workflow in Temporal."""
        if life.workflow is not None and not life.is_over:
            state = await life.state()
            start = replace(life.workflow.start, subscription=state, payment_method=None, is_born=True, hints=())
            await start_again(self._stack.api_parts.client, start, f"of a crowd, at step {state.sequence}")
            if plot.use is not None and state.status is Status.ACTIVE:
                self._uses += usage.uses(life.external_id, state, plot.use, self._offer.catalog, dice)
        if life.workflow is not None:
            await life.workflow.close()
        self._stack.simulator.let_run(life.external_id)

    async def _complete(self) -> Sequence[Discrepancy]:
        """Count what is used, date back, sum up, and compare."""
        engine = self._stack.engine
        self._say("Filling the sandbox: usage, sums and a reconciliation")
        await usage.count(Usage(engine), self._uses, self._stack.api_parts.entitlement_rules)
        await findings.receive_for_others(self._around, Random(self._seed))  # noqa: S311 - chance, not a secret
        await date_back(engine, self._began, self._name, self._around.sent)
        await RevenueRollUpRecords(engine, TIMEZONE).roll_up()
        await UsageRollUpRecords(engine).compute_statistics(alive=lambda _: None)
        return await findings.reconcile(self._stack)
