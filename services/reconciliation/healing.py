"""Healing what reconciliation has found: by the subscription's own workflow, which is started again if it is lost."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from temporalio.client import Client, RPCTimeoutOrCancelledError, WorkflowUpdateFailedError
from temporalio.service import RPCError, RPCStatusCode

from activities.failures import as_tenure_error
from domain.errors import GatewayUnavailable, TenureError
from domain.names import subscription_workflow_id
from domain.notifications.ports import Post
from domain.provider.ports import Payments
from domain.reconciliation.differences import DifferenceKind, Discrepancy, Outcome, Projection
from domain.reconciliation.ports import Comparison, Found
from domain.subscription import commands
from domain.subscription.journal import Cause, CauseKind
from domain.subscription.ports import Records
from services.reconciliation.inspection import Inspection
from services.reconciliation.restore import NotRestorable, Restorer
from workflows.subscription.messages import Reconcile
from workflows.subscription.workflow import SubscriptionWorkflow

ACTOR = "reconciliation"
ANSWER_TIMEOUT = 25.0
"""Seconds in which a workflow must have put right what differs; what was begun goes on."""
LOOKS, BETWEEN_LOOKS = 3, 1.0
"""How often, and after how many seconds, it is looked whether healing has helped."""


class Healer:
    """Heals. Safe to repeat: a workflow takes one key once, and what is right already is left as it is."""

    def __init__(
        self,
        client: Client,
        inspection: Inspection,
        restorer: Restorer,
        ours: Comparison,
        payments: Payments,
        records: Records,
        post: Post,
    ) -> None:
        self._client = client
        self._inspection = inspection
        self._restorer = restorer
        self._ours = ours
        self._payments = payments
        self._records = records
        self._post = post

    async def heal(self, run: str, found: Sequence[Discrepancy]) -> list[Found]:
        """Heal what was found of one subscription and one agreement, and tell of each difference what came of it."""
        try:
            await self._heal(run, found)
            left = await self._left(found)
        except NotRestorable as error:
            return [Found(each, Outcome.LISTED, error.message) for each in found]
        except TenureError as error:
            return [Found(each, Outcome.FAILED, error.message) for each in found]
        return [
            Found(each, Outcome.FAILED, "it still differs: an operator must look")
            if each.kind in left
            else Found(each, Outcome.HEALED)
            for each in found
        ]

    async def _heal(self, run: str, found: Sequence[Discrepancy]) -> None:
        for each in found:
            if each.kind is DifferenceKind.MAIL_STUCK:
                await self._post.dispatch(await self._ours.queued(each.mails))
            elif each.kind is DifferenceKind.BILLED_AFTER_END:
                key = f"{each.subscription}/end/{each.agreement_ref}/{run}"
                await self._payments.end(each.agreement_ref, each.bill_ref, key=key)
        kinds = {each.kind for each in found} - {DifferenceKind.MAIL_STUCK, DifferenceKind.BILLED_AFTER_END}
        kept = await self._ours.one(found[0].subscription) if kinds else None
        if kept is None or (kept.subscription.is_over and kept.subscription.untold_end is None):
            return
        if DifferenceKind.END_UNWRITTEN in kinds:
            await self._write_end(run, kept)
            return
        unheard = next((each.agreement_ref for each in found if each.kind is DifferenceKind.AGREEMENT_UNHEARD), "")
        writes_again = DifferenceKind.DATABASE_BEHIND in kinds
        if DifferenceKind.WORKFLOW_MISSING in kinds:
            writes_again |= await self._restorer.restore(kept, run, unheard)
        # A later stage of the same run may find something else.
        key = f"reconcile/{run}/{'+'.join(sorted(kinds))}"
        only_tries = kinds == {DifferenceKind.BLOCKED}
        command = Reconcile(
            key, ACTOR, unheard_agreement=unheard, writes_again=writes_again, only_tries_again=only_tries
        )
        await self._have_mended(kept.subscription.id, command)

    async def _write_end(self, run: str, kept: Projection) -> None:
        """What a workflow that is over would have written; who was to be told was told when it ended."""
        end = await self._inspection.end_of(kept.subscription.id)
        cause = Cause(CauseKind.RECONCILIATION, run, ACTOR)
        step = commands.canceled(kept.subscription, end, datetime.now(UTC), cause)
        await self._records.save(replace(step, mails=()))

    async def _have_mended(self, subscription: str, command: Reconcile) -> None:
        handle = self._client.get_workflow_handle(subscription_workflow_id(subscription))
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT):
                await handle.execute_update(SubscriptionWorkflow.reconcile, command)
        except WorkflowUpdateFailedError as error:
            raise as_tenure_error(error.cause) or GatewayUnavailable(f"the workflow refused: {error.cause}") from error
        except (TimeoutError, RPCTimeoutOrCancelledError) as error:
            raise GatewayUnavailable("the workflow has not answered yet; what it has begun goes on") from error
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                # It came to its end while it was asked, or will be found missing next time.
                return
            raise GatewayUnavailable(f"Temporal does not answer: {error.message}") from error

    async def _left(self, found: Sequence[Discrepancy]) -> set[DifferenceKind]:
        """Which kinds of difference are still there."""
        by_agreement: dict[str, list[Discrepancy]] = {}
        for each in found:
            if each.kind is not DifferenceKind.MAIL_STUCK:
                by_agreement.setdefault(each.agreement_ref, []).append(each)
        for attempt in range(LOOKS):
            if attempt:
                await asyncio.sleep(BETWEEN_LOOKS)
            left = {
                still.kind for group in by_agreement.values() for still in await self._inspection.still_there(group)
            }
            if not left:
                break
        return left
