"""The command with which reconciliation makes a subscription fix what differs."""

from dataclasses import dataclass

from domain.subscription import guards
from domain.subscription.journal import Cause, CauseKind
from workflows.subscription.main_loop import MainLoop
from workflows.subscription.messages import Reconcile
from workflows.subscription.process import SubscriptionProcess
from workflows.subscription.recorder import StepRecorder


@dataclass(frozen=True, eq=False)
class ReconcileCommand:
    """Checks and carries out the command of reconciliation."""

    _recorder: StepRecorder
    _process: SubscriptionProcess
    _loop: MainLoop

    def check(self, _command: Reconcile) -> None:
        guards.check_reconcile(self._recorder.subscription)

    async def reconcile(self, command: Reconcile) -> None:
        if not command.only_tries_again and not self._recorder.subscription.is_over:
            cause = Cause(CauseKind.RECONCILIATION, command.key, command.actor)
            await self._process.reconciler.reconcile(
                cause, unheard_agreement=command.unheard_agreement, writes_again=command.writes_again
            )
        if self._recorder.subscription.blocked is not None:
            await self._loop.retry_blocked()
