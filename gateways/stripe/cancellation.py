"""Cancels subscriptions at Stripe."""

import stripe
from stripe.params import SubscriptionCancelParams

from gateways.stripe import mapping


async def cancel(
    client: stripe.StripeClient, agreement_ref: str, params: SubscriptionCancelParams, *, key: str
) -> None:
    """Cancels a subscription now. One that is already over stays as it is."""
    try:
        await client.v1.subscriptions.cancel_async(agreement_ref, params, {"idempotency_key": key})
    except stripe.InvalidRequestError:
        found = await client.v1.subscriptions.retrieve_async(agreement_ref)
        if found.status not in mapping.ENDED:
            raise
