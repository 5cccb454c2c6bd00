"""`tenure payload-keys`: the keys under which Temporal stores payloads."""

import asyncio
from collections import Counter
from typing import Final

from temporalio.client import Client
from temporalio.service import RPCError

from configuration.loading import Process, load_settings
from domain.audit import AuditTarget
from domain.errors import GatewayUnavailable, Rejected
from services.payload_codec import KEY_ID
from storage.payload_keys import forget_payload_key, payload_keys
from tenure.cli.audited import noted
from tenure.cli.connections import database, payload_keys_of, temporal
from tenure.cli.tables import aligned

OPEN_SUBSCRIPTIONS: Final = "WorkflowType = 'SubscriptionWorkflow' AND ExecutionStatus = 'Running'"
SUMMARY: Final = "summary"
"""The memo that each run of a subscription begins with; what it writes later is under the same key or a later one."""


def list_() -> None:
    """List the keys that have encrypted, and how many running subscriptions need each."""
    asyncio.run(_list())


async def _list() -> None:
    settings = load_settings(Process.PAYLOAD_KEYS)
    async with database(settings) as engine:
        names = await payload_keys(engine)
    needed = await keys_needed(await temporal(settings))
    rows = [(name or "none", str(needed[name])) for name in dict.fromkeys([*names, *needed])]
    print("\n".join(aligned(("KEY", "RUNNING SUBSCRIPTIONS"), rows)))


def forget(key: str, /) -> None:
    """Forget a payload key that no running subscription needs any more.

    Parameters
    ----------
    key
        Its name.
    """
    asyncio.run(_forget(key))
    print(f"key {key} is forgotten: take it out of TENURE_PAYLOAD_KEYS")


async def _forget(key: str) -> None:
    settings = load_settings(Process.PAYLOAD_KEYS)
    first = payload_keys_of(settings.payload_keys)[:1]
    if [one.id for one in first] == [key]:
        raise Rejected(f"the key {key!r} encrypts: put another one before it")
    async with database(settings) as engine, noted(engine, "payload-keys forget", AuditTarget("payload_key", key)):
        needed = (await keys_needed(await temporal(settings)))[key]
        if needed:
            raise Rejected(
                f"{needed} running subscriptions are stored under the key {key!r}; each lets go of it within its next"
                " six steps, or eight if an earlier release began its run"
            )
        await forget_payload_key(engine, key)


async def keys_needed(client: Client) -> Counter[str]:
    """How many running subscriptions were begun or continued under each key; an empty name: under none.

    Raises:
        GatewayUnavailable: Temporal does not list them.
    """
    found: Counter[str] = Counter()
    try:
        async for one in client.list_workflows(OPEN_SUBSCRIPTIONS):
            found[one.raw_info.memo.fields[SUMMARY].metadata.get(KEY_ID, b"").decode(errors="replace")] += 1
    except RPCError as error:
        raise GatewayUnavailable(
            f"Temporal does not list its workflows ({error.message}): check TENURE_TEMPORAL_NAMESPACE"
        ) from error
    return found
