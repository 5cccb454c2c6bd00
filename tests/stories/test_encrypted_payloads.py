"""What Temporal stores is encrypted from the moment keys are set, in the middle of lives that began without."""

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client, WorkflowHistory
from temporalio.worker import Replayer

from domain.names import subscription_workflow_id
from sandbox.options import Options
from sandbox.product import Product
from sandbox.stack import Stack, running
from services.payload_codec import ENCODING, PayloadKey, converter_with
from tenure.cli.payload_keys import keys_needed
from tests.harness.catalogs import CATALOG, POLICY
from tests.harness.folders import migrated_folder
from worker.build import WORKFLOWS, workflow_runner

KEYS = (PayloadKey("first", os.urandom(32)),)
ROTATED = (PayloadKey("second", os.urandom(32)), *KEYS)
CUSTOMER = "hedy-encrypted"
REASON = "because of a mark in clear"


@asynccontextmanager
async def stack_with(folder: Path, keys: tuple[PayloadKey, ...]) -> AsyncIterator[tuple[Stack, Product]]:
    options = Options(folder, CATALOG, POLICY, durable=False, ui=False, payload_keys=keys)
    async with running(options) as stack, Product(stack.addresses) as product:
        yield stack, product


@dataclass(frozen=True)
class Lived:
    """The run that began without keys, and what came after it."""

    begun_without: WorkflowHistory
    later: tuple[WorkflowHistory, ...]
    status: str
    memo: bytes
    """As Temporal stores it, of the latest run."""
    needed: dict[str, int]
    """Running subscriptions by the key that they needed at last."""


async def _histories(client: Client, subscription: str) -> list[WorkflowHistory]:
    runs = client.list_workflows(f'WorkflowId = "{subscription_workflow_id(subscription)}"')
    found = [one async for one in runs.map_histories()]
    return sorted(found, key=lambda one: one.events[0].event_time.ToNanoseconds())


@pytest.fixture(scope="module")
async def lived() -> Lived:
    with migrated_folder() as folder:
        return await _lived(folder)


async def _lived(folder: Path) -> Lived:
    async with stack_with(folder, ()) as (_, product):
        life = await product.sign_up(CUSTOMER, payment_method="pm_card_visa")
    async with stack_with(folder, KEYS) as (_, product):
        await product.command(life["id"], "extend-trial", days=3, reason=REASON)
        await product.travel(life["id"], timedelta(days=100))
    async with stack_with(folder, ROTATED) as (stack, product):
        await product.travel(life["id"], timedelta(days=200))
        needed = dict(await keys_needed(stack.client))
        shown = await product.command(life["id"], "cancel", at="now", reason=REASON)
        first, *later = await _histories(stack.client, life["id"])
        described = await stack.client.get_workflow_handle(subscription_workflow_id(life["id"])).describe()
        memo = described.raw_description.workflow_execution_info.memo.SerializeToString()
    return Lived(first, tuple(later), shown["status"], memo, needed)


def _payloads(events: Sequence[HistoryEvent]) -> bytes:
    return b"".join(event.SerializeToString() for event in events)


async def test_a_life_goes_on_while_keys_are_set_and_changed(lived: Lived) -> None:
    assert lived.status == "canceled"
    assert lived.later, "it has continued as new"


async def test_its_first_run_is_half_in_clear(lived: Lived) -> None:
    first = _payloads(lived.begun_without.events)

    assert b"json/plain" in first
    assert ENCODING in first


async def test_what_follows_is_encrypted_under_the_key_of_its_time(lived: Lived) -> None:
    events = [event for history in lived.later for event in history.events]
    stored = _payloads(events)

    assert b"first" in stored
    assert b"second" in stored
    assert [mark for mark in (REASON, CUSTOMER) if mark.encode() in stored] == []
    assert ENCODING in lived.memo


async def test_half_a_history_in_clear_replays(lived: Lived) -> None:
    replayer = Replayer(workflows=WORKFLOWS, workflow_runner=workflow_runner(), data_converter=converter_with(ROTATED))

    for history in (lived.begun_without, *lived.later):
        await replayer.replay_workflow(history)


async def test_without_the_key_it_does_not_replay(lived: Lived, caplog: pytest.LogCaptureFixture) -> None:
    replayer = Replayer(
        workflows=WORKFLOWS, workflow_runner=workflow_runner(), data_converter=converter_with(ROTATED[:1])
    )

    with pytest.raises(Exception, match="PayloadKeyMissing"):
        await replayer.replay_workflow(lived.later[0])
    assert "TENURE_PAYLOAD_KEYS has no key 'first'" in caplog.text


async def test_it_is_known_which_key_a_running_subscription_needs(lived: Lived) -> None:
    [(key, number)] = lived.needed.items()

    begun = lived.later[-1].events[0].SerializeToString()
    assert (key in ("first", "second"), number) == (True, 1)
    assert key.encode() in begun
