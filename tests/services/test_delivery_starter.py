"""A server without standalone activities: said at the start, and by each delivery."""

from collections.abc import AsyncIterator

import pytest
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from domain.errors import GatewayUnavailable, Rejected
from domain.notifications.mail_types import Occasion
from domain.notifications.ports import QueuedMail
from sandbox.temporal import executable
from services.delivery_starter import (
    ActivityStarter,
    DeliveryStatus,
    check_standalone_activities,
    delivery_status,
)
from services.mail_dispatcher import TemporalMailDispatcher


@pytest.fixture
async def client_of_older_server() -> AsyncIterator[Client]:
    environment = await WorkflowEnvironment.start_local(
        dev_server_existing_path=str(executable()),
        dev_server_extra_args=["--dynamic-config-value", "activity.enableStandalone=false"],
    )
    async with environment:
        yield environment.client


async def test_a_server_without_standalone_activities_is_told_by_its_words_and_leaves_mails_queued(
    client_of_older_server: Client,
) -> None:
    client = client_of_older_server
    with pytest.raises(Rejected, match="unset TENURE_STANDALONE_ACTIVITIES") as refused:
        await check_standalone_activities(client)
    assert refused.value.code == "no_standalone_activities"

    mails = TemporalMailDispatcher(client, ActivityStarter(client))
    with pytest.raises(GatewayUnavailable, match="unset TENURE_STANDALONE_ACTIVITIES"):
        await mails.dispatch([QueuedMail("m-1", "s-1", Occasion.RECEIPT)])
    assert await delivery_status(client, "mail/m-1") is DeliveryStatus.LOST
