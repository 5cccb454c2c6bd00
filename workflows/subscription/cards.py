"""The card on file: adopted from the provider, charged for what is owed, made the customer's default."""

from dataclasses import dataclass
from datetime import datetime

from temporalio import workflow

from activities.failures import STEP_FAILED
from domain.provider.payments import Card, ProviderState
from domain.subscription import blocked_steps, commands
from domain.subscription.journal import Cause
from domain.subscription.lifecycle import Status
from domain.subscription.state import SuspensionKind
from workflows.subscription import activity_calls
from workflows.subscription.blocked_steps import BlockedSteps
from workflows.subscription.charges import Charges
from workflows.subscription.confirmations import Confirmations
from workflows.subscription.recorder import StepRecorder

CARDS_OF_THE_PORTAL = "cards-of-the-portal"
"""A change to the order of commands: before, a card chosen at the provider did not reach the agreement, and one removed
there stayed on file here."""
NOT_ENDED_BY_A_CARD = frozenset(
    {SuspensionKind.OPERATOR, SuspensionKind.AWAITING_CONFIRMATION, SuspensionKind.AWAITING_PAYMENT}
)


@dataclass(frozen=True, eq=False)
class Cards:
    """Keeps the card on file the same here and at the provider, and charges a new one for what is owed."""

    _recorder: StepRecorder
    _charges: Charges
    _confirmations: Confirmations
    _blocked: BlockedSteps

    async def adopt(self, standing: ProviderState, cause: Cause) -> None:
        """Adopt the card that the customer chose at the provider, on its portal for example, or its removal."""
        subscription = self._recorder.subscription
        card, known = standing.card, subscription.card
        customer_ref = subscription.customer_ref or standing.customer_ref
        if card is None:
            if known is not None and customer_ref and workflow.patched(CARDS_OF_THE_PORTAL):
                await self._recorder.commit(commands.card_removed(subscription, workflow.now(), cause))
            return
        is_another = known is None or known.ref != card.ref
        if is_another and subscription.agreement_ref and workflow.patched(CARDS_OF_THE_PORTAL):
            # The provider prefers an agreement's own card to the customer's, so it must be this one too. The key has
            # the sequence, since a customer may go back to an earlier card.
            key = f"{subscription.id}/card/{card.ref}/{subscription.sequence}"
            await activity_calls.put_card(subscription, card.ref, key)
        await self.replace(customer_ref, card, cause)

    async def replace(self, customer_ref: str, card: Card, cause: Cause, *, given_at: datetime | None = None) -> None:
        """Record a card that the provider has on file, and charge it for what is owed."""
        subscription = self._recorder.subscription
        if card == subscription.card:
            return
        step = commands.card_replaced(subscription, customer_ref, card, workflow.now(), cause, given_at=given_at)
        await self._recorder.commit(step)
        await self.charge_new(cause)

    async def charge_new(self, cause: Cause) -> None:
        """Charge a new card at once for what is owed, or to revive an expired trial; otherwise do nothing."""
        subscription = self._recorder.subscription
        suspension = subscription.suspension
        if suspension is not None and suspension.kind in NOT_ENDED_BY_A_CARD:
            return
        if subscription.dispute is not None:
            return
        owes = subscription.recovery is not None or subscription.status is Status.SUSPENDED
        if owes and subscription.confirmation is not None:
            await self._confirmations.withdraw(cause)
            await self.charge_new(cause)  # with the new state
            return
        if owes and not subscription.card_is_barred and subscription.may_attempt(workflow.now()):
            await self._charges.settle(await self._charges.charge(), cause)

    async def make_default(self, card_ref: str, *, until_answered: bool = False) -> None:
        """Make a card the customer's default; if that is refused, the old card stays.

        With *until_answered* an outage is waited for.
        """

        async def ask() -> None:
            await activity_calls.make_default_card(self._recorder.subscription, card_ref)

        try:
            await (self._blocked.retry_until_answered(blocked_steps.CARD, ask) if until_answered else ask())
        except STEP_FAILED as error:
            # It may have been removed since. The next sync finds the current card.
            workflow.logger.warning("card not made the default: %s", error.__cause__ or error)
