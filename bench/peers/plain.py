"""A subscription as a plain workflow: sleep, remind, charge, in the manner of Temporal's samples.

Its worker is a process of its own: `python -m bench.peers.plain ADDRESS`. Charges and mails do nothing, as there.
"""

import asyncio
import sys
import time
from dataclasses import dataclass
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import Worker

from bench.workers import READY

QUEUE = "plain"
ANSWER = timedelta(seconds=10)


@dataclass(frozen=True)
class PlainLife:
    """What a customer has signed up for; all times in seconds."""

    customer: str
    trial: float
    reminders: tuple[float, ...]
    """Before the end of the trial, the earliest first."""
    period: float
    renewals: int


@activity.defn
async def send_mail(customer: str, what: str) -> float:
    """When it was sent."""
    activity.logger.debug("%s to %s", what, customer)
    return time.time()


@activity.defn
async def charge(customer: str, period: int) -> float:
    """When it was charged."""
    activity.logger.debug("%s is charged for period %s", customer, period)
    return time.time()


@workflow.defn
class PlainSubscription:
    """Lives a whole life in one run; returns how late the conversion was, in seconds."""

    def __init__(self) -> None:
        self._is_canceled = False
        self._status = "trialing"

    @workflow.run
    async def run(self, life: PlainLife) -> float:
        converts_at = workflow.time() + life.trial
        await self._mail(life, "welcome")
        for before in life.reminders:
            if await self._is_canceled_before(converts_at - before):
                return 0.0
            await self._mail(life, "reminder")
        if await self._is_canceled_before(converts_at):
            return 0.0
        late = await self._charge(life, 0) - converts_at
        self._status = "active"
        for number in range(1, life.renewals + 1):
            if await self._is_canceled_before(converts_at + number * life.period):
                break
            await self._charge(life, number)
        return late

    @workflow.signal
    def cancel(self) -> None:
        self._is_canceled, self._status = True, "canceled"

    @workflow.query
    def status(self) -> str:
        return self._status

    async def _is_canceled_before(self, moment: float) -> bool:
        try:
            wait = timedelta(seconds=max(moment - workflow.time(), 0.0))
            await workflow.wait_condition(lambda: self._is_canceled, timeout=wait)
        except TimeoutError:
            return False
        return True

    async def _charge(self, life: PlainLife, number: int) -> float:
        charged = await workflow.execute_activity(charge, args=[life.customer, number], start_to_close_timeout=ANSWER)
        await self._mail(life, "receipt")
        return charged

    async def _mail(self, life: PlainLife, what: str) -> None:
        await workflow.execute_activity(send_mail, args=[life.customer, what], start_to_close_timeout=ANSWER)


async def _work(address: str) -> None:
    client = await Client.connect(address)
    async with Worker(client, task_queue=QUEUE, workflows=[PlainSubscription], activities=[send_mail, charge]):
        print(READY, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_work(sys.argv[1]))
