"""Payments that the customer has to confirm with their bank."""

from datetime import datetime

from pydantic import BaseModel, Field

from api.http.errors import Problem
from api.http.openapi import problems
from domain.subscription.agenda import Action
from domain.subscription.confirmation import ConfirmedAction
from domain.subscription.confirmation_steps import page_of_open_bill
from storage.db.codec import state_from_json
from storage.subscriptions.read_model import SubscriptionRow


class PendingConfirmationView(BaseModel):
    """A payment that the customer still has to confirm with their bank."""

    action: ConfirmedAction = Field(description="what happens once it is confirmed")
    confirmation_url: str = Field(description="the page on which the customer confirms")
    expires_at: datetime = Field(description="deadline; after it, the request is dropped")

    @classmethod
    def of(cls, row: SubscriptionRow) -> "PendingConfirmationView | None":
        if not row.state.get("confirmation") and not row.state.get("recovery"):
            return None  # true of nearly all, which spares lists from decoding every state
        subscription = state_from_json(dict(row.state))
        waiting = subscription.confirmation
        if waiting is not None:
            return cls(action=waiting.action, confirmation_url=waiting.url, expires_at=waiting.expires_at)
        page, end = page_of_open_bill(subscription), _end_of_ladder(row)
        if not page or end is None:
            return None
        return cls(action=ConfirmedAction.RETRY_PAYMENT, confirmation_url=page, expires_at=end)


def _end_of_ladder(row: SubscriptionRow) -> datetime | None:
    """When the open invoice is voided. None while recovery is on hold, as in a dispute: nothing is requested then."""
    ends = (due["at"] for due in row.next_actions if due["action"] == Action.CANCEL)
    return next((datetime.fromisoformat(at) for at in ends), None)


class ConfirmationProblem(Problem):
    """`authentication_required`: the bank wants the customer to confirm the payment. Other 402s lack these members."""

    confirmation_url: str | None = Field(default=None, description="where to send the customer")
    expires_at: datetime | None = Field(default=None, description="deadline of the confirmation")
    subscription: str | None = Field(default=None, description="the subscription that is waiting")


CONFIRMING = problems(402, kinds=[ConfirmationProblem])
"""For endpoints whose charge may need confirmation. This response is not stored: a repeat returns the current state."""
