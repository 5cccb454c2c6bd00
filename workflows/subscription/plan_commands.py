"""Plan commands: change of plan, pause and resume, policy."""

from collections.abc import Callable

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.failures import STEP_FAILED, as_failure, refusal
    from domain.errors import GatewayUnavailable, Rejected, TenureError
    from domain.subscription import commands, guards, plan_changes
    from domain.subscription.command_keys import is_among
    from domain.subscription.confirmation import ConfirmedAction
    from domain.subscription.journal import Cause
    from domain.subscription.lifecycle import Status
    from domain.subscription.policy import ChangeAt, Policy
    from workflows.subscription import database_calls, pauses
    from workflows.subscription.command_base import CommandHandler
    from workflows.subscription.handlers import update
    from workflows.subscription.messages import AdoptPolicy, ChangePlan, Command, CommandResult, PauseUntil, Preview


OWN_PRORATION = "own-proration"
"""A change to the order of commands: before, the rest of a period of our own could not be prorated."""
_UNANSWERED = GatewayUnavailable("the payment provider did not answer in time", code="provider_unavailable")


class PlanCommands(CommandHandler):
    """The part of the subscription workflow that changes the plan, pauses it and adopts policies."""

    @update(name="pause")
    async def pause(self, command: PauseUntil) -> CommandResult:
        """Stop billing and access until a date or until resumed; if already paused, move the end."""
        async with self._turn(command, lambda: self._check_pause(command)) as is_first:
            if is_first:
                await self._pause(command)
        return self._answer()

    @pause.validator
    def _validate_pause(self, command: PauseUntil) -> None:
        self._validate(command, lambda: self._check_pause(command))

    def _check_pause(self, command: PauseUntil) -> None:
        guards.check_pause(self._now, command.resumes_at, workflow.now())

    async def _pause(self, command: PauseUntil) -> None:
        cause = self._cause(command)
        await self._process.confirmations.withdraw_and_recheck(cause, lambda: self._check_pause(command))
        await self._await_renewal_decision(cause, lambda: self._check_pause(command))
        await self._await_change_answer(command, cause, lambda: self._check_pause(command))
        await pauses.pause(self._recorder, command.resumes_at, cause)

    async def _await_renewal_decision(self, cause: Cause, check: Callable[[], None]) -> None:
        """If a renewal is just due, find out how it went: that decides what there is to pause or change."""
        if self._now.is_due_for_renewal(workflow.now()):
            await self._process.provider_sync.sync(cause)
            check()
            guards.check_renewal_is_decided(self._now, workflow.now())

    async def _await_change_answer(self, command: Command, cause: Cause, check: Callable[[], None]) -> None:
        """If an earlier change got no answer, find out what became of it first.

        The command that requested the change does that by itself.
        """
        asked = self._now.unheard_change
        if asked is None or is_among(command.key, (asked.command,)):
            return
        await self._process.provider_sync.sync(cause)
        check()
        if self._now.unheard_change is not None:
            raise GatewayUnavailable("the bank has not decided on the previous change yet", code="payment_pending")

    @update(name="resume")
    async def resume(self, command: Command) -> CommandResult:
        """End the pause early."""
        async with self._turn(command, lambda: guards.check_resume(self._now)) as is_first:
            if is_first:
                await pauses.resume(self._recorder, self._cause(command))
        return self._answer()

    @resume.validator
    def _validate_resume(self, command: Command) -> None:
        self._validate(command, lambda: guards.check_resume(self._now))

    @update(name="change_plan")
    async def change_plan(self, command: ChangePlan) -> CommandResult:
        """Change the plan, interval, quantity or add-ons, now or at the end of the paid period."""
        async with self._turn(command, lambda: self._check_change_in_turn(command)) as is_first:
            if is_first:
                await self._change_plan(command)
        return self._answer()

    @change_plan.validator
    def _validate_change_plan(self, command: ChangePlan) -> None:
        self._validate(command, lambda: self._check_change(command))

    def _check_change(self, command: ChangePlan) -> None:
        guards.check_change(self._now, command.to, self._takes_effect(command), workflow.now())

    def _check_change_in_turn(self, command: ChangePlan) -> None:
        """Checks that need the lock: a validator may see state that is about to be replaced."""
        guards.check_basis(self._now, command.basis)
        self._check_change(command)
        is_billed_now = bool(command.to.items) and self._takes_effect(command) is ChangeAt.NOW
        if is_billed_now and self._now.begins_own_period and not workflow.patched(OWN_PRORATION):
            raise Rejected("after a pause nothing can be prorated until the next period", code="resumed_period")

    def _takes_effect(self, command: ChangePlan) -> ChangeAt:
        return plan_changes.takes_effect(self._now, self._recorder.policy, command.at, is_upgrade=command.is_upgrade)

    async def _change_plan(self, command: ChangePlan) -> None:
        cause = self._cause(command)
        await self._process.confirmations.withdraw_and_recheck(cause, lambda: self._check_change_in_turn(command))
        await self._await_renewal_decision(cause, lambda: self._check_change_in_turn(command))
        await self._await_change_answer(command, cause, lambda: self._check_change_in_turn(command))
        await self._process.plan_changes.change_plan(command.to, self._takes_effect(command), command.key, cause)

    @update(name="preview_change")
    async def preview_change(self, command: ChangePlan) -> Preview:
        """Return what the same change would bill, and when; changes nothing."""
        async with self._lock:
            try:
                self._check_change_in_turn(command)
                guards.check_renewal_is_decided(self._now, workflow.now())
                return await self._process.plan_changes.preview(command.to, self._takes_effect(command))
            except TenureError as error:
                raise as_failure(error) from error
            except STEP_FAILED as error:
                raise refusal(error) or as_failure(_UNANSWERED) from error
            finally:
                # Wakes the main loop, which checks the length of the history.
                self._was_commanded = True

    @preview_change.validator
    def _validate_preview_change(self, command: ChangePlan) -> None:
        self._validate(command, lambda: self._check_change(command))

    @update(name="withdraw_change")
    async def withdraw_change(self, command: Command) -> CommandResult:
        """Withdraw a planned change or one that waits for the bank."""
        async with self._turn(command, lambda: guards.check_withdraw_change(self._now)) as is_first:
            if is_first:
                await self._withdraw_change(self._cause(command))
        return self._answer()

    async def _withdraw_change(self, cause: Cause) -> None:
        """If two are pending, withdraw the one requested last: the one that waits for the bank."""
        waits = self._now.confirmation
        if waits is not None and waits.action is ConfirmedAction.CHANGE_PLAN:
            await self._process.confirmations.withdraw(cause)
        else:
            await self._recorder.commit(plan_changes.change_withdrawn(self._now, workflow.now(), cause))

    @withdraw_change.validator
    def _validate_withdraw_change(self, command: Command) -> None:
        self._validate(command, lambda: guards.check_withdraw_change(self._now))

    @update(name="adopt_policy")
    async def adopt_policy(self, command: AdoptPolicy) -> CommandResult:
        """Switch to another policy; a running recovery stays on its ladder."""
        async with self._turn(command, lambda: guards.check_alive(self._now)) as is_first:
            if is_first:
                await self._adopt_policy(command.policy, self._cause(command))
        return self._answer()

    @adopt_policy.validator
    def _validate_adopt_policy(self, command: AdoptPolicy) -> None:
        self._validate(command, lambda: guards.check_alive(self._now))

    async def _adopt_policy(self, policy: Policy, cause: Cause) -> None:
        """Pending reminders move; if the step is not recorded, the policy stays."""
        recorder, now, was = self._recorder, workflow.now(), self._recorder.policy
        ends_at, reminders = self._now.trial_ends_at, self._now.reminders
        if self._now.status is Status.TRIALING and ends_at is not None:
            reminders = await database_calls.schedule_reminders(self._now.customer, ends_at, policy.trial)
        recorder.policy = policy
        try:
            await recorder.commit(commands.policy_adopted(self._now, was, policy, reminders, now, cause))
        except STEP_FAILED:
            recorder.policy = was
            raise

    @workflow.query(name="policy_version", description="The version of the subscription's policy.")
    def policy_version(self) -> str:
        """The version of the subscription's policy."""
        return self._recorder.policy.version
