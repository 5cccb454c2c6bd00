"""What an import needs besides the agreement: which card is charged, and how to end a trial at Stripe."""

from typing import Any

import stripe
from stripe.params import SubscriptionCancelParams

from domain.provider.payments import Card
from gateways.stripe import mapping, metadata
from gateways.stripe.agreements import CONTINUES_AS
from gateways.stripe.billing import cancel
from gateways.stripe.errors import translated

METHOD = "default_payment_method"
CUSTOMER_METHOD = f"customer.invoice_settings.{METHOD}"


class StripeHandover:
    """The port `Handover`: Stripe subscriptions that were not created by us."""

    def __init__(self, client: stripe.StripeClient) -> None:
        self._client = client
        self._api = client.v1

    async def card_of_agreement(self, agreement_ref: str) -> Card | None:
        with translated():
            asked = await self._api.subscriptions.retrieve_async(agreement_ref, {"expand": [METHOD, CUSTOMER_METHOD]})
        found = asked.to_dict()
        owner = found["customer"]
        method = found.get(METHOD) or (owner.get("invoice_settings") or {}).get(METHOD)
        if method is None and owner.get("default_source"):
            return Card(mapping.id_of(owner["default_source"]), "a source of the older kind", "", 0, 0)
        return mapping.card(method)

    async def agreement_on_same_card(self, agreement_ref: str, card_ref: str) -> str:
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
        params: SubscriptionCancelParams = {
            "invoice_now": False,
            "prorate": False,
            "cancellation_details": {"comment": f"{CONTINUES_AS}{subscription}"},
        }
        with translated():
            await cancel(self._client, agreement_ref, params, key=key)


def _uses_default_card(found: dict[str, Any]) -> bool:
    is_ours = bool(mapping.note(found, metadata.SUBSCRIPTION))
    return not is_ours and not found.get(METHOD) and not found.get("default_source")
