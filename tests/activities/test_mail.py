"""How a delivery without a workflow around it comes to an end."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.attempts import is_last_attempt
from activities.mail import MailActivities
from tests.contracts.database import InMemoryDatabase, signed_up
from tests.contracts.in_memory.records import InMemoryRecords
from tests.storage.ledger import a_mail, a_step, later
from tests.workflows.world.mail_server import InMemoryMailServer
from workflows.mail import MAIL_OPTIONS

BEGUN = datetime(2026, 11, 21, tzinfo=UTC)


def attempt(number: int, after: timedelta, *, by_itself: bool = True) -> ActivityEnvironment:
    """An attempt to deliver a mail, so long after its delivery has begun."""
    environment = ActivityEnvironment()
    info = replace(
        environment.info,
        attempt=number,
        scheduled_time=BEGUN,
        started_time=BEGUN + after,
        start_to_close_timeout=MAIL_OPTIONS.start_to_close,
        schedule_to_close_timeout=MAIL_OPTIONS.schedule_to_close,
        retry_policy=MAIL_OPTIONS.retry_policy,
    )
    if by_itself:
        info = replace(info, workflow_id=None, workflow_run_id=None, workflow_type=None, activity_run_id="run 1")
    environment.info = info
    return environment


@pytest.mark.parametrize(
    ("number", "after", "is_last"),
    [
        (1, timedelta(), False),
        (440, timedelta(days=3) - timedelta(minutes=12), False),
        (440, timedelta(days=3) - timedelta(minutes=10), True),
        (3, timedelta(days=3) - timedelta(seconds=61), True),
        (3, timedelta(days=3) - timedelta(seconds=70), False),
    ],
)
def test_an_attempt_is_the_last_when_the_next_one_would_come_too_late(
    number: int, after: timedelta, is_last: bool
) -> None:
    assert attempt(number, after).run(is_last_attempt) is is_last
    assert attempt(number, after, by_itself=False).run(is_last_attempt) is False


async def test_the_last_attempt_gives_the_mail_up_and_an_earlier_one_leaves_it_to_the_next() -> None:
    records, server = InMemoryRecords(), InMemoryMailServer()
    it = await signed_up(InMemoryDatabase(records))
    [queued] = await records.save(a_step(later(it), a_mail()))
    mails, server.is_down = MailActivities(records, server), True

    with pytest.raises(ApplicationError):
        await attempt(1, timedelta()).run(mails.deliver, queued.id)
    assert records.mails[queued.id].status == "queued"

    assert await attempt(450, timedelta(days=3)).run(mails.deliver, queued.id) == "given up"
    assert records.mails[queued.id].status == "refused"


async def test_within_a_workflow_the_mail_is_left_to_the_workflow() -> None:
    records, server = InMemoryRecords(), InMemoryMailServer()
    it = await signed_up(InMemoryDatabase(records))
    [queued] = await records.save(a_step(later(it), a_mail()))
    mails, server.is_down = MailActivities(records, server), True

    with pytest.raises(ApplicationError):
        await attempt(450, timedelta(days=3), by_itself=False).run(mails.deliver, queued.id)
    assert records.mails[queued.id].status == "queued"
