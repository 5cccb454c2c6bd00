"""The command that follows a change of the customer's contact data or time zone."""

from dataclasses import dataclass
from datetime import datetime

from temporalio import workflow

from domain.subscription import contact_changes, guards, renewal_notices
from domain.subscription.contact_hours import Hours
from domain.subscription.lifecycle import Status
from domain.subscription.reminders import Reminder
from domain.subscription.state import Notice
from workflows.subscription.messages import ContactChanged
from workflows.subscription.recorder import StepRecorder, schedule_notices, schedule_reminders

RUNGS_MOVE = "rungs-move"
"""A change to the order of commands: before, the steps of a recovery did not move to the new time zone."""


@dataclass(frozen=True, eq=False)
class ContactCommands:
    """Checks and carries out the command of the customer's own workflow."""

    _recorder: StepRecorder

    def check_contact_changed(self, _command: ContactChanged) -> None:
        guards.check_alive(self._recorder.subscription)

    async def contact_changed(self, command: ContactChanged) -> None:
        """Record that the customer was changed; with another time zone, dates in the customer's own day move."""
        recorder = self._recorder
        reminders, notices = recorder.subscription.reminders, recorder.subscription.notices
        rungs: tuple[datetime, ...] = ()
        if "timezone" in command.fields:
            reminders, notices = await self._reminders_moved(), await self._notices_moved()
            rungs = await self._rungs_moved()
        cause, now = command.cause or command.as_cause(), workflow.now()
        step = contact_changes.customer_changed(
            recorder.subscription, command.fields, reminders, notices, rungs, now, cause
        )
        await recorder.commit(step)

    async def _reminders_moved(self) -> tuple[Reminder, ...]:
        subscription = self._recorder.subscription
        had, ends_at = subscription.reminders, subscription.trial_ends_at
        if not had or ends_at is None or subscription.status is not Status.TRIALING:
            return had
        trials = self._recorder.policy.trial
        anchored = await schedule_reminders(subscription.customer, ends_at, trials)
        return contact_changes.reminders_moved(had, anchored)

    async def _rungs_moved(self) -> tuple[datetime, ...]:
        """Return when the steps of a recovery are due now; empty: none is running, or it has no fixed days."""
        subscription = self._recorder.subscription
        recovery = subscription.recovery
        if recovery is None or not recovery.rungs or not workflow.patched(RUNGS_MOVE):
            return ()
        anchored = await self._recorder.rungs(subscription, recovery.since)
        return contact_changes.rungs_moved(recovery, anchored, workflow.now())

    async def _notices_moved(self) -> tuple[Notice, ...]:
        subscription, policy = self._recorder.subscription, self._recorder.policy
        had = subscription.notices
        wanted = renewal_notices.wanted(subscription, policy) if had else ()
        if not wanted:
            return had
        hours = Hours(policy.trial.earliest, policy.trial.latest)
        anchored = await schedule_notices(subscription.customer, wanted, hours)
        return contact_changes.notices_moved(had, anchored)
