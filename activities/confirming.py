"""Payments that wait for the customer's bank: looked at and withdrawn, on the payments queue."""

from dataclasses import dataclass

from temporalio import activity

from activities.failures import as_temporal_failures
from domain.provider.payments import Charge
from domain.provider.ports import Confirmations


@dataclass(frozen=True)
class ConfirmationRequest:
    """Names what waits: a bill, and the agreement that it is of."""

    agreement_ref: str
    invoice_ref: str
    key: str
    ends_agreement: bool
    """Whether the agreement came about for this payment alone, and goes with it."""


class ConfirmationActivities:
    """The activities about payments that wait; one per worker."""

    def __init__(self, payments: Confirmations) -> None:
        self._payments = payments

    @activity.defn(name="confirmation")
    async def confirmation(self, request: ConfirmationRequest) -> Charge:
        """What has come of it so far. Changes nothing."""
        with as_temporal_failures():
            return await self._payments.confirmation(request.agreement_ref, request.invoice_ref)

    @activity.defn(name="withdraw_confirmation")
    async def withdraw_confirmation(self, request: ConfirmationRequest) -> Charge:
        """Have it wait no longer: gone, or paid when the customer was faster. Idempotent: what is gone stays gone."""
        with as_temporal_failures():
            return await self._payments.withdraw_confirmation(
                request.agreement_ref, request.invoice_ref, ends_agreement=request.ends_agreement, key=request.key
            )
