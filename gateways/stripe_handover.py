"""What a take-over needs of Stripe besides the agreement: which card it is charged on, in the place where we look."""

from domain.payments import Card
from gateways import stripe_shapes as shapes
from gateways.stripe_account import StripeAccount
from gateways.stripe_errors import translated

METHOD = "default_payment_method"
OF_CUSTOMER = f"customer.invoice_settings.{METHOD}"


class StripeHandover(StripeAccount):
    """Cards of Stripe subscriptions that others have made."""

    async def card_of_agreement(self, agreement_ref: str) -> Card | None:
        with translated():
            asked = await self._api.subscriptions.retrieve_async(agreement_ref, {"expand": [METHOD, OF_CUSTOMER]})
        found = asked.to_dict()
        owner = found["customer"]
        method = found.get(METHOD) or (owner.get("invoice_settings") or {}).get(METHOD)
        if method is None and owner.get("default_source"):
            return Card(shapes.id_of(owner["default_source"]), "a source of the older kind", "", 0, 0)
        return shapes.card(method)

    async def make_default(self, customer_ref: str, card_ref: str, *, key: str) -> None:
        with translated():
            await self._api.customers.update_async(
                customer_ref, {"invoice_settings": {"default_payment_method": card_ref}}, {"idempotency_key": key}
            )
