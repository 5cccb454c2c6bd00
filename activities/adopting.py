"""Taking a trial over from the provider: nothing of it ends there before it is sure to go on here."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from temporalio import activity

from activities.failures import as_temporal_failures
from domain.catalog.plans import Item
from domain.imports.adoption import TRIAL_MARGIN, check_as_judged
from domain.provider.ports import Agreements, Handover


@dataclass(frozen=True)
class TrialRequest:
    """A trial of the provider's, as it stood when it was judged."""

    subscription: str
    agreement_ref: str
    items: tuple[Item, ...]
    trial_ends_at: datetime | None
    ends_at: datetime | None = None
    key: str = ""


class AdoptionActivities:
    """The activities of a take-over; one per worker."""

    def __init__(self, agreements: Agreements, handover: Handover) -> None:
        self._agreements = agreements
        self._handover = handover

    @activity.defn(name="check_trial_elsewhere")
    async def check_trial_elsewhere(self, request: TrialRequest) -> None:
        """Refuse a trial that is no longer as it was judged. Changes nothing."""
        with as_temporal_failures():
            await self._check(request, TRIAL_MARGIN)

    @activity.defn(name="end_trial_elsewhere")
    async def end_trial_elsewhere(self, request: TrialRequest) -> None:
        """End the provider's trial, or refuse: then it was not ended by us, and is as others have left it.

        Idempotent by what the ended agreement says: one that ended for this subscription has been ended by us.
        """
        with as_temporal_failures():
            if await self._has_ended_for(request):
                return
            # Half the margin is left for trying again while the provider does not answer.
            await self._check(request, TRIAL_MARGIN / 2)
            await self._handover.end_trial(request.agreement_ref, request.subscription, key=request.key)
            if not await self._has_ended_for(request):
                await self._check(request, timedelta())

    async def _has_ended_for(self, request: TrialRequest) -> bool:
        found = await self._agreements.agreement(request.agreement_ref)
        return found is not None and found.is_over and found.ended_for == request.subscription

    async def _check(self, request: TrialRequest, margin: timedelta) -> None:
        found = await self._agreements.agreement(request.agreement_ref)
        now = datetime.now(UTC)
        check_as_judged(found, request.items, request.trial_ends_at, request.ends_at, now + margin)
