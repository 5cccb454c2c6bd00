"""The sandbox's controls over HTTP: time, cards, faults, Stripe's side of disputes and refunds, and the mailbox."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Literal, Protocol

from fastapi import FastAPI, HTTPException, Query
from pydantic import BaseModel, ConfigDict, Field

from sandbox.lives import UnknownSubscriptionError
from sandbox.mailbox import Mailbox, MailFaults, Message, mailbox_routes
from sandbox.stripe import StripeSimulator
from sandbox.travel import NotSettledError


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Travel(_Body):
    subscription: str
    seconds: Annotated[float, Field(gt=0, le=10 * 366 * 86400)]


class Arrived(_Body):
    now: datetime


class CardAnswers(_Body):
    customer: str
    answers: Annotated[list[str], Field(min_length=1)]


class OfCustomer(_Body):
    customer: str


class WebhookFaults(_Body):
    drop: float | bool = False
    duplicate: float | bool = False
    reorder: float | bool = False
    delay_s: float = 0


class StripeFaults(_Body):
    error_rate: float = 0
    status: int = 500
    timeout_after_commit: int | bool = False


class SmtpFaults(_Body):
    refuse: float | bool = False
    slow_s: float = 0


class Faults(_Body):
    """What is left out is healed."""

    webhooks: WebhookFaults = WebhookFaults()
    stripe: StripeFaults = StripeFaults()
    smtp: SmtpFaults = SmtpFaults()


class Done(_Body):
    status: Literal["ok"] = "ok"


class Journey(Protocol):
    """Moves one subscription's clock; answers with the time it then has."""

    def __call__(self, subscription: str, seconds: float) -> Awaitable[datetime]: ...


def control_app(
    simulator: StripeSimulator, mailbox: Mailbox, travel: Journey, is_customer: Callable[[str], Awaitable[bool]]
) -> FastAPI:
    """The control server; loopback only, it knows no keys."""
    app = FastAPI(title="Tenure sandbox")
    app.include_router(mailbox_routes(mailbox))

    @app.get("/messages")
    async def messages(to: Annotated[str | None, Query()] = None) -> list[Message]:
        return mailbox.messages(to)

    @app.post("/travel")
    async def move(body: Travel) -> Arrived:
        try:
            return Arrived(now=await travel(body.subscription, body.seconds))
        except UnknownSubscriptionError as error:
            raise HTTPException(404, str(error)) from error
        except NotSettledError as error:
            raise HTTPException(504, str(error)) from error

    @app.post("/card")
    async def card(body: CardAnswers) -> Done:
        if not await is_customer(body.customer):
            raise HTTPException(422, f"nobody has signed up as {body.customer!r}: give a customer's external_id")
        _tell(lambda: simulator.set_card_answers(body.customer, body.answers))
        return Done()

    @app.post("/faults")
    async def faults(body: Faults) -> Done:
        _tell(lambda: simulator.set_faults(body.webhooks.model_dump(), body.stripe.model_dump()))
        mailbox.faults = MailFaults(**body.smtp.model_dump())
        return Done()

    @app.post("/dispute")
    async def dispute(body: OfCustomer) -> Done:
        _tell(lambda: simulator.dispute(body.customer))
        return Done()

    @app.post("/refund")
    async def refund(body: OfCustomer) -> Done:
        _tell(lambda: simulator.refund(body.customer))
        return Done()

    return app


def _tell(what: Callable[[], object]) -> None:
    try:
        what()
    except (LookupError, ValueError) as error:
        raise HTTPException(422, str(error)) from error
