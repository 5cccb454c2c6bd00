"""Heals one difference, because an operator asks for it."""

import asyncio
from datetime import timedelta
from typing import Final

from temporalio.client import Client, RPCTimeoutOrCancelledError, WorkflowFailureError
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.service import RPCError

from domain.errors import GatewayUnavailable, Rejected
from domain.names import LIFECYCLE_QUEUE, heal_workflow_id
from domain.reconciliation.ports import StoredDiscrepancies
from domain.reconciliation.runs import StoredDiscrepancy
from workflows.heal import Healing, HealWorkflow

ANSWER_TIMEOUT: Final = timedelta(seconds=25)
"""How long a caller waits; healing goes on after that, and a repeat finds it."""


class SingleHealing:
    """Heals differences one by one, as a reconciliation run does.

    Args:
        client: the client of Temporal.
        stored: the differences.

    """

    def __init__(self, client: Client, stored: StoredDiscrepancies) -> None:
        self._client = client
        self._stored = stored

    async def heal(self, tenant: str, id_: str) -> StoredDiscrepancy:
        """Heal a difference, and return it with what came of it: closed, or why it still differs.

        Raises:
            Rejected: code `unknown_discrepancy`. Code `discrepancy_closed`: it is healed, or was found no longer. Code
                `not_healable`: an operator has to decide it.
            GatewayUnavailable: Temporal does not respond, or healing is not finished yet.
        """
        found = await self._current(tenant, id_)
        if found.closed_at is not None:
            raise Rejected("it is healed, or the latest run has not found it any more", code="discrepancy_closed")
        if not found.discrepancy.is_healable:
            raise Rejected(f"no rule can decide this one: {found.remedy}", code="not_healable")
        await self._run(found)
        return await self._current(tenant, id_)

    async def _current(self, tenant: str, id_: str) -> StoredDiscrepancy:
        found = await self._stored.current(tenant, id_)
        if found is None:
            raise Rejected(f"there is no difference {id_!r}", code="unknown_discrepancy")
        return found

    async def _run(self, found: StoredDiscrepancy) -> None:
        it = found.discrepancy
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT.total_seconds()):
                handle = await self._client.start_workflow(
                    HealWorkflow.run,
                    Healing(it),
                    id=heal_workflow_id(found.id),
                    task_queue=LIFECYCLE_QUEUE,
                    # Callers meanwhile wait for the same result; later it may be tried again.
                    id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                    id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
                    static_summary=f"Heal {it.kind.replace('_', ' ')} of {it.subscription or it.agreement_ref}",
                )
                await handle.result()
        except (TimeoutError, RPCTimeoutOrCancelledError) as error:
            raise GatewayUnavailable("healing is not finished yet; it goes on", code="still_working") from error
        except WorkflowFailureError as error:
            raise GatewayUnavailable(f"healing failed: {error.cause}") from error
        except (RPCError, RuntimeError) as error:  # RuntimeError: a client that could not connect yet
            raise GatewayUnavailable(f"Temporal does not respond: {error}", code="temporal_unavailable") from error
