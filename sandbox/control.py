"""The sandbox's controls over HTTP: time, faults, the bank, and the mailbox."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Protocol

from fastapi import FastAPI, HTTPException, Query
from pydantic import Field

from api.http.docs_page import add_docs
from sandbox.control_bank import bank_routes
from sandbox.control_parts import Body, Done, run_control, unavailable
from sandbox.lives import UnknownSubscriptionError
from sandbox.mailbox import TRY_AGAIN_LATER, Mailbox, MailFaults, Message, mailbox_routes
from sandbox.stripe import StripeSimulator
from sandbox.travel import NotSettledError


class Travel(Body):
    subscription: str
    seconds: Annotated[float, Field(gt=0, le=10 * 366 * 86400)]


class Arrived(Body):
    now: datetime


class WebhookFaults(Body):
    drop: float | bool = False
    duplicate: float | bool = False
    reorder: float | bool = False
    delay_s: float = 0
    refuse: float | bool = False


class RateLimit(Body):
    total: float
    per_endpoint: float


class StripeFaults(Body):
    error_rate: float = 0
    status: int = 500
    timeout_after_commit: int | bool = False
    lost_answer_rate: float = 0
    fault_after_rate: float = 0
    lock_rate: float = 0
    delay_s: float = 0
    rate_limit: RateLimit | None = None


class SmtpFaults(Body):
    refuse: float | bool = False
    status: int = TRY_AGAIN_LATER
    lost_answer: float | bool = False
    slow_s: float = 0


class Faults(Body):
    """Faults that are left out are turned off."""

    webhooks: WebhookFaults = WebhookFaults()
    stripe: StripeFaults = StripeFaults()
    smtp: SmtpFaults = SmtpFaults()


class Journey(Protocol):
    """Moves one subscription's clock; returns its new time."""

    def __call__(self, subscription: str, seconds: float) -> Awaitable[datetime]: ...


def control_app(
    simulator: StripeSimulator, mailbox: Mailbox, travel: Journey, is_customer: Callable[[str], Awaitable[bool]]
) -> FastAPI:
    """The control server; loopback only, without API keys."""
    app = FastAPI(title="Tenure sandbox", docs_url=None, redoc_url=None)
    add_docs(app)
    app.include_router(mailbox_routes(mailbox))
    app.include_router(bank_routes(simulator, is_customer))

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
        except Exception as error:
            raise unavailable(error) from error

    @app.post("/faults")
    async def faults(body: Faults) -> Done:
        def set_all() -> None:
            of_mails = MailFaults(**body.smtp.model_dump())
            simulator.set_faults(body.webhooks.model_dump(), body.stripe.model_dump())
            mailbox.faults = of_mails

        run_control(set_all)
        return Done()

    return app
