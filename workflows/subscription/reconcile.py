"""Heals what reconciliation found: syncs with the provider, repeats requests to it, and writes the state again."""

from dataclasses import replace

from temporalio import workflow

from domain.provider.hints import EventHint, EventKind
from domain.provider.payments import ChargeOutcome, ProviderState
from domain.subscription import reconcile_steps
from domain.subscription.journal import Cause, CauseKind
from workflows.subscription import activity_calls
from workflows.subscription.provider_sync import ProviderSync


class ReconcileSteps(ProviderSync):
    """Heals differences between the workflow, the provider and the database."""

    async def process_event(self, hint: EventHint) -> None:
        """Read what a hint points to; after a restore, reconcile everything before taking due actions."""
        if hint.news is EventKind.LIFE_RESTORED:
            await self.reconcile(Cause(CauseKind.RECONCILIATION, hint.event), unheard_agreement=hint.object_id)
            return
        await super().process_event(hint)

    async def reconcile(self, cause: Cause, *, unheard_agreement: str = "", writes_again: bool = False) -> None:
        """Apply what the provider knows, repeat what it does not know, and write what the database is missing.

        Only differences are journaled. It charges only where a sync alone would: a newly found card for what is owed.
        """
        # The recorded hold was requested from the provider, or was about to be.
        hold_is_ours = self.subscription.is_held or self.subscription.wants_hold
        if writes_again:
            await self.commit(reconcile_steps.written_again(self.subscription, workflow.now(), cause))
        # The difference may come from a payment that waited for a confirmation.
        await self.check_confirmation(cause)
        if (
            unheard_agreement
            and not self.subscription.is_over
            and not self.subscription.agreement_ref
            and not self.subscription.is_free
            and not self.subscription.unheard_tries  # the sync finds what they paid for
        ):
            await self._adopt_agreement(unheard_agreement, cause)
        if not self.subscription.customer_ref:
            return
        standing = await self.sync(cause)
        if not self.subscription.is_over and self.subscription.agreement_ref:
            await self._resync_provider(standing, cause, hold_is_ours=hold_is_ours)

    async def _adopt_agreement(self, agreement_ref: str, cause: Cause) -> None:
        """Adopt the agreement of a first payment whose answer was lost together with the workflow."""
        before = self.subscription
        standing = await activity_calls.provider_state(replace(before, agreement_ref=agreement_ref))
        if standing.latest is not None and standing.latest.outcome is ChargeOutcome.PAID:
            self.subscription = before.with_try(workflow.now())
            await self.settle(replace(standing.latest, key=before.next_try_key), cause)

    async def _resync_provider(self, standing: ProviderState, cause: Cause, *, hold_is_ours: bool) -> None:
        """Repeat the hold and the end at period end if the provider's state differs.

        A hold that someone else has set there stays.
        """
        subscription, again = self.subscription, f"/{cause.ref}"
        wants_hold, wants_end = subscription.wants_hold, reconcile_steps.wants_end(subscription)
        repeated = []
        is_otherwise = standing.is_held is not None and standing.is_held != wants_hold
        if is_otherwise and (wants_hold or hold_is_ours):
            await activity_calls.set_hold(subscription, on=wants_hold, again=again)
            repeated.append("to bill nothing for now" if wants_hold else "to bill again")
        if standing.ends is False and wants_end:
            await activity_calls.end_at_period_end(subscription, on=True, again=again)
            repeated.append("to end with the paid period")
        is_held = subscription.is_held if standing.is_held is None else wants_hold
        self.subscription = replace(self.subscription, is_held=is_held)
        if repeated:
            await self.commit(reconcile_steps.told_again(self.subscription, repeated, workflow.now(), cause))
