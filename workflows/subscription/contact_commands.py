"""The command that follows a change of the customer's contact data or time zone."""

from datetime import datetime

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from domain.subscription import contact_changes, guards, renewal_notices
    from domain.subscription.contact_hours import Hours
    from domain.subscription.lifecycle import Status
    from domain.subscription.reminders import Reminder
    from domain.subscription.state import Notice
    from workflows.subscription import database_calls
    from workflows.subscription.command_base import CommandHandler
    from workflows.subscription.handlers import update
    from workflows.subscription.messages import CommandResult, ContactChanged

RUNGS_MOVE = "rungs-move"
"""A change to the order of commands: before, the steps of a recovery did not move to the new time zone."""


class ContactCommands(CommandHandler):
    """The customer's part of the subscription workflow."""

    @update(name="contact_changed")
    async def contact_changed(self, command: ContactChanged) -> CommandResult:
        """Record that the customer was changed; with another time zone, dates in the customer's own day move."""
        async with self._turn(command, lambda: guards.check_alive(self._now)) as is_first:
            if is_first:
                await self._contact_changed(command)
        return self._answer()

    @contact_changed.validator
    def _validate_contact_changed(self, command: ContactChanged) -> None:
        if self._is_activated:
            self._validate(command, lambda: guards.check_alive(self._now))

    async def _contact_changed(self, command: ContactChanged) -> None:
        reminders, ahead = self._now.reminders, self._now.notices
        rungs: tuple[datetime, ...] = ()
        if "timezone" in command.fields:
            reminders, ahead = await self._reminders_moved(), await self._notices_moved()
            rungs = await self._rungs_moved()
        cause = command.cause or self._cause(command)
        step = contact_changes.customer_changed(
            self._now, command.fields, reminders, ahead, rungs, workflow.now(), cause
        )
        await self._recorder.commit(step)

    async def _reminders_moved(self) -> tuple[Reminder, ...]:
        had, ends_at = self._now.reminders, self._now.trial_ends_at
        if not had or ends_at is None or self._now.status is not Status.TRIALING:
            return had
        anchored = await database_calls.schedule_reminders(self._now.customer, ends_at, self._recorder.policy.trial)
        return contact_changes.reminders_moved(had, anchored)

    async def _rungs_moved(self) -> tuple[datetime, ...]:
        """Return when the steps of a recovery are due now; empty: none is running, or it has no fixed days."""
        recovery = self._now.recovery
        if recovery is None or not recovery.rungs or not workflow.patched(RUNGS_MOVE):
            return ()
        anchored = await self._recorder.rungs(self._now, recovery.since)
        return contact_changes.rungs_moved(recovery, anchored, workflow.now())

    async def _notices_moved(self) -> tuple[Notice, ...]:
        had, policy = self._now.notices, self._recorder.policy
        wanted = renewal_notices.wanted(self._now, policy) if had else ()
        if not wanted:
            return had
        hours = Hours(policy.trial.earliest, policy.trial.latest)
        return contact_changes.notices_moved(
            had, await database_calls.schedule_notices(self._now.customer, wanted, hours)
        )
