"""The delays that a delivery asks of Temporal are the schedule's, and nothing ends it before."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import uuid4

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.events import NOT_DELIVERED, EventActivities
from domain.events.deliveries import SCHEDULE, Answer, QueuedDelivery
from domain.notifications.ports import QueuedMail
from tests.workflows.world.receivers import InMemoryDeliveries, InMemoryReceivers
from workflows.event_delivery import EVENT_OPTIONS


class NoMails:
    """Implements `MailDispatcher`: nobody is told anything."""

    async def dispatch(self, mails: Sequence[QueuedMail]) -> None:
        assert not mails


def a_delivery() -> QueuedDelivery:
    return QueuedDelivery(str(uuid4()), "default", str(uuid4()), str(uuid4()))


async def test_each_attempt_asks_for_the_delay_of_the_schedule_and_the_last_one_ends_it() -> None:
    deliveries, receivers, delivery = InMemoryDeliveries(), InMemoryReceivers(), a_delivery()
    receivers.answers[delivery.endpoint] = Answer(None, "no answer within 20 s")
    events = EventActivities(deliveries, receivers, NoMails())

    asked = []
    for _ in SCHEDULE[1:]:
        with pytest.raises(ApplicationError, match="no answer within 20 s") as failed:
            await ActivityEnvironment().run(events.deliver, delivery)
        assert failed.value.type == NOT_DELIVERED
        assert not failed.value.non_retryable
        asked.append(failed.value.next_retry_delay)

    assert asked == list(SCHEDULE[1:])
    assert await ActivityEnvironment().run(events.deliver, delivery) == "failed"
    assert await ActivityEnvironment().run(events.deliver, delivery) == "not needed"


def test_neither_a_number_of_attempts_nor_a_time_ends_it_before_the_schedule_does() -> None:
    assert EVENT_OPTIONS.retry_policy.maximum_attempts == 0
    assert EVENT_OPTIONS.schedule_to_close > sum(SCHEDULE, timedelta(hours=1))
    assert EVENT_OPTIONS.start_to_close > timedelta(seconds=20)
