"""Plan changes at the provider: activities on the payments queue."""

from dataclasses import dataclass
from datetime import datetime

from temporalio import activity

from activities.failures import as_temporal_failures
from activities.payments import with_any_parameters
from domain.catalog.plans import Item
from domain.provider.payments import Charge, ChargeOutcome, Quote
from domain.provider.ports import Confirmations, PlanChanges, Quotes
from domain.provider.proration import OwnPeriod


@dataclass(frozen=True)
class ChangeRequest:
    """Change an agreement to other items; the difference is prorated from `at`."""

    agreement_ref: str
    items: tuple[Item, ...]
    at: datetime
    key: str = ""
    own: OwnPeriod | None = None
    """The paid period, if it is not the provider's."""
    present: bool = False
    """Whether the customer is present and could confirm the payment."""
    held: bool = False


class ChangeActivities:
    """The activities of plan changes; one per worker."""

    def __init__(self, changes: PlanChanges, quotes: Quotes, confirmations: Confirmations) -> None:
        self._changes = changes
        self._quotes = quotes
        self._confirmations = confirmations

    @activity.defn(name="change")
    async def change(self, request: ChangeRequest) -> Charge:
        """Change an agreement's items and bill the difference. Idempotent by ``request.key``, however late.

        Workflows of an earlier release request every change here and cannot complete one that was billed separately
        and awaits confirmation, so it is withdrawn.
        """
        with as_temporal_failures():
            charge = await self._change(request)
            if not charge.is_apart or charge.waits_until is None or charge.invoice is None:
                return charge
            withdrawn = await self._confirmations.withdraw_confirmation(
                request.agreement_ref, charge.invoice.ref, ends_agreement=False, key=f"{request.key}/unheard"
            )
            if withdrawn.outcome is ChargeOutcome.PAID:
                return await self._change(request)
            return Charge(ChargeOutcome.ACTION_REQUIRED, decline=charge.decline)

    @activity.defn(name="change_on_terms")
    async def change_on_terms(self, request: ChangeRequest) -> Charge:
        """Change in a period of our own, or with the customer present. Idempotent like `change`."""
        with as_temporal_failures():
            return await self._change(request)

    async def _change(self, request: ChangeRequest) -> Charge:
        async def attempt(key: str) -> Charge:
            return await self._changes.change(
                request.agreement_ref,
                request.items,
                request.at,
                request.own,
                key=key,
                present=request.present,
                held=request.held,
            )

        return await with_any_parameters(attempt, request.key)

    @activity.defn(name="quote")
    async def quote(self, request: ChangeRequest) -> Quote:
        """Returns what the same change would bill immediately. Changes nothing."""
        with as_temporal_failures():
            return await self._quotes.quote(request.agreement_ref, request.items, request.at, request.own)
