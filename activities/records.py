"""Writing down what happened: database steps that run with the workflow task itself."""

from dataclasses import dataclass
from datetime import datetime

from temporalio import activity

from activities.failures import as_temporal_failures
from domain.subscription.contact_hours import Hours, rungs_for
from domain.subscription.excess_use import with_excess
from domain.subscription.journal import Step
from domain.subscription.policy import LadderStep, TrialPolicy
from domain.subscription.ports import Messenger, Records
from domain.subscription.reminders import Reminder, reminders_for
from domain.subscription.renewal_notices import laid_out
from domain.subscription.state import Notice

FIRST_STEPS = 3
"""With one of these a sign-up is accepted, which may say who the customer is now; a later one waits for the sweep."""


@dataclass(frozen=True)
class AnchorRequest:
    """Asks when the reminders of a trial that ends at `ends_at` are due."""

    customer: str
    ends_at: datetime
    trial: TrialPolicy
    now: datetime
    signing_up: str = ""
    """The subscription that is not written down yet, whose sign-up may bring another zone; empty: there is none."""


@dataclass(frozen=True)
class LadderRequest:
    """Asks when the steps of a recovery that began at `since` are due."""

    customer: str
    since: datetime
    ladder: tuple[LadderStep, ...]
    hours: Hours


@dataclass(frozen=True)
class NoticesRequest:
    """Asks when a customer is to be told of what is ahead."""

    customer: str
    notices: tuple[Notice, ...]
    hours: Hours
    now: datetime


@dataclass(frozen=True)
class ForgetRequest:
    """Tells which sign-up of which customer was refused."""

    customer: str
    subscription: str


class RecordActivities:
    """The database activities; one per worker."""

    def __init__(self, records: Records, post: Messenger) -> None:
        self._records = records
        self._post = post

    @activity.defn(name="record")
    async def record(self, step: Step) -> None:
        """Write a step down and hand its mails to the post. Idempotent by subscription and sequence."""
        with as_temporal_failures():
            waiting = await self._records.save(await self._held_against_use(step))
            await self._post.dispatch(waiting)
            it, may_be_accepted = step.subscription, step.trial is not None or step.invoice is not None
            if it.sequence <= FIRST_STEPS and may_be_accepted and await self._records.is_changing(it.customer):
                await self._post.tell_of_customer(it.customer)

    async def _held_against_use(self, step: Step) -> Step:
        """The step, with what of current use does not fit the change that it is about."""
        if step.fit is None:
            return step
        return with_excess(step, await self._records.misfits(step.subscription, step.fit))

    @activity.defn(name="anchor_reminders")
    async def anchor_reminders(self, request: AnchorRequest) -> tuple[Reminder, ...]:
        """The reminders still ahead in the customer's own day. Changes nothing.

        An activity because time zone rules change: what was once decided must read the same on replay.
        """
        with as_temporal_failures():
            contact = await self._records.contact(request.customer, request.signing_up)
            return reminders_for(request.ends_at, request.trial, contact.timezone, now=request.now)

    @activity.defn(name="anchor_ladder")
    async def anchor_ladder(self, request: LadderRequest) -> tuple[datetime, ...]:
        """When each step of a recovery is due, at decent hours of the customer's own day. Changes nothing."""
        with as_temporal_failures():
            contact = await self._records.contact(request.customer)
            return rungs_for(request.since, request.ladder, request.hours, contact.timezone)

    @activity.defn(name="lay_out_notices")
    async def lay_out_notices(self, request: NoticesRequest) -> tuple[Notice, ...]:
        """The notices still ahead, at decent hours of the customer's own day. Changes nothing."""
        with as_temporal_failures():
            contact = await self._records.contact(request.customer)
            return laid_out(request.notices, request.hours, contact.timezone, request.now)

    @activity.defn(name="forget_sign_up")
    async def forget_sign_up(self, request: ForgetRequest) -> None:
        """Remove what a refused sign-up has left. Idempotent; a customer with a subscription, or about to, stays."""
        with as_temporal_failures():
            await self._records.forget_sign_up(request.customer, request.subscription)
