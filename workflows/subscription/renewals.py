"""Has a renewal recorded where the provider's state is read, if it is plain, and takes over what was recorded."""

from dataclasses import dataclass

from temporalio import workflow

from activities.failures import STEP_FAILED
from activities.renewals import Reading, RenewalActivities, RenewRequest
from domain.provider.hints import EventHint, EventKind
from domain.provider.payments import ProviderState
from domain.provider.short_states import KnownState, completed
from domain.subscription import renewals
from domain.subscription.renewals import ExpectedRenewal, Renewal
from domain.subscription.state import Subscription
from workflows.priorities import Urgency
from workflows.subscription.activity_calls import provider_call
from workflows.subscription.recorder import StepRecorder, close_renewal

FIRST_REVISION = 2
"""Runs of earlier revisions record all renewals themselves."""


@dataclass(frozen=True, eq=False)
class Renewals:
    """Plain renewals: the database has them before the workflow does."""

    _recorder: StepRecorder

    def may_be_plain(self, hint: EventHint) -> bool:
        """True if an event may report a plain renewal."""
        is_new = self._recorder.revision >= FIRST_REVISION
        return is_new and hint.news is EventKind.INVOICE_PAID and renewals.may_be_plain(self._recorder.subscription)

    async def read(self, hint: EventHint) -> tuple[bool, ProviderState | None]:
        """Have the provider's state read, and the renewal recorded if it is plain.

        Returns whether it was recorded; if not, the provider's state, or None if it has to be read again.
        """
        before = self._recorder.subscription
        expected = ExpectedRenewal(before.id, before.sequence, renewals.basis_of(before), hint.event)
        try:
            reading = await self._renew(expected)
        except STEP_FAILED:
            # It may have been recorded all the same, or still be by an attempt that is taken for lost.
            if await self._close(expected):
                return True, None
            raise
        if reading.renewal is not None:
            self._take_over(reading.renewal)
            return True, None
        return False, _completed(reading.state, before) if reading.state is not None else None

    async def _renew(self, expected: ExpectedRenewal) -> Reading:
        recorder = self._recorder
        return await workflow.execute_activity_method(
            RenewalActivities.renew,
            RenewRequest(expected, recorder.policy, workflow.now()),
            **provider_call(Urgency.LOOKUP, recorder.subscription),
            summary="Read the provider's state",
        )

    async def _close(self, expected: ExpectedRenewal) -> bool:
        """True if the renewal was recorded; otherwise it never will be."""
        recorder = self._recorder
        step = renewals.closed(recorder.subscription, recorder.policy)
        renewal = await close_renewal(expected, step)
        if renewal is not None:
            self._take_over(renewal)
        else:
            recorder.take_over(step.subscription)
        return renewal is not None

    def _take_over(self, renewal: Renewal) -> None:
        self._recorder.take_over(renewals.renewed(self._recorder.subscription, renewal), [renewal.line])


def _completed(state: ProviderState, before: Subscription) -> ProviderState:
    return completed(state, KnownState(before.customer_ref, before.agreement_ref), before.card)
