"""Heals what reconciliation found: syncs with the provider, repeats requests to it, and writes the state again."""

from dataclasses import dataclass, replace

from temporalio import workflow

from domain.provider.payments import ChargeOutcome, ProviderState
from domain.subscription import holds, reconcile_steps
from domain.subscription.journal import Cause
from workflows.subscription import activity_calls
from workflows.subscription.payments import Charges, Confirmations
from workflows.subscription.provider_sync import LATE_LIFTS, ProviderSync
from workflows.subscription.recorder import StepRecorder


@dataclass(frozen=True, eq=False)
class Reconciler:
    """Heals differences between the workflow, the provider and the database."""

    _recorder: StepRecorder
    _charges: Charges
    _confirmations: Confirmations
    _provider_sync: ProviderSync

    async def reconcile(self, cause: Cause, *, unheard_agreement: str = "", writes_again: bool = False) -> None:
        """Apply what the provider knows, repeat what it does not know, and write what the database is missing.

        Only differences are journaled. It charges only where a sync alone would: a newly found card for what is owed.
        """
        recorder = self._recorder
        # The recorded hold was requested from the provider, or was about to be.
        hold_is_ours = recorder.subscription.is_held or recorder.subscription.wants_hold
        if writes_again:
            await recorder.commit(reconcile_steps.stored_again(recorder.subscription, workflow.now(), cause))
        # The difference may come from a payment that waited for a confirmation.
        await self._confirmations.check(cause)
        if unheard_agreement and self._may_have_begun_it():
            await self._adopt_agreement(unheard_agreement, cause)
        if not recorder.subscription.customer_ref:
            return
        standing = await self._provider_sync.sync(cause)
        if not recorder.subscription.is_over and recorder.subscription.agreement_ref:
            await self._resync_provider(standing, cause, hold_is_ours=hold_is_ours)

    def _may_have_begun_it(self) -> bool:
        """True if an agreement that is unknown here may be the subscription's own."""
        subscription = self._recorder.subscription
        return (
            not subscription.is_over
            and not subscription.agreement_ref
            and not subscription.is_free
            and not subscription.unheard_tries  # the sync finds what they paid for
        )

    async def _adopt_agreement(self, agreement_ref: str, cause: Cause) -> None:
        """Adopt the agreement of a first payment whose answer was lost together with the workflow."""
        before = self._recorder.subscription
        asked = replace(before, agreement_ref=agreement_ref)
        standing = await activity_calls.provider_state(asked, in_short=self._recorder.revision > 0)
        if standing.latest is not None and standing.latest.outcome is ChargeOutcome.PAID:
            self._recorder.subscription = before.with_attempt(workflow.now())
            await self._charges.settle(replace(standing.latest, key=before.next_attempt_key), cause)

    async def _resync_provider(self, standing: ProviderState, cause: Cause, *, hold_is_ours: bool) -> None:
        """Repeat the hold and the end at period end if the provider's state differs.

        A hold that someone else has set there stays, as does our own that may meet a renewal: the main loop decides.
        """
        recorder, again = self._recorder, f"/{cause.ref}"
        subscription = recorder.subscription
        wants_hold, wants_end = subscription.wants_hold, reconcile_steps.wants_end(subscription)
        repeated = []
        is_decided = not (holds.may_miss_renewal(subscription, workflow.now()) and workflow.patched(LATE_LIFTS))
        is_otherwise = is_decided and standing.is_held is not None and standing.is_held != wants_hold
        if is_otherwise and (wants_hold or hold_is_ours):
            await activity_calls.set_hold(subscription, on=wants_hold, again=again)
            repeated.append("to bill nothing for now" if wants_hold else "to bill again")
        if standing.ends is False and wants_end:
            await activity_calls.end_at_period_end(subscription, on=True, again=again)
            repeated.append("to end with the paid period")
        is_held = wants_hold if is_decided and standing.is_held is not None else subscription.is_held
        recorder.subscription = replace(recorder.subscription, is_held=is_held)
        if repeated:
            await recorder.commit(reconcile_steps.repeated(recorder.subscription, repeated, workflow.now(), cause))
