"""Database activities that run with the workflow task itself."""

from dataclasses import dataclass
from datetime import datetime

from temporalio import activity

from activities.failures import as_temporal_failures
from domain.subscription.contact_hours import Hours, rungs_for
from domain.subscription.excess_use import with_excess
from domain.subscription.journal import Step
from domain.subscription.policy import LadderStep, TrialPolicy
from domain.subscription.ports import Dispatcher, Records
from domain.subscription.reminders import Reminder, reminders_for
from domain.subscription.renewal_notices import laid_out
from domain.subscription.state import Notice

FIRST_STEPS = 3
"""One of these steps accepts a sign-up, which may change the customer; later changes wait for the sweep."""


@dataclass(frozen=True)
class AnchorRequest:
    """Requests when the reminders of a trial that ends at `ends_at` are due."""

    customer: str
    ends_at: datetime
    trial: TrialPolicy
    now: datetime
    signing_up: str = ""
    """The subscription that is not stored yet, whose sign-up may change the time zone; empty: there is none."""


@dataclass(frozen=True)
class LadderRequest:
    """Requests when the steps of a recovery that began at `since` are due."""

    customer: str
    since: datetime
    ladder: tuple[LadderStep, ...]
    hours: Hours


@dataclass(frozen=True)
class NoticesRequest:
    """Requests when a customer's notices are due."""

    customer: str
    notices: tuple[Notice, ...]
    hours: Hours
    now: datetime


@dataclass(frozen=True)
class ForgetRequest:
    """Identifies a refused sign-up."""

    customer: str
    subscription: str


class RecordActivities:
    """The database activities; one per worker."""

    def __init__(self, records: Records, dispatcher: Dispatcher) -> None:
        self._records = records
        self._dispatcher = dispatcher

    @activity.defn(name="record")
    async def record(self, step: Step) -> None:
        """Store a step and dispatch its mails. Idempotent by subscription and sequence."""
        with as_temporal_failures():
            waiting = await self._records.save(await self._with_excess(step))
            await self._dispatcher.dispatch(waiting)
            subscription, may_accept = step.subscription, step.trial is not None or step.invoice is not None
            is_early = subscription.sequence <= FIRST_STEPS
            if is_early and may_accept and await self._records.is_changing(subscription.customer):
                await self._dispatcher.start_customer_sync(subscription.customer)

    async def _with_excess(self, step: Step) -> Step:
        """The step, with the current usage that does not fit its plan change."""
        if step.fit is None:
            return step
        return with_excess(step, await self._records.limit_conflicts(step.subscription, step.fit))

    @activity.defn(name="anchor_reminders")
    async def anchor_reminders(self, request: AnchorRequest) -> tuple[Reminder, ...]:
        """Returns the upcoming reminders, in the customer's time zone. Changes nothing.

        An activity because time zone rules change, and a replay must see what was decided.
        """
        with as_temporal_failures():
            contact = await self._records.contact(request.customer, request.signing_up)
            return reminders_for(request.ends_at, request.trial, contact.timezone, now=request.now)

    @activity.defn(name="anchor_ladder")
    async def anchor_ladder(self, request: LadderRequest) -> tuple[datetime, ...]:
        """Returns when each step of a recovery is due, within the customer's contact hours. Changes nothing."""
        with as_temporal_failures():
            contact = await self._records.contact(request.customer)
            return rungs_for(request.since, request.ladder, request.hours, contact.timezone)

    @activity.defn(name="lay_out_notices")
    async def lay_out_notices(self, request: NoticesRequest) -> tuple[Notice, ...]:
        """Returns the upcoming notices, within the customer's contact hours. Changes nothing."""
        with as_temporal_failures():
            contact = await self._records.contact(request.customer)
            return laid_out(request.notices, request.hours, contact.timezone, request.now)

    @activity.defn(name="forget_sign_up")
    async def forget_sign_up(self, request: ForgetRequest) -> None:
        """Remove what a refused sign-up left behind. Idempotent; keeps a customer with a subscription or sign-up."""
        with as_temporal_failures():
            await self._records.forget_sign_up(request.customer, request.subscription)
