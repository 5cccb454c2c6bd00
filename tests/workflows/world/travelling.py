"""Moves lives through time as the sandbox does, and looks less often: everything but the workflow is in memory."""

import asyncio
from datetime import datetime, timedelta

from temporalio.client import WorkflowExecutionDescription, WorkflowExecutionStatus
from temporalio.testing import TimeSkipper

from sandbox.travel import AT_HAND, OVER, Life, Sight, Standing, Traveller, _at_rest, _now, _under_way
from tests.harness.patience import PATIENT
from tests.workflows.world.provider import WorldProvider

SET_OUT = 0.015
"""Seconds after which the server has told a worker of a timer that is due. To look before costs a query for nothing."""

Version = tuple[str, int]
"""A workflow's run, and the length of its history."""


class WorldTraveller(Traveller):
    """Asks a workflow once for each state of its history, since its answer depends on nothing else.

    It looks once more only if the provider has a message for the customer: no other news can be on its way. Messages
    are delivered and mails are sent by calls that return when that is done.
    """

    def __init__(self, skipper: TimeSkipper, provider: WorldProvider) -> None:
        super().__init__(skipper, provider, settled_within=PATIENT)
        self._provider = provider
        self._answers: dict[str, tuple[Version, Standing]] = {}
        self._seen: dict[str, tuple[WorkflowExecutionDescription, datetime, float]] = {}

    async def _fast_forward(self, life: Life, moment: datetime) -> None:
        """Move the workflow's clock as the sandbox does, from where it was when the life was last looked at."""
        description, now, seen_at = self._seen[life.customer]
        if description.status is not WorkflowExecutionStatus.RUNNING:
            return
        since = timedelta(seconds=asyncio.get_running_loop().time() - seen_at)
        way = moment - (now + since)
        if way > AT_HAND:
            await self._hop(life, description, way - AT_HAND)
        await asyncio.sleep(max(min(way, AT_HAND).total_seconds(), 0) + SET_OUT)

    async def _look(self, life: Life, before: Sight | None) -> Sight | str:
        if before is not None and not self._provider.has_news(life.customer):
            return before
        await self._provider.webhooks_settled(life.customer, 0)
        if self._provider.has_news(life.customer):
            return "messages are being delivered"
        if not await life.outside_settled():
            return "mails are being sent"
        description = await self._latest_run(life).describe()
        now = _now(description)
        self._seen[life.customer] = description, now, asyncio.get_running_loop().time()
        if under_way := "; ".join(_under_way(description)):
            return under_way
        version = (description.run_id, description.history_length)
        is_running = description.status is WorkflowExecutionStatus.RUNNING
        standing = await self._standing(life, version) if is_running else OVER
        if standing.over:
            return Sight(self._provider.now(life.customer), standing, None, version)
        return _at_rest(description, standing, now, version)

    async def _standing(self, life: Life, version: Version) -> Standing:
        known, standing = self._answers.get(life.customer, (None, OVER))
        if known != version:
            standing = await life.standing()
            if not standing.busy:
                self._answers[life.customer] = (version, standing)
        return standing
