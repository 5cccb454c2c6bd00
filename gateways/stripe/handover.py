"""What an import needs besides the agreement: which card is charged, and how to end a trial at Stripe."""

from typing import Any

import stripe

from domain.provider.payments import Card
from gateways.stripe import mapping
from gateways.stripe.base import SUBSCRIPTION, StripeAccount
from gateways.stripe.errors import translated
from gateways.stripe.subscriptions import CONTINUES_AS

METHOD = "default_payment_method"
CUSTOMER_METHOD = f"customer.invoice_settings.{METHOD}"


class StripeHandover(StripeAccount):
    """Cards of Stripe subscriptions that were not created by us."""

    async def card_of_agreement(self, agreement_ref: str) -> Card | None:
        with translated():
            asked = await self._api.subscriptions.retrieve_async(agreement_ref, {"expand": [METHOD, CUSTOMER_METHOD]})
        found = asked.to_dict()
        owner = found["customer"]
        method = found.get(METHOD) or (owner.get("invoice_settings") or {}).get(METHOD)
        if method is None and owner.get("default_source"):
            return Card(mapping.id_of(owner["default_source"]), "a source of the older kind", "", 0, 0)
        return mapping.card(method)

    async def charged_alike(self, agreement_ref: str, card_ref: str) -> str:
        with translated():
            asked = await self._api.subscriptions.retrieve_async(agreement_ref, {"expand": ["customer"]})
            owner = asked.to_dict()["customer"]
            default = (owner.get("invoice_settings") or {}).get(METHOD)
            if mapping.id_of(default or owner.get("default_source")) in ("", card_ref):
                return ""
            listed = await self._api.subscriptions.list_async({"customer": owner["id"], "limit": 100})
        others = (each.to_dict() for each in listed.data if each.id != agreement_ref)
        return next((each["id"] for each in others if _uses_default_card(each)), "")

    async def end_trial(self, agreement_ref: str, subscription: str, *, key: str) -> None:
        params: Any = {
            "invoice_now": False,
            "prorate": False,
            "cancellation_details": {"comment": f"{CONTINUES_AS}{subscription}"},
        }
        with translated():
            try:
                await self._api.subscriptions.cancel_async(agreement_ref, params, {"idempotency_key": key})
            except stripe.InvalidRequestError:
                found = await self._api.subscriptions.retrieve_async(agreement_ref)
                if found.status not in mapping.ENDED:
                    raise


def _uses_default_card(found: dict[str, Any]) -> bool:
    is_ours = bool((found.get("metadata") or {}).get(SUBSCRIPTION))
    return not is_ours and not found.get(METHOD) and not found.get("default_source")
