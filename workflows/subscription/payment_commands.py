"""Payment commands: convert, payment method, retry of a payment, checkout page."""

from dataclasses import dataclass, replace

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from activities.failures import STEP_FAILED
from domain.provider.payments import Charge, ChargeOutcome
from domain.subscription import commands, confirmation_steps, guards
from domain.subscription.commands import ConvertAt
from domain.subscription.confirmation import ConfirmedAction
from domain.subscription.journal import Cause
from domain.subscription.lifecycle import Status
from workflows.subscription import activity_calls
from workflows.subscription.main_loop import MainLoop
from workflows.subscription.messages import Command, CommandResult, Convert, OpenCheckout, PutPaymentMethod
from workflows.subscription.payments import declined
from workflows.subscription.process import SubscriptionProcess
from workflows.subscription.recorder import StepRecorder

SETTLES_BEFORE_CARD = "settles-before-card"
"""A change to the order of commands: before, a conversion with a card put the card on file before checking whether the
customer had confirmed an earlier payment."""


@dataclass(frozen=True, eq=False)
class PaymentCommands:
    """Checks and carries out the commands about cards and payments."""

    _recorder: StepRecorder
    _process: SubscriptionProcess
    _loop: MainLoop

    # Convert

    def check_convert(self, command: Convert) -> None:
        brings_card = command.payment_method is not None
        guards.check_convert(self._recorder.subscription, command.when, workflow.now(), brings_card=brings_card)

    async def convert(self, command: Convert) -> None:
        recorder, confirmations, cause = self._recorder, self._process.confirmations, command.as_cause()
        if self._settles_first(command):
            await confirmations.withdraw_and_recheck(cause, lambda: self.check_convert(command))
        if command.payment_method is not None:
            await self._put_card(command.payment_method, command, cause)
        if command.when is ConvertAt.TRIAL_END and recorder.subscription.status is Status.TRIALING:
            await recorder.commit(commands.conversion_planned(recorder.subscription, workflow.now(), cause))
            return
        await confirmations.withdraw_and_recheck(cause, lambda: self.check_convert(command))
        charge = await self._charge_conversion(command, cause)
        await self._settle_or_confirm(charge, cause)
        if charge.outcome in (ChargeOutcome.DECLINED, ChargeOutcome.ACTION_REQUIRED):
            raise declined(charge)

    def _settles_first(self, command: Convert) -> bool:
        """True if a pending payment must be settled before the card is stored: the customer may have confirmed it."""
        subscription = self._recorder.subscription
        is_at_once = command.when is ConvertAt.NOW or subscription.status is not Status.TRIALING
        settles = is_at_once and command.payment_method is not None and subscription.confirmation is not None
        return settles and workflow.patched(SETTLES_BEFORE_CARD)

    async def _charge_conversion(self, command: Convert, cause: Cause) -> Charge:
        """Take the first payment; if the customer turns out to be deleted at the provider, ask for a card."""
        try:
            return await self._process.charges.charge(present=True)
        except STEP_FAILED as error:
            if await self._process.provider_sync.found_deleted(error, cause):
                guards.check_convert(self._recorder.subscription, command.when, workflow.now(), brings_card=False)
            raise

    async def _settle_or_confirm(self, charge: Charge, cause: Cause) -> None:
        """Record a charge's outcome; if the bank requires a confirmation, raise with the page for it."""
        if confirmation_steps.waits(charge):
            await self._process.confirmations.require(charge, ConfirmedAction.CONVERT, None, cause)
        await self._process.charges.settle(charge, cause)

    # Payment method

    def check_payment_method(self, _command: PutPaymentMethod) -> None:
        guards.check_payment_method(self._recorder.subscription)

    async def put_payment_method(self, command: PutPaymentMethod) -> None:
        cause = command.as_cause()
        await self._put_card(command.payment_method, command, cause)
        await self._process.cards.charge_new(cause)

    async def _put_card(self, payment_method: str, command: Command, cause: Cause) -> None:
        """Make a payment method the card on file; if the customer had been deleted, sync what else that has ended."""
        recorder = self._recorder
        before = recorder.subscription
        wallet = await activity_calls.put_card(before, payment_method, f"{before.id}/card/{command.key}")
        if wallet.card is None:
            raise ApplicationError("the payment provider kept no card", type="no_card", non_retryable=True)
        now = workflow.now()
        await recorder.commit(
            commands.card_replaced(recorder.subscription, wallet.customer_ref, wallet.card, now, cause)
        )
        if before.customer_ref and recorder.subscription.customer_ref != before.customer_ref:
            await self._process.provider_sync.sync(cause)

    # Retry

    def check_retry(self, _command: Command) -> None:
        guards.check_retry(self._recorder.subscription, workflow.now())

    async def retry_payment(self, command: Command) -> None:
        recorder = self._recorder
        if recorder.subscription.blocked is not None:
            tries = recorder.subscription.charge_tries
            await self._loop.retry_blocked()
            if recorder.subscription.recovery is None or recorder.subscription.charge_tries != tries:
                return
            self.check_retry(command)
        cause = command.as_cause()
        await self._process.confirmations.withdraw_and_recheck(cause, lambda: self.check_retry(command))
        await self._retry_owed(cause)

    async def _retry_owed(self, cause: Cause) -> None:
        """Charge what is owed; if the bank requires a confirmation, raise with the page for it."""
        charge = await self._process.charges.charge(present=True)
        await self._settle_or_confirm(charge, cause)
        if charge.outcome is ChargeOutcome.ACTION_REQUIRED:
            needed = confirmation_steps.needed_for_open_bill(self._recorder.subscription, self._recorder.policy)
            if needed is not None:
                raise needed

    # Checkout page

    def check_checkout(self, _command: OpenCheckout) -> None:
        guards.check_checkout(self._recorder.subscription)

    async def open_checkout(self, command: OpenCheckout) -> CommandResult:
        self.check_checkout(command)
        recorder = self._recorder
        urls = {"success": command.success_url, "cancel": command.cancel_url}
        key = f"{recorder.subscription.id}/checkout/{command.key}"
        customer_ref, url = await activity_calls.open_checkout(recorder.subscription, urls, key)
        recorder.subscription = replace(recorder.subscription, customer_ref=customer_ref)
        return CommandResult(recorder.subscription.sequence, url)
