"""Changes that Stripe applies only once the customer has confirmed their payment."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, Literal

import stripe
from stripe.params import SubscriptionUpdateParamsPauseCollection

from domain.provider.identifiers import attempt_of
from domain.provider.payments import Charge, ChargeOutcome
from gateways.stripe import mapping, metadata
from gateways.stripe.billing import LATEST, StripeInvoices
from gateways.stripe.confirmations import StripeConfirmations

HOLD: SubscriptionUpdateParamsPauseCollection = {"behavior": "void"}


class StripePendingChanges:
    """Pending updates of subscriptions: requested, found again, and undone if declined."""

    def __init__(
        self, client: stripe.StripeClient, invoices: StripeInvoices, confirmations: StripeConfirmations
    ) -> None:
        self._api = client.v1
        self._invoices = invoices
        self._confirmations = confirmations

    async def request(
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
            if mapping.note(changed, metadata.CHANGE) == attempt_of(key):
                return changed
            return await self.resume(changed, held=held, key=key)
        if held:
            await self._pause(ref, HOLD, f"{key}/hold")
        return changed

    async def resume(self, agreement: dict[str, Any], *, held: bool, key: str) -> Charge:
        """The outcome of a change that was not applied at once. Restores a hold that was lifted for it."""
        charge = await self._settle_unpaid(agreement, key)
        if held and charge.outcome is not ChargeOutcome.PAID:
            await self._pause(agreement["id"], HOLD, f"{key}/hold")
        return charge

    async def outcome(self, agreement: dict[str, Any]) -> Charge:
        """The state of a change that was not applied at once. Changes nothing."""
        invoice = await self._invoices.get(mapping.id_of(agreement.get(LATEST)))
        if invoice.get("status") == "paid":
            return await self._confirmations.charge_of(agreement["id"], invoice)
        charge = mapping.charge_of(agreement, invoice) or Charge(ChargeOutcome.PENDING, agreement_ref=agreement["id"])
        if charge.outcome is not ChargeOutcome.ACTION_REQUIRED:
            return charge
        until = mapping.instant((agreement.get("pending_update") or {}).get("expires_at"))
        return replace(charge, waits_until=until)

    async def _settle_unpaid(self, agreement: dict[str, Any], key: str) -> Charge:
        """The outcome of a change that was not applied at once: awaiting confirmation, or undone."""
        charge = await self.outcome(agreement)
        invoice = await self._invoices.get(mapping.id_of(agreement.get(LATEST)))
        if charge.outcome is ChargeOutcome.DECLINED:
            # Marked first: once voided, it looks like any other invoice.
            await self._api.invoices.update_async(
                invoice["id"], {"metadata": {metadata.CHANGE: attempt_of(key)}}, {"idempotency_key": f"{key}/note"}
            )
            await self._invoices.void(invoice["id"], key=f"{key}/void")
        if charge.outcome in (ChargeOutcome.DECLINED, ChargeOutcome.GONE):
            return mapping.decline_of_voided(invoice)
        return charge

    async def _pause(self, ref: str, how: SubscriptionUpdateParamsPauseCollection | Literal[""], key: str) -> None:
        await self._api.subscriptions.update_async(ref, {"pause_collection": how}, {"idempotency_key": key})


def was_requested(agreement: dict[str, Any], key: str) -> bool:
    """True if the change with this key was requested before, and is pending or was declined."""
    return attempt_of(key) in (_pending_change(agreement), _voided_change(agreement))


def is_pending(agreement: dict[str, Any], key: str) -> bool:
    """True if the change with this key is pending at Stripe until it is paid."""
    return _pending_change(agreement) == attempt_of(key)


def _voided_change(agreement: dict[str, Any]) -> str:
    """The key of the change whose invoice is the latest and was voided; empty if there is none."""
    latest = agreement.get(LATEST)
    return mapping.note(latest, metadata.CHANGE) if isinstance(latest, dict) and latest.get("status") == "void" else ""


def _pending_change(agreement: dict[str, Any]) -> str:
    """The key of our change that is pending at Stripe; empty if there is none."""
    return mapping.note(agreement.get("pending_update") or {}, metadata.CHANGE)
