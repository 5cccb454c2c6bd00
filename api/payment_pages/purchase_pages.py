"""Opens the provider's page on which somebody buys a subscription."""

from api.http.dependencies import AppDependencies
from api.payment_pages.purchase_return import RETURN_PATH
from domain.purchases.ports import StoredPurchase
from domain.subscription.sign_up import SignUp


async def open_purchase(
    dependencies: AppDependencies, requested: SignUp, customer_ref: str, success_url: str, cancel_url: str
) -> StoredPurchase:
    """Return the page; the same one for the same request. *customer_ref* is the provider's id of a former customer.

    Raises:
        Rejected: code `already_subscribed` or `trial_used`.
        GatewayRefused, GatewayUnavailable: the provider opened no page.
    """
    return_url = f"{dependencies.public_url.rstrip('/')}{RETURN_PATH}?session_id={{CHECKOUT_SESSION_ID}}"
    return await dependencies.purchases(requested.tenant).open(
        requested, customer_ref, success_url=success_url, return_url=return_url, cancel_url=cancel_url
    )
