"""The workflows that Tenure is measured beside do what they are said to."""

from collections import Counter

import pytest
from temporalio import activity
from temporalio.testing import TimeSkipper, TimeSkippingConfig, WorkflowEnvironment
from temporalio.worker import Worker

from bench.floor import FloorWorkflow
from bench.peers.life import PERIOD, REMINDERS, RENEWALS, TRIAL
from bench.peers.plain import PlainLife, PlainSubscription

LONG_AGO = 1000.0
LIFE = PlainLife("somebody", TRIAL, REMINDERS, PERIOD, RENEWALS)


class Outside:
    """Takes mails and charges."""

    def __init__(self) -> None:
        self.mails: Counter[str] = Counter()
        self.periods: list[int] = []

    @activity.defn(name="send_mail")
    async def send_mail(self, customer: str, what: str) -> float:
        self.mails[what] += 1
        return 0.0

    @activity.defn(name="charge")
    async def charge(self, customer: str, period: int) -> float:
        self.periods.append(period)
        return 0.0

    @activity.defn(name="nothing")
    async def nothing(self) -> float:
        return LONG_AGO + 2.5


@pytest.fixture
def outside() -> Outside:
    return Outside()


def at_work(environment: WorkflowEnvironment, queue: str, outside: Outside) -> Worker:
    return Worker(
        environment.client,
        task_queue=queue,
        workflows=[PlainSubscription, FloorWorkflow],
        activities=[outside.send_mail, outside.charge, outside.nothing],
    )


async def test_a_plain_workflow_reminds_converts_and_renews_in_one_run(
    environment: WorkflowEnvironment, outside: Outside
) -> None:
    async with at_work(environment, "plain-year", outside):
        skipping = TimeSkipper(environment.client, config=TimeSkippingConfig(enabled=True)).client
        await skipping.execute_workflow(PlainSubscription.run, LIFE, id="plain-year", task_queue="plain-year")

    assert outside.mails == Counter(welcome=1, reminder=len(REMINDERS), receipt=1 + RENEWALS)
    assert outside.periods == [*range(RENEWALS + 1)]


async def test_a_plain_workflow_that_is_canceled_charges_nothing_more(
    environment: WorkflowEnvironment, outside: Outside
) -> None:
    async with at_work(environment, "plain-canceled", outside):
        run = await environment.client.start_workflow(
            PlainSubscription.run, LIFE, id="plain-canceled", task_queue="plain-canceled"
        )
        await run.signal(PlainSubscription.cancel)
        await run.result()
        status = await run.query(PlainSubscription.status)

    assert (outside.periods, status) == ([], "canceled")


async def test_the_floor_tells_how_late_it_was(environment: WorkflowEnvironment, outside: Outside) -> None:
    async with at_work(environment, "floor-late", outside):
        late = await environment.client.execute_workflow(
            FloorWorkflow.run, LONG_AGO, id="floor-late", task_queue="floor-late"
        )

    assert late == 2.5
