"""The update with which reconciliation makes a subscription fix what differs."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from domain.subscription import guards
    from domain.subscription.journal import Cause, CauseKind
    from workflows.subscription.handlers import update
    from workflows.subscription.messages import CommandResult, Reconcile
    from workflows.subscription.progress import Progress


class ReconcileCommand(Progress):
    """Reconciliation's part of the subscription workflow."""

    @update(name="reconcile")
    async def reconcile(self, command: Reconcile) -> CommandResult:
        """Sync with the provider: apply what is new there, and send it again what it is missing."""
        await workflow.wait_condition(lambda: self._is_activated)
        if self._refusal is not None:
            return self._answer()
        async with self._turn(command, lambda: guards.check_can_be_mended(self._now)) as is_first:
            if is_first and not command.only_tries_again and not self._now.is_over:
                cause = Cause(CauseKind.RECONCILIATION, command.key, command.actor)
                await self._process.reconciler.reconcile(
                    cause, unheard_agreement=command.unheard_agreement, writes_again=command.writes_again
                )
            if is_first and self._now.blocked is not None:
                await self._retry_blocked()
        return self._answer()

    @reconcile.validator
    def _validate_reconcile(self, command: Reconcile) -> None:
        if self._now.trial_is_elsewhere and not self._is_activated:
            return  # activation ends the provider's trial first, and that fixes what differs
        self._validate(command, lambda: guards.check_can_be_mended(self._now))
