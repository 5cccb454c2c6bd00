"""Adopts trials from the provider: a trial ends there only once it is certain to continue here."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from temporalio import activity

from activities.failures import as_temporal_failures
from domain.catalog.plans import Item
from domain.imports.adoption import TRIAL_MARGIN, check_as_judged
from domain.provider.ports import Agreements, Handover


@dataclass(frozen=True)
class TrialRequest:
    """A trial at the provider, as it was when it was checked."""

    subscription: str
    agreement_ref: str
    items: tuple[Item, ...]
    trial_ends_at: datetime | None
    ends_at: datetime | None = None
    key: str = ""


class AdoptionActivities:
    """The activities of an adoption; one per worker."""

    def __init__(self, agreements: Agreements, handover: Handover) -> None:
        self._agreements = agreements
        self._handover = handover

    @activity.defn(name="check_trial_elsewhere")
    async def check_trial_elsewhere(self, request: TrialRequest) -> None:
        """Rejects a trial that has changed since it was checked. Changes nothing."""
        with as_temporal_failures():
            await self._check(request, TRIAL_MARGIN)

    @activity.defn(name="end_trial_elsewhere")
    async def end_trial_elsewhere(self, request: TrialRequest) -> None:
        """End the provider's trial, or reject it: then we have not ended it and it stays as others left it.

        Idempotent by the ended agreement's mark: one marked as ended for this subscription was ended by us.
        """
        with as_temporal_failures():
            if await self._has_ended_for(request):
                return
            # Half the margin is left for retries while the provider does not respond.
            await self._check(request, TRIAL_MARGIN / 2)
            await self._handover.end_trial(request.agreement_ref, request.subscription, key=request.key)
            if not await self._has_ended_for(request):
                await self._check(request, timedelta())

    async def _has_ended_for(self, request: TrialRequest) -> bool:
        found = await self._agreements.find(request.agreement_ref)
        return found is not None and found.is_over and found.ended_for == request.subscription

    async def _check(self, request: TrialRequest, margin: timedelta) -> None:
        found = await self._agreements.find(request.agreement_ref)
        now = datetime.now(UTC)
        check_as_judged(found, request.items, request.trial_ends_at, request.ends_at, now + margin)
