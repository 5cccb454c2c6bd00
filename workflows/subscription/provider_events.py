"""Provider events: reads what a hint points to, and applies it."""

from dataclasses import dataclass

from temporalio import workflow

from domain.provider.hints import MONEY_WENT_BACK, EventHint, EventKind
from domain.provider.payments import ReversalKind
from domain.subscription import reversals
from domain.subscription.journal import Cause, CauseKind
from workflows.priorities import interactive
from workflows.subscription import activity_calls
from workflows.subscription.cards import Cards
from workflows.subscription.ends import Ends
from workflows.subscription.provider_sync import ProviderSync
from workflows.subscription.reconcile import Reconciler
from workflows.subscription.recorder import StepRecorder


@dataclass(frozen=True, eq=False)
class ProviderEvents:
    """Processes a hint of a provider event. What it says is never taken as fact: the provider is asked."""

    _recorder: StepRecorder
    _cards: Cards
    _ends: Ends
    _provider_sync: ProviderSync
    _reconciler: Reconciler

    async def process(self, hint: EventHint) -> None:
        """Read what a hint points to, and apply it."""
        cause = Cause(CauseKind.WEBHOOK, hint.event)
        if hint.news is EventKind.LIFE_RESTORED:
            # After a restore, everything is reconciled before any due action.
            cause = Cause(CauseKind.RECONCILIATION, hint.event)
            await self._reconciler.reconcile(cause, unheard_agreement=hint.object_id)
        elif hint.news in MONEY_WENT_BACK:
            await self._apply_reversal(hint, cause)
        elif hint.news is EventKind.CARD_GIVEN:
            await self._adopt_checkout(hint, cause)
        else:
            await self._provider_sync.sync(cause)

    async def _adopt_checkout(self, hint: EventHint, cause: Cause) -> None:
        """Adopt the card entered on a checkout page, where the customer is looking at the result."""
        with interactive():
            wallet = await activity_calls.adopt_checkout(self._recorder.subscription, hint.object_id)
            if wallet is not None and wallet.card is not None:
                await self._cards.replace(wallet.customer_ref, wallet.card, cause, given_at=wallet.given_at)

    async def _apply_reversal(self, hint: EventHint, cause: Cause) -> None:
        """Read a refund or dispute, and apply the policy."""
        recorder = self._recorder
        kind = ReversalKind.REFUND if hint.news is EventKind.REFUNDED else ReversalKind.DISPUTE
        reversal = await activity_calls.reversal(recorder.subscription, kind, hint.object_id)
        if reversals.is_known(recorder.subscription, reversal):
            return
        now = workflow.now()
        if recorder.subscription.is_over:
            # Arrived while the subscription was ending; later ones are recorded without a workflow.
            await recorder.commit(reversals.after_the_end(recorder.subscription, reversal, now, cause))
            return
        step = reversals.recorded(recorder.subscription, reversal, recorder.policy, now, cause)
        await recorder.commit(step)
        end = reversals.end_by(recorder.subscription, reversal, recorder.policy)
        if end is not None:
            await self._ends.end(end, cause)
