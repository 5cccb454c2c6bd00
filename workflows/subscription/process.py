"""The process of one subscription: its components, and how they are put together."""

from collections.abc import Iterable

from domain.subscription.policy import Policy
from domain.subscription.state import Subscription
from workflows.subscription.blocked_steps import BlockedSteps
from workflows.subscription.due_actions import DueActions
from workflows.subscription.ends import Ends
from workflows.subscription.messages import RUN_REVISION
from workflows.subscription.paying_cards import PayingCards
from workflows.subscription.payments import Cards, Charges, Confirmations, FirstPayment
from workflows.subscription.plan_changes import PlanChanges
from workflows.subscription.provider_sync import ProviderEvents, ProviderSync
from workflows.subscription.reconcile import Reconciler
from workflows.subscription.recorder import StepRecorder
from workflows.subscription.renewals import Renewals


class SubscriptionProcess:
    """Everything that a subscription does, each part in a component of its own.

    Each component gets the recorder, which holds the state, and the components above it that it uses.
    """

    def __init__(
        self, subscription: Subscription, policy: Policy, recent: Iterable[str] = (), revision: int = RUN_REVISION
    ) -> None:
        self.recorder = StepRecorder(subscription, policy, recent, revision)
        self.paying_cards = PayingCards(self.recorder)
        self.charges = Charges(self.recorder, self.paying_cards)
        self.blocked = BlockedSteps(self.recorder)
        self.confirmations = Confirmations(self.recorder, self.paying_cards)
        self.ends = Ends(self.recorder, self.confirmations)
        self.cards = Cards(self.recorder, self.charges, self.confirmations, self.blocked)
        self.provider_sync = ProviderSync(
            self.recorder, self.charges, self.confirmations, self.ends, self.cards, self.paying_cards
        )
        self.plan_changes = PlanChanges(
            self.recorder, self.charges, self.confirmations, self.blocked, self.provider_sync
        )
        self.first_payment = FirstPayment(self.recorder, self.charges, self.confirmations, self.cards)
        self.reconciler = Reconciler(self.recorder, self.charges, self.confirmations, self.provider_sync)
        self.events = ProviderEvents(self.recorder, self.cards, self.ends, self.provider_sync, Renewals(self.recorder))
        self.due_actions = DueActions(
            self.recorder,
            self.charges,
            self.confirmations,
            self.ends,
            self.provider_sync,
            self.plan_changes,
            self.first_payment,
        )
