"""Puts the card on file that a customer has paid with on an invoice's own page at the provider."""

from dataclasses import dataclass, replace

from temporalio import workflow

from activities.failures import STEP_FAILED, can_be_had_later
from domain.provider.payments import Charge
from domain.subscription import commands, paying_cards
from domain.subscription.journal import Cause
from workflows.subscription import activity_calls
from workflows.subscription.recorder import StepRecorder

KEEPS_PAYING_CARD = "keeps-paying-card"
"""A change to the order of commands: before, a card that had paid on the page of an invoice did not come on file, and
the next period was charged to the old one."""


@dataclass(frozen=True, eq=False)
class PayingCards:
    """Notes which card has paid, and makes it the card on file."""

    _recorder: StepRecorder

    def note(self, charge: Charge) -> None:
        """Note the card of a payment that is about to be recorded, if it is another than the one on file."""
        recorder = self._recorder
        card = paying_cards.another_card(recorder.subscription, charge)
        if card and workflow.patched(KEEPS_PAYING_CARD):
            recorder.subscription = replace(recorder.subscription, paying_card=card)

    async def put_on_file(self, cause: Cause) -> None:
        """Put the card on file that was noted. If the provider does not answer, it stays noted for the next sync."""
        recorder = self._recorder
        before = recorder.subscription
        if not before.paying_card or before.is_over:
            return
        key = f"{before.id}/paid-with/{before.paying_card}/{before.sequence}"
        try:
            wallet = await activity_calls.put_card(before, before.paying_card, key)
        except STEP_FAILED as error:
            if not can_be_had_later(error):
                # The provider has not kept it: it was for this payment alone, or was removed since.
                workflow.logger.info("card that has paid not put on file: %s", error.__cause__ or error)
                recorder.subscription = replace(before, paying_card="")
            return
        if wallet.card is not None:
            step = commands.card_replaced(before, wallet.customer_ref, wallet.card, workflow.now(), cause)
            await recorder.commit(step)
