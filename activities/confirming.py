"""Payments that await confirmation with the customer's bank: activities on the payments queue."""

from dataclasses import dataclass

from temporalio import activity

from activities.failures import as_temporal_failures
from domain.provider.payments import Charge
from domain.provider.ports import Confirmations


@dataclass(frozen=True)
class ConfirmationRequest:
    """Identifies a waiting payment: its invoice and its agreement."""

    agreement_ref: str
    invoice_ref: str
    key: str
    ends_agreement: bool
    """Whether the agreement was created for this payment alone and ends with it."""


class ConfirmationActivities:
    """The activities of payments that await confirmation; one per worker."""

    def __init__(self, confirmations: Confirmations) -> None:
        self._confirmations = confirmations

    @activity.defn(name="confirmation")
    async def confirmation(self, request: ConfirmationRequest) -> Charge:
        """Returns its state so far. Changes nothing."""
        with as_temporal_failures():
            return await self._confirmations.confirmation(request.agreement_ref, request.invoice_ref)

    @activity.defn(name="withdraw_confirmation")
    async def withdraw_confirmation(self, request: ConfirmationRequest) -> Charge:
        """Withdraw it. Returns gone, or paid if the customer was faster. Idempotent: what is gone stays gone."""
        with as_temporal_failures():
            return await self._confirmations.withdraw_confirmation(
                request.agreement_ref, request.invoice_ref, ends_agreement=request.ends_agreement, key=request.key
            )
