"""The sandbox's controls over cards, disputes and refunds."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Literal

from fastapi import APIRouter, HTTPException
from pydantic import Field

from sandbox.control_parts import Body, Done, run_control
from sandbox.stripe import StripeSimulator


class CardAnswers(Body):
    customer: str
    answers: Annotated[list[str], Field(min_length=1)]


class CardExpiry(Body):
    customer: str
    exp_month: Annotated[int, Field(ge=1, le=12)]
    exp_year: Annotated[int, Field(ge=2000, le=2200)]


class CustomerEdit(Body):
    """Fields that are left out stay unchanged."""

    customer: str
    email: str | None = None
    name: str | None = None


class Dispute(Body):
    """What the bank does; `won` and `lost` close an open dispute."""

    customer: str
    status: Literal["inquiry", "opened", "won", "lost"] = "opened"


class Refund(Body):
    """The amount in cents; None: the rest of the latest charge."""

    customer: str
    amount: Annotated[int, Field(gt=0)] | None = None


def bank_routes(simulator: StripeSimulator, is_customer: Callable[[str], Awaitable[bool]]) -> APIRouter:
    """Actions of banks and in Stripe's dashboard."""
    routes = APIRouter()

    @routes.post("/card")
    async def card(body: CardAnswers) -> Done:
        if not await is_customer(body.customer):
            raise HTTPException(422, f"no customer {body.customer!r}: use a customer's external_id")
        run_control(lambda: simulator.set_card_answers(body.customer, body.answers))
        return Done()

    @routes.post("/card-expiry")
    async def card_expiry(body: CardExpiry) -> Done:
        """Change the expiry date of the card on file without an event."""
        run_control(lambda: simulator.set_card_expiry(body.customer, body.exp_month, body.exp_year, announced=False))
        return Done()

    @routes.post("/card-update")
    async def card_update(body: CardExpiry) -> Done:
        """The bank renews the card on file; Stripe sends an event."""
        run_control(lambda: simulator.set_card_expiry(body.customer, body.exp_month, body.exp_year, announced=True))
        return Done()

    @routes.post("/customer")
    async def customer(body: CustomerEdit) -> Done:
        """Edit the customer in Stripe's dashboard."""
        changes = {name: value for name, value in (("email", body.email), ("name", body.name)) if value is not None}
        run_control(lambda: simulator.edit_customer(body.customer, changes))
        return Done()

    @routes.post("/dispute")
    async def dispute(body: Dispute) -> Done:
        run_control(lambda: simulator.dispute(body.customer, body.status))
        return Done()

    @routes.post("/refund")
    async def refund(body: Refund) -> Done:
        run_control(lambda: simulator.refund(body.customer, body.amount))
        return Done()

    return routes
