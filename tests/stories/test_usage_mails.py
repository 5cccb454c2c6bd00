"""Customers hear of limits that come near: once each, whoever tells of it."""

from collections import Counter
from collections.abc import Awaitable, Callable
from typing import cast
from uuid import uuid4

import pytest
from sqlalchemy import text
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from domain.entitlements.usage import Outcome, UsageChange
from domain.errors import GatewayUnavailable
from sandbox.stack import Stack
from services.mail_dispatcher import TemporalMailDispatcher
from services.usage_notifier import UsageNotifier
from storage.usage.counting import Usage
from storage.usage.notices import UsageNotices
from tenure.cli.usage import roll_up_now
from tests.harness.lives import Life

Begin = Callable[..., Awaitable[Life]]


async def consume(life: Life, quantity: int) -> str:
    """Use up storage as a product does; returns how near the limit it is."""
    wish = {"feature": "storage_gb", "quantity": quantity, "key": str(uuid4())}
    answer = await life.product.post(f"/v1/customers/{life.external_id}/consume", wish)
    return str(answer["level"])


async def used_unheard(life: Life, quantity: int, stack: Stack) -> None:
    """Storage is used up, and the process that has answered dies before it tells of it."""
    use = UsageChange(life.external_id, "storage_gb", quantity, str(uuid4()))
    counted = await Usage(stack.engine).use(use, stack.api_parts.entitlement_rules)
    assert counted.outcome is Outcome.COUNTED
    assert counted.noticed


class SilentEngine:
    """Temporal's client while Temporal is down."""

    async def start_workflow(self, *_: object, **__: object) -> None:
        raise RPCError("not now", RPCStatusCode.UNAVAILABLE, b"")


async def test_a_customer_is_warned_at_90_percent_and_told_of_the_grace_at_100(begin: Begin) -> None:
    life = await begin()
    assert [await consume(life, 8), await consume(life, 1)] == ["hint", "warned"]
    assert await life.mails() == Counter(trial_started=1, usage_warning=1)
    warning = await life.last_mail()
    assert warning["subject"] == "Storage in GB: 90% of your limit used"
    assert "9 of 10" in warning["text"]
    assert "you can go on beyond it for 7 days" in warning["text"]

    assert await consume(life, 1) == "grace"
    assert await life.mails() == Counter(trial_started=1, usage_warning=1, usage_limit=1)
    limit = await life.last_mail()
    assert limit["subject"] == "Storage in GB: the limit of your plan is reached"
    assert "up to 11, until" in limit["text"]
    assert "resets" not in limit["text"], "a gauge never does"

    kinds = await life.kinds()
    assert (kinds["usage_warning"], kinds["usage_limit"]) == (1, 1)
    crossed = next(entry for entry in await life.past() if entry["kind"] == "usage_limit")
    assert crossed["summary"] == "Storage in GB: 10 of 10 used (100 %)"


async def test_what_nobody_told_in_time_is_told_by_the_roll_up_once(begin: Begin, stack: Stack) -> None:
    life = await begin()
    await used_unheard(life, 10, stack)

    done = await roll_up_now(stack.client)
    await roll_up_now(stack.client)

    assert done.told.notices >= 1
    assert done.sampled >= 1
    assert done.statistics >= 1
    assert await life.mails() == Counter(trial_started=1, usage_limit=1)


async def test_while_temporal_is_down_the_mail_stays_written_down_and_the_roll_up_sends_it(
    begin: Begin, stack: Stack
) -> None:
    life = await begin()
    await used_unheard(life, 10, stack)
    down = TemporalMailDispatcher(cast("Client", SilentEngine()))
    with pytest.raises(GatewayUnavailable):
        await UsageNotifier(UsageNotices(stack.engine), down).send_pending()
    aged = text("update mails set created_at = created_at - interval '6 minutes' where subscription = :id")
    async with stack.engine.begin() as connection:
        await connection.execute(aged, {"id": life.id})

    done = await roll_up_now(stack.client)

    assert done.told.mails >= 1
    assert await life.mails() == Counter(trial_started=1, usage_limit=1)
