"""Plan commands: change of plan, pause and resume, policy."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from temporalio import workflow

from activities.failures import STEP_FAILED, as_failure, refusal
from domain.errors import GatewayUnavailable, Rejected
from domain.subscription import commands, guards, plan_changes
from domain.subscription.command_keys import is_among
from domain.subscription.confirmation import ConfirmedAction
from domain.subscription.lifecycle import Status
from domain.subscription.policy import ChangeAt
from workflows.subscription import pauses
from workflows.subscription.main_loop import MainLoop
from workflows.subscription.messages import AdoptPolicy, ChangePlan, Command, PauseUntil, Preview
from workflows.subscription.process import SubscriptionProcess
from workflows.subscription.recorder import StepRecorder, schedule_reminders

OWN_PRORATION = "own-proration"
"""A change to the order of commands: before, the rest of a period of our own could not be prorated."""
SAME_POLICY_AGAIN = "same-policy-again"
"""A change to the order of commands: before, a move to the policy that a subscription had was a step like any other."""
WITHDRAWS_FIRST_PERIOD = "withdraws-first-period"
"""A change to the order of commands: before, the payment that leaves the free plan could not be withdrawn."""
_UNANSWERED = GatewayUnavailable("the payment provider did not answer in time", code="provider_unavailable")


@dataclass(frozen=True, eq=False)
class PlanCommands:
    """Checks and carries out the commands that change the plan, pause it and adopt policies."""

    _recorder: StepRecorder
    _process: SubscriptionProcess
    _loop: MainLoop

    # Change of plan

    def check_change(self, command: ChangePlan) -> None:
        guards.check_change(self._recorder.subscription, command.to, self._takes_effect(command), workflow.now())

    def check_change_in_turn(self, command: ChangePlan) -> None:
        """Checks that need the lock: a validator may see state that is about to be replaced."""
        subscription = self._recorder.subscription
        guards.check_basis(subscription, command.basis)
        self.check_change(command)
        is_billed_now = bool(command.to.items) and self._takes_effect(command) is ChangeAt.NOW
        if is_billed_now and subscription.begins_own_period and not workflow.patched(OWN_PRORATION):
            raise Rejected("after a pause nothing can be prorated until the next period", code="resumed_period")

    def _takes_effect(self, command: ChangePlan) -> ChangeAt:
        recorder, is_upgrade = self._recorder, command.is_upgrade
        return plan_changes.takes_effect(recorder.subscription, recorder.policy, command.at, is_upgrade=is_upgrade)

    async def change_plan(self, command: ChangePlan) -> None:
        await self._settle_what_waits(command, lambda: self.check_change_in_turn(command))
        at, cause = self._takes_effect(command), command.as_cause()
        counted_from = await self._check_price(command, at)
        await self._process.plan_changes.change_plan(command.to, at, command.key, cause, counted_from)

    async def _check_price(self, command: ChangePlan, at: ChangeAt) -> datetime | None:
        """Return the moment from which the change is prorated, if the caller said which price they were shown.

        Raises:
            Rejected: code `price_changed`; more would be due now, or less credited, than was shown.
        """
        asked = self._recorder.subscription.unheard_change
        if command.expected_due is None or (asked is not None and is_among(command.key, (asked.command,))):
            return None  # of a repeat the price was checked before the provider was asked
        seen_at = plan_changes.recent_preview(command.preview_at, workflow.now())
        try:
            preview = await self._process.plan_changes.preview(command.to, at, seen_at)
        except STEP_FAILED as error:
            raise refusal(error) or as_failure(_UNANSWERED) from error
        guards.check_price(preview.due_now, command.expected_due, preview.currency)
        return plan_changes.counted_from(self._recorder.subscription, seen_at)

    async def preview_change(self, command: ChangePlan) -> Preview:
        try:
            self.check_change_in_turn(command)
            guards.check_renewal_is_decided(self._recorder.subscription, workflow.now())
            return await self._process.plan_changes.preview(command.to, self._takes_effect(command))
        except STEP_FAILED as error:
            raise refusal(error) or as_failure(_UNANSWERED) from error
        finally:
            # The main loop checks the length of the history.
            self._loop.wake()

    def check_withdraw_change(self, _command: Command) -> None:
        guards.check_withdraw_change(self._recorder.subscription)

    async def withdraw_change(self, command: Command) -> None:
        """If two are pending, withdraw the one requested last: the one that waits for the bank."""
        recorder, cause = self._recorder, command.as_cause()
        waits = recorder.subscription.confirmation
        if waits is not None and waits.is_of_change:
            if waits.action is not ConfirmedAction.CHANGE_PLAN and not workflow.patched(WITHDRAWS_FIRST_PERIOD):
                raise guards.no_change_planned()
            await self._process.confirmations.withdraw(cause)
        else:
            await recorder.commit(plan_changes.change_withdrawn(recorder.subscription, workflow.now(), cause))

    # Pause and resume

    def check_pause(self, command: PauseUntil) -> None:
        guards.check_pause(self._recorder.subscription, command.resumes_at, workflow.now())

    async def pause(self, command: PauseUntil) -> None:
        await self._settle_what_waits(command, lambda: self.check_pause(command))
        await pauses.pause(self._recorder, command.resumes_at, command.as_cause())

    def check_resume(self, _command: Command) -> None:
        guards.check_resume(self._recorder.subscription)

    async def resume(self, command: Command) -> None:
        await pauses.resume(self._recorder, command.as_cause())

    # What a change or a pause waits for

    async def _settle_what_waits(self, command: Command, check: Callable[[], None]) -> None:
        """Find out what became of earlier payments and changes: that decides what there is to pause or change."""
        await self._process.confirmations.withdraw_and_recheck(command.as_cause(), check)
        await self._await_renewal_decision(command, check)
        await self._await_change_answer(command, check)

    async def _await_renewal_decision(self, command: Command, check: Callable[[], None]) -> None:
        """If a renewal is just due, find out how it went."""
        recorder = self._recorder
        if recorder.subscription.is_due_for_renewal(workflow.now()):
            await self._process.provider_sync.sync(command.as_cause())
            check()
            guards.check_renewal_is_decided(recorder.subscription, workflow.now())

    async def _await_change_answer(self, command: Command, check: Callable[[], None]) -> None:
        """If an earlier change got no answer, find out what became of it first.

        The command that requested the change does that by itself.
        """
        recorder = self._recorder
        asked = recorder.subscription.unheard_change
        if asked is None or is_among(command.key, (asked.command,)):
            return
        await self._process.provider_sync.sync(command.as_cause())
        check()
        if recorder.subscription.unheard_change is not None:
            raise GatewayUnavailable("the bank has not decided on the previous change yet", code="payment_pending")

    # Policy

    def check_adopt_policy(self, _command: AdoptPolicy) -> None:
        guards.check_alive(self._recorder.subscription)

    async def adopt_policy(self, command: AdoptPolicy) -> None:
        """Pending reminders move, a running recovery keeps its ladder; if it is not recorded, the old policy stays.

        Nothing happens to a subscription that is on this very policy.
        """
        recorder, now, policy, was = self._recorder, workflow.now(), command.policy, self._recorder.policy
        if policy == was and workflow.patched(SAME_POLICY_AGAIN):
            return
        subscription, reminders = recorder.subscription, recorder.subscription.reminders
        if subscription.status is Status.TRIALING and subscription.trial_ends_at is not None:
            reminders = await schedule_reminders(subscription.customer, subscription.trial_ends_at, policy.trial)
        recorder.policy = policy
        try:
            step = commands.policy_adopted(subscription, was, policy, reminders, now, command.as_cause())
            await recorder.commit(step)
        except STEP_FAILED:
            recorder.policy = was
            raise
