"""What an import needs besides the agreement, in memory."""

from domain.provider.payments import Card
from tests.contracts.in_memory.desk import Desk, once


class InMemoryHandover(Desk):
    """The port `Handover`."""

    async def card_of_agreement(self, agreement_ref: str) -> Card | None:
        deal = self._deal(agreement_ref)
        person = self.person(deal.customer)
        return next((card for card in person.cards if card.ref == deal.card), person.card)

    async def agreement_on_same_card(self, agreement_ref: str, card_ref: str) -> str:
        """None ever: every agreement here has a card of its own."""
        self._deal(agreement_ref)
        return ""

    @once
    async def end_trial(self, agreement_ref: str, subscription: str, *, key: str) -> None:
        deal = self._deal(agreement_ref)
        if not deal.ended:
            deal.ended, deal.ended_for = True, subscription
