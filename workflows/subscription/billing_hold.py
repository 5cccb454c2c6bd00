"""The hold of billing at the provider while a payment is owed or access is off."""

from dataclasses import replace

from activities.failures import STEP_FAILED, can_be_had_later
from domain.subscription import blocked_steps
from domain.subscription.journal import Cause
from workflows.subscription import activity_calls
from workflows.subscription.provider_sync import ProviderSync
from workflows.subscription.recorder import StepRecorder


class BillingHold:
    """Holds and resumes billing at the provider, as the subscription's state requires."""

    def __init__(self, recorder: StepRecorder, provider_sync: ProviderSync) -> None:
        self._recorder = recorder
        self._provider_sync = provider_sync

    @property
    def is_due(self) -> bool:
        """True if the provider must put billing on hold, or resume it."""
        subscription = self._recorder.subscription
        if subscription.is_over:
            return False
        return bool(subscription.agreement_ref) and subscription.wants_hold != subscription.is_held

    async def apply(self) -> BaseException | None:
        """Put billing at the provider on hold or resume it; if it refuses, sync to find out why.

        The main loop repeats this until it is done, whichever step made it necessary.

        Returns:
            The refusal, if the sync has not resolved it.

        """
        recorder = self._recorder
        wanted = recorder.subscription.wants_hold
        try:
            await activity_calls.set_hold(recorder.subscription, on=wanted)
        except STEP_FAILED as error:
            if can_be_had_later(error):
                raise
            await self._provider_sync.sync(Cause.timer(blocked_steps.HOLD))
            return error if self.is_due else None
        recorder.subscription = replace(recorder.subscription, is_held=wanted)
        return None
