"""What a subscription's status alone does not say: the card, a recovery, a suspension, a pause, a dispute."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, Self

from pydantic import BaseModel, Field

from domain.subscription.agenda import Action, announces_retry
from domain.subscription.lifecycle import Status
from domain.subscription.state import SuspensionKind
from storage.db.codec import state_from_json
from storage.subscriptions.read_model import SubscriptionRow


class CardView(BaseModel):
    """The card on file."""

    brand: str = Field(examples=["visa"])
    last4: str = Field(examples=["4242"])
    exp_month: int = Field(examples=[12])
    exp_year: int = Field(examples=[2034])


class RecoveryView(BaseModel):
    """A payment that has failed and is being recovered."""

    since: datetime = Field(description="the first decline, from which the policy's days count")
    tries: int = Field(description="declined attempts so far")
    decline_code: str = Field(description="of the latest one", examples=["insufficient_funds"])
    next_try_at: datetime | None = Field(description="when the card is tried again; null: not by itself")
    pay_url: str | None = Field(
        description="the payment provider's page on which the customer can pay the open invoice; null if there is none"
    )

    @classmethod
    def of(cls, row: SubscriptionRow) -> Self | None:
        it = state_from_json(dict(row.state))
        if it.recovery is None:
            return None
        return cls(
            since=it.recovery.since,
            tries=it.recovery.tries,
            decline_code=it.recovery.decline.code,
            next_try_at=_next_try(row) if it.has_chargeable_card else None,
            pay_url=row.open_invoice_url or None,
        )


class SuspensionView(BaseModel):
    """Why access is off; `status_reason` has an operator's words."""

    kind: SuspensionKind
    since: datetime
    cancel_at: datetime | None = Field(description="when it ends the subscription, unless a recovery decides that")


class PauseView(BaseModel):
    """A pause that the customer has asked for."""

    since: datetime
    resumes_at: datetime | None = Field(description="null: when the customer resumes it")


class DisputeView(BaseModel):
    """A payment that the customer's bank has taken back until it decides."""

    id: str = Field(description="the payment provider's id", examples=["du_1Qx"])
    since: datetime


_OF_LIVE: Final[Mapping[str, type[BaseModel]]] = {"suspension": SuspensionView, "pause": PauseView}


def circumstances(row: SubscriptionRow) -> dict[str, Any]:
    """Return the fields of `SubscriptionView` that most subscriptions do not have. No state is decoded for them."""
    state = row.state
    found: dict[str, Any] = {"card": CardView.model_validate(state["card"])} if state.get("card") else {}
    if row.status == Status.CANCELED:
        return found
    found |= {name: view.model_validate(state[name]) for name, view in _OF_LIVE.items() if state.get(name)}
    if dispute := state.get("dispute"):
        found["dispute"] = DisputeView(id=dispute["ref"], since=dispute["since"])
    if state.get("recovery"):
        found["recovery"] = RecoveryView.of(row)
    return found


def _next_try(row: SubscriptionRow) -> datetime | None:
    ahead = (due for due in row.next_actions if due["action"] == Action.RECOVER and announces_retry(due["why"]))
    return next((datetime.fromisoformat(due["at"]) for due in ahead), None)
