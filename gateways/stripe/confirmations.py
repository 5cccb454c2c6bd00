"""Payments that the customer is present to confirm: left open, checked, withdrawn."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any, Literal

import stripe
from stripe.params import (
    SubscriptionUpdateParamsPauseCollection,
)

from domain.provider.attempt_keys import business_try
from domain.provider.payments import NO_CARD, Charge, ChargeOutcome, Decline
from gateways.stripe import mapping
from gateways.stripe.base import LATEST
from gateways.stripe.errors import translated
from gateways.stripe.items import StripeItems
from gateways.stripe.one_off_invoices import CHANGE

FIRST_PAYMENT_WINDOW = timedelta(hours=23)
"""How long Stripe keeps a subscription whose first invoice is unpaid."""
HOLD: SubscriptionUpdateParamsPauseCollection = {"behavior": "void"}


class StripeConfirmations(StripeItems):
    """The port `Confirmations`, and the calls that may require a confirmation."""

    async def confirmation(self, agreement_ref: str, invoice_ref: str) -> Charge:
        with translated():
            return await self._outcome_of(agreement_ref, await self._invoice(invoice_ref))

    async def withdraw_confirmation(
        self, agreement_ref: str, invoice_ref: str, *, ends_agreement: bool, key: str
    ) -> Charge:
        with translated():
            # The invoice first: once voided, it can no longer be paid.
            await self._void(invoice_ref, f"{key}/void")
            charge = await self._outcome_of(agreement_ref, await self._invoice(invoice_ref))
            if ends_agreement and charge.outcome is ChargeOutcome.GONE:
                await self._cancel_unpaid(agreement_ref, f"{key}/end")
            return charge

    async def _outcome_of(self, agreement_ref: str, invoice: dict[str, Any]) -> Charge:
        """The outcome of a pending invoice. Fetches the agreement afterwards, so that it reflects the invoice."""
        agreement = (await self._api.subscriptions.retrieve_async(agreement_ref)).to_dict()
        charge = mapping.charge_of(agreement, invoice) or Charge(ChargeOutcome.PENDING)
        if charge.outcome is ChargeOutcome.PAID and agreement.get("pending_update"):
            return replace(charge, outcome=ChargeOutcome.PENDING)  # the change is about to be applied
        return charge

    async def _cancel_unpaid(self, agreement_ref: str, key: str) -> None:
        try:
            await self._api.subscriptions.cancel_async(agreement_ref, {}, {"idempotency_key": key})
        except stripe.InvalidRequestError:
            found = await self._api.subscriptions.retrieve_async(agreement_ref)
            if found.status not in mapping.ENDED:
                raise

    # First periods

    async def _charge_of_begun(self, agreement: dict[str, Any], *, key: str) -> Charge:
        """The outcome of the first invoice: paid, awaiting confirmation, or declined.

        A declined invoice is voided, and the agreement ended.
        """
        charge = await self._charge_of_latest(agreement)
        if charge.outcome is ChargeOutcome.ACTION_REQUIRED and agreement.get("status") == "incomplete":
            return replace(charge, waits_until=mapping.moment(agreement["created"]) + FIRST_PAYMENT_WINDOW)
        invoice = mapping.id_of(agreement.get(LATEST))
        is_undone = charge.outcome is ChargeOutcome.GONE and agreement.get("status") in mapping.ENDED
        if charge.outcome is not ChargeOutcome.DECLINED and not is_undone:
            return charge
        why = _decline_of(await self._invoice(invoice))
        await self._void(invoice, f"{key}/void")
        if agreement.get("status") not in mapping.ENDED:
            await self._cancel_unpaid(agreement["id"], f"{key}/end")
        return why

    # Changes

    def _was_requested(self, agreement: dict[str, Any], key: str) -> bool:
        """True if the change with this key was requested before, and is pending or was declined."""
        return business_try(key) in (_pending_change(agreement), _voided_change(agreement))

    def _is_pending(self, agreement: dict[str, Any], key: str) -> bool:
        """True if the change with this key is pending at Stripe until it is paid."""
        return _pending_change(agreement) == business_try(key)

    async def _resume_change(self, agreement: dict[str, Any], *, held: bool, key: str) -> Charge:
        """The outcome of a change that was not applied at once. Restores a hold that was lifted for it."""
        charge = await self._settle_unpaid_change(agreement, key)
        if held and charge.outcome is not ChargeOutcome.PAID:
            await self._pause(agreement["id"], HOLD, f"{key}/hold")
        return charge

    async def _change_in_session(
        self,
        agreement: dict[str, Any],
        change: Callable[[], Awaitable[Charge | dict[str, Any]]],
        *,
        held: bool,
        key: str,
    ) -> Charge | dict[str, Any]:
        """Returns the agreement after *change*, or a pending or declined charge.

        A hold would void the invoice at once. Lifting it cannot be part of a pending update, and a pending update
        survives lifting it.
        """
        ref, held = str(agreement["id"]), held or bool(agreement.get("pause_collection"))
        if held:
            await self._pause(ref, "", f"{key}/lift")
        try:
            changed = await change()
        except stripe.InvalidRequestError:
            if held:
                await self._pause(ref, HOLD, f"{key}/refused")
            raise
        if isinstance(changed, dict):
            if (changed.get("metadata") or {}).get(CHANGE) == business_try(key):
                return changed
            return await self._resume_change(changed, held=held, key=key)
        if held:
            await self._pause(ref, HOLD, f"{key}/hold")
        return changed

    async def _pause(self, ref: str, how: SubscriptionUpdateParamsPauseCollection | Literal[""], key: str) -> None:
        await self._api.subscriptions.update_async(ref, {"pause_collection": how}, {"idempotency_key": key})

    async def _pending_outcome(self, agreement: dict[str, Any]) -> Charge:
        """The state of a change that was not applied at once. Changes nothing."""
        invoice = await self._invoice(mapping.id_of(agreement.get(LATEST)))
        if invoice.get("status") == "paid":
            return await self._outcome_of(agreement["id"], invoice)
        charge = mapping.charge_of(agreement, invoice) or Charge(ChargeOutcome.PENDING, agreement_ref=agreement["id"])
        if charge.outcome is not ChargeOutcome.ACTION_REQUIRED:
            return charge
        until = mapping.instant((agreement.get("pending_update") or {}).get("expires_at"))
        return replace(charge, waits_until=until)

    async def _settle_unpaid_change(self, agreement: dict[str, Any], key: str) -> Charge:
        """The outcome of a change that was not applied at once: awaiting confirmation, or undone."""
        charge = await self._pending_outcome(agreement)
        invoice = await self._invoice(mapping.id_of(agreement.get(LATEST)))
        if charge.outcome is ChargeOutcome.DECLINED:
            # Marked first: once voided, it looks like any other invoice.
            await self._api.invoices.update_async(
                invoice["id"], {"metadata": {CHANGE: business_try(key)}}, {"idempotency_key": f"{key}/note"}
            )
            await self._void(invoice["id"], f"{key}/void")
        if charge.outcome in (ChargeOutcome.DECLINED, ChargeOutcome.GONE):
            return _decline_of(invoice)
        return charge


def _voided_change(agreement: dict[str, Any]) -> str:
    """The key of the change whose invoice is the latest and was voided; empty if there is none."""
    latest = agreement.get(LATEST)
    is_void = isinstance(latest, dict) and latest.get("status") == "void"
    return str((latest.get("metadata") or {}).get(CHANGE) or "") if is_void and isinstance(latest, dict) else ""


def _pending_change(agreement: dict[str, Any]) -> str:
    """The key of our change that is pending at Stripe; empty if there is none."""
    pending = agreement.get("pending_update") or {}
    return str((pending.get("metadata") or {}).get(CHANGE) or "")


def _decline_of(invoice: dict[str, Any]) -> Charge:
    """Why an invoice, voided by now, was not paid."""
    if not mapping.was_attempted(invoice):
        return Charge(ChargeOutcome.DECLINED, decline=Decline(NO_CARD))
    return replace(mapping.failure_of(invoice), outcome=ChargeOutcome.DECLINED)
