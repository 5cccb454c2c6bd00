"""Opens the provider's page on which a customer puts a card on file."""

import hashlib
from urllib.parse import urlencode

from activities.wallets import call_with_wallet, customer_ref
from api.http.dependencies import AppDependencies, Repositories
from api.web.readers import LANGUAGE
from domain.errors import GatewayUnavailable
from domain.subscription.state import Subscription
from storage.subscriptions.pay_pages import PayPage


async def shared_card_page(known: PayPage, dependencies: AppDependencies, repositories: Repositories) -> str:
    """Return the page that the links of a subscription share, which is opened if there is none.

    Concurrent requests get the same one, because they use the same key.

    Raises:
        GatewayUnavailable: the provider does not answer, or too many pages are being opened.
    """
    if known.url:
        return known.url
    number, base_url = known.number + 1, dependencies.public_url.rstrip("/")
    key = f"{known.subscription.id}/pay/{number}/{known.subscription.sequence}"
    language = urlencode({LANGUAGE: known.locale})
    urls = (f"{base_url}/pay/done?{language}", f"{base_url}/pay/canceled?{language}")
    url = await open_card_page(known.subscription, urls, key, dependencies, repositories)
    await repositories.pay_pages.opened(known.subscription, number, url)
    return url


async def open_card_page(
    subscription: Subscription,
    urls: tuple[str, str],
    key: str,
    dependencies: AppDependencies,
    repositories: Repositories,
) -> str:
    """Return a page that leads to one of *urls*: when a card was given, or when the customer leaves without.

    Raises:
        GatewayUnavailable: the provider does not answer, or too many pages are being opened.
    """
    if repositories.pay_link_limits.at_provider.locked():
        raise GatewayUnavailable("too many payment pages are being opened", code="busy")
    async with repositories.pay_link_limits.at_provider:
        wallets, records, customer = (
            dependencies.wallets,
            repositories.records(subscription.tenant),
            subscription.customer,
        )
        reference = await customer_ref(wallets, records, customer, key=key)

        async def opened(at: str, key: str) -> str:
            return await wallets.open_checkout(at, subscription.id, *urls, key=f"{key}/{_digest(at, *urls)}")

        _, url = await call_with_wallet(wallets, records, customer, reference, opened, key)
    if not url:
        raise GatewayUnavailable("the payment provider returned no page; try again")
    return url


def _digest(*values: str) -> str:
    """Identify the parameters of a page: the provider rejects different ones under the same key."""
    return hashlib.sha256("\n".join(values).encode()).hexdigest()[:12]
