"""A sign-up: who wants which plan, and on which terms."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from domain.catalog.plans import Selection
from domain.subscription.policy import Policy
from domain.subscription.state import Subscription


@dataclass(frozen=True)
class SignUpContact:
    """The customer as the product knows them. None: not said, so it stays as it is."""

    external_id: str
    email: str
    name: str | None = None
    timezone: str | None = None
    locale: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class SignUp:
    """What a customer signs up for. Never put this into a workflow's history."""

    subscription: str
    """The id that the subscription will have."""
    tenant: str
    actor: str
    """Who signs them up, for the journal."""
    key: str
    """Names the command: the same for a repeat."""
    contact: SignUpContact
    selection: Selection
    trial_days: int
    """0: charged at once."""
    policy: Policy
    free_plan: Selection | None = None
    """What the subscription may fall back to."""
    payment_method: str | None = None
    allow_another_trial: bool = False

    def begun(self, customer: str, now: datetime) -> Subscription:
        """The subscription before its first step."""
        chosen = Subscription.to(
            self.selection, subscription_id=self.subscription, tenant=self.tenant, customer=customer, created_at=now
        )
        return replace(
            chosen,
            trial_ends_at=now + timedelta(days=self.trial_days) if self.trial_days else None,
            free_plan=self.free_plan,
        )
