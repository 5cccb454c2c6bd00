"""Payments at Stripe that their customer is there to confirm: left to be confirmed, looked at, taken back."""

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
from gateways.stripe import mapping as shapes
from gateways.stripe.base import LATEST
from gateways.stripe.errors import translated
from gateways.stripe.items import StripeItems
from gateways.stripe.one_off_invoices import CHANGE

FIRST_PAYMENT_WITHIN = timedelta(hours=23)
"""So long Stripe keeps a subscription whose first bill is not paid."""
HOLD: SubscriptionUpdateParamsPauseCollection = {"behavior": "void"}


class StripeConfirmations(StripeItems):
    """The port `Confirmations`, and the calls after which something may have to be confirmed."""

    async def confirmation(self, agreement_ref: str, invoice_ref: str) -> Charge:
        with translated():
            return await self._stands(agreement_ref, await self._bill(invoice_ref))

    async def withdraw_confirmation(
        self, agreement_ref: str, invoice_ref: str, *, ends_agreement: bool, key: str
    ) -> Charge:
        with translated():
            # The bill first: what can be voided is not paid, and cannot be paid any more.
            await self._void(invoice_ref, f"{key}/void")
            charge = await self._stands(agreement_ref, await self._bill(invoice_ref))
            if ends_agreement and charge.outcome is ChargeOutcome.GONE:
                await self._cancel_unbegun(agreement_ref, f"{key}/end")
            return charge

    async def _stands(self, agreement_ref: str, bill: dict[str, Any]) -> Charge:
        """What has come of a bill that waits; the agreement is looked at after it, as the bill has left it."""
        agreement = (await self._api.subscriptions.retrieve_async(agreement_ref)).to_dict()
        charge = shapes.charge_of(agreement, bill) or Charge(ChargeOutcome.PENDING)
        if charge.outcome is ChargeOutcome.PAID and agreement.get("pending_update"):
            return replace(charge, outcome=ChargeOutcome.PENDING)  # about to be made
        return charge

    async def _cancel_unbegun(self, agreement_ref: str, key: str) -> None:
        try:
            await self._api.subscriptions.cancel_async(agreement_ref, {}, {"idempotency_key": key})
        except stripe.InvalidRequestError:
            found = await self._api.subscriptions.retrieve_async(agreement_ref)
            if found.status not in shapes.ENDED:
                raise

    # A first period

    async def _charge_of_begun(self, agreement: dict[str, Any], *, key: str) -> Charge:
        """What came of the first bill: paid, left to be confirmed, or declined, and then nothing is left of either."""
        charge = await self._charge_of_latest(agreement)
        if charge.outcome is ChargeOutcome.ACTION_REQUIRED and agreement.get("status") == "incomplete":
            return replace(charge, waits_until=shapes.moment(agreement["created"]) + FIRST_PAYMENT_WITHIN)
        bill = shapes.id_of(agreement.get(LATEST))
        is_undone = charge.outcome is ChargeOutcome.GONE and agreement.get("status") in shapes.ENDED
        if charge.outcome is not ChargeOutcome.DECLINED and not is_undone:
            return charge
        why = _why(await self._bill(bill))
        await self._void(bill, f"{key}/void")
        if agreement.get("status") not in shapes.ENDED:
            await self._cancel_unbegun(agreement["id"], f"{key}/end")
        return why

    # A change

    def _has_asked(self, agreement: dict[str, Any], key: str) -> bool:
        """Whether the change of this key was asked for before, and waits or was declined."""
        return business_try(key) in (_waiting_for(agreement), _undone(agreement))

    def _waits_as(self, agreement: dict[str, Any], key: str) -> bool:
        """Whether the change of this key waits at Stripe for its payment."""
        return _waiting_for(agreement) == business_try(key)

    async def _as_left(self, agreement: dict[str, Any], *, held: bool, key: str) -> Charge:
        """What came of a change that was not made at once; a hold that stood before it stands again."""
        charge = await self._unpaid_change(agreement, key)
        if held and charge.outcome is not ChargeOutcome.PAID:
            await self._pause(agreement["id"], HOLD, f"{key}/hold")
        return charge

    async def _present(
        self,
        agreement: dict[str, Any],
        change: Callable[[], Awaitable[Charge | dict[str, Any]]],
        *,
        held: bool,
        key: str,
    ) -> Charge | dict[str, Any]:
        """The agreement as *change* made it, or what waits, or why it was not made.

        Under a hold the bill would be voided at once; a pending update does not take that it is lifted, nor does one
        that waits end it.
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
            return await self._as_left(changed, held=held, key=key)
        if held:
            await self._pause(ref, HOLD, f"{key}/hold")
        return changed

    async def _pause(self, ref: str, how: SubscriptionUpdateParamsPauseCollection | Literal[""], key: str) -> None:
        await self._api.subscriptions.update_async(ref, {"pause_collection": how}, {"idempotency_key": key})

    async def _waiting_change(self, agreement: dict[str, Any]) -> Charge:
        """How a change stands that was not made at once; nothing is changed by it."""
        bill = await self._bill(shapes.id_of(agreement.get(LATEST)))
        if bill.get("status") == "paid":
            return await self._stands(agreement["id"], bill)
        charge = shapes.charge_of(agreement, bill) or Charge(ChargeOutcome.PENDING, agreement_ref=agreement["id"])
        if charge.outcome is not ChargeOutcome.ACTION_REQUIRED:
            return charge
        until = shapes.instant((agreement.get("pending_update") or {}).get("expires_at"))
        return replace(charge, waits_until=until)

    async def _unpaid_change(self, agreement: dict[str, Any], key: str) -> Charge:
        """Of a change that was not made at once: it waits for the customer, or is undone."""
        charge = await self._waiting_change(agreement)
        bill = await self._bill(shapes.id_of(agreement.get(LATEST)))
        if charge.outcome is ChargeOutcome.DECLINED:
            # Noted first, for a bill that is void looks like any other.
            await self._api.invoices.update_async(
                bill["id"], {"metadata": {CHANGE: business_try(key)}}, {"idempotency_key": f"{key}/note"}
            )
            await self._void(bill["id"], f"{key}/void")
        if charge.outcome in (ChargeOutcome.DECLINED, ChargeOutcome.GONE):
            return _why(bill)
        return charge


def _undone(agreement: dict[str, Any]) -> str:
    """The key of the change whose bill was the last, and was voided; empty when that is another's."""
    latest = agreement.get(LATEST)
    is_void = isinstance(latest, dict) and latest.get("status") == "void"
    return str((latest.get("metadata") or {}).get(CHANGE) or "") if is_void and isinstance(latest, dict) else ""


def _waiting_for(agreement: dict[str, Any]) -> str:
    """The key of the change that waits at Stripe; empty when none of ours does."""
    pending = agreement.get("pending_update") or {}
    return str((pending.get("metadata") or {}).get(CHANGE) or "")


def _why(bill: dict[str, Any]) -> Charge:
    """Why a bill was not paid that is void by now."""
    if not shapes.was_tried(bill):
        return Charge(ChargeOutcome.DECLINED, decline=Decline(NO_CARD))
    return replace(shapes.failure_of(bill), outcome=ChargeOutcome.DECLINED)
