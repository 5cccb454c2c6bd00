"""Reads the provider's state after a renewal, and records the renewal at once if it is plain."""

from dataclasses import dataclass
from datetime import datetime

from temporalio import activity

from activities.failures import as_temporal_failures
from activities.payments import PaymentActivities, StandingRequest
from domain.errors import GatewayUnavailable
from domain.provider.payments import ProviderState
from domain.provider.short_states import KnownState, digest_of, shortened
from domain.subscription import renewals
from domain.subscription.journal import Step
from domain.subscription.policy import Policy
from domain.subscription.ports import Dispatcher, Records, RenewalRecords
from domain.subscription.renewals import ExpectedRenewal, Renewal
from domain.subscription.state import Subscription


@dataclass(frozen=True)
class RenewRequest:
    """A renewal that the provider has reported."""

    expected: ExpectedRenewal
    policy: Policy
    now: datetime


@dataclass(frozen=True)
class Reading:
    """What became of a reported renewal."""

    renewal: Renewal | None = None
    """It is plain, and recorded."""
    state: ProviderState | None = None
    """Otherwise the provider's state, in short where that is possible; None: it was not read."""


@dataclass(frozen=True)
class CloseRequest:
    """A renewal of which it is not known whether it was recorded, and the step to record otherwise."""

    expected: ExpectedRenewal
    step: Step


class RenewalActivities:
    """The activities of renewals; one per worker."""

    def __init__(
        self, payments: PaymentActivities, records: Records, renewals: RenewalRecords, dispatcher: Dispatcher
    ) -> None:
        self._payments = payments
        self._records = records
        self._renewals = renewals
        self._dispatcher = dispatcher

    @activity.defn(name="renew")
    async def renew(self, request: RenewRequest) -> Reading:
        """Read the provider's state, and record the renewal if it is plain and follows the recorded state.

        Idempotent: an attempt that finds the renewal recorded answers the same as the one that has recorded it.
        """
        expected = request.expected
        with as_temporal_failures():
            latest = await self._renewals.latest_step(expected.subscription)
            if latest is not None and (renewal := expected.as_recorded(latest)) is not None:
                await self._dispatcher.dispatch(await self._renewals.waiting_mails(expected.subscription))
                return Reading(renewal)
        if latest is None or not expected.follows(latest.subscription):
            return Reading()
        before = latest.subscription
        state = await self._payments.standing(StandingRequest(before.customer_ref, before.agreement_ref, ""))
        with as_temporal_failures():
            step = renewals.plain(before, request.policy, state, request.now, expected.cause)
            waiting = None if step is None else await self._renewals.save_renewal(step, expected)
            if step is None or waiting is None:
                return Reading(state=_in_short(state, before))
            await self._dispatcher.dispatch(waiting)
            return Reading(renewals.of_step(step.subscription, step.entries[0]))

    @activity.defn(name="close_renewal")
    async def close(self, request: CloseRequest) -> Renewal | None:
        """Returns the renewal if it was recorded; otherwise records the step in its place, so that it never will be.

        Idempotent by the subscription and the step's sequence.
        """
        expected = request.expected
        with as_temporal_failures():
            await self._records.save(request.step)
            latest = await self._renewals.latest_step(expected.subscription)
            renewal = expected.as_recorded(latest) if latest is not None else None
            if renewal is not None:
                await self._dispatcher.dispatch(await self._renewals.waiting_mails(expected.subscription))
            elif latest is None or not expected.is_closed_by(latest):
                message = (
                    f"step {request.step.subscription.sequence} is another: the workflow is older than the database"
                )
                raise GatewayUnavailable(message, code="workflow_behind")
            return renewal


def _in_short(state: ProviderState, before: Subscription) -> ProviderState:
    return shortened(state, KnownState(before.customer_ref, before.agreement_ref, digest_of(before.card)))
