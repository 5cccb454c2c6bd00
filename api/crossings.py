"""What the API does across tenants, as the role that sees every one: what stands here, and nothing else.

Everything else runs as `tenure_app` in transactions that are for one tenant. A look-up yields the tenant, and all that
follows it is for that tenant.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Self

from sqlalchemy.ext.asyncio import AsyncEngine

from api.background.offer_publisher import OfferPublisher, Publish
from api.background.usage_notice_dispatcher import UsageNoticeDispatcher
from api.background.webhook_dispatcher import WebhookDispatcher
from domain.events.ports import EventDispatcher
from domain.notifications.ports import MailDispatcher
from domain.provider.events import ProviderEvent
from domain.purchases.ports import StoredPurchase
from domain.webhooks.ports import Deliver
from services.events.hand_over import Announcer, HandOver
from services.usage_notifier import UsageNotifier
from storage.access.api_key_cache import ApiKeyCache
from storage.access.api_keys import ApiKeys
from storage.access.console_sessions import ConsoleSessions
from storage.access.web_sessions import Destination, WebSession, WebSessions
from storage.db.health import check
from storage.events.delivery_queue import DeliveryQueue
from storage.monitoring.installation import InstallationFigures
from storage.purchases import PurchaseRecords
from storage.subscriptions.billing_accounts import BillingAccount, BillingAccounts
from storage.subscriptions.pay_pages import PayPage, PayPages
from storage.usage.notices import UsageNotices
from storage.webhooks.inbox import Inbox


@dataclass(frozen=True)
class Crossings:
    """Each of them, with the one thing that it may do."""

    keys: ApiKeyCache
    """Verifies API keys, and notes their use."""
    session: Callable[[str], Awaitable[WebSession | None]]
    """Looks a session up by its cookie."""
    end_session: Callable[[str], Awaitable[None]]
    check_link: Callable[[str], Awaitable[Destination]]
    """Looks a one-time link up."""
    opened_for: Callable[[str, str], Awaitable[Destination | None]]
    """Looks up whether a link is of the same customer as a session."""
    enter: Callable[[str], Awaitable[tuple[str, Destination]]]
    """Exchanges a one-time link for a session."""
    console: ConsoleSessions
    """Signs operators in, and looks up their sessions."""
    pay_page: Callable[[str], Awaitable[PayPage | None]]
    """Looks up the subscription of a signed link to pay."""
    account_of_link: Callable[[str], Awaitable[BillingAccount | None]]
    """Looks up the customer of a signed link in a mail."""
    purchase_of_page: Callable[[str], Awaitable[StoredPurchase | None]]
    """Looks a purchase up by the page on which it was made."""
    receive: Callable[[ProviderEvent, bytes], Awaitable[bool]]
    """Takes a webhook in: the provider names none of our tenants."""
    webhooks: WebhookDispatcher
    """Delivers them."""
    redeliver: Deliver
    """Delivers them again: a webhook is nobody's until its customer is known."""
    notices: UsageNoticeDispatcher
    """Tells customers of all tenants what they have used."""
    offer: OfferPublisher
    """Publishes the catalog and the policy."""
    figures: InstallationFigures
    """Counts for `/metrics`: numbers, and no row."""
    fault: Callable[[], Awaitable[str | None]]
    """Finds out whether the database can be used; sees no tenant's rows."""

    @classmethod
    def on(
        cls,
        engine: AsyncEngine,
        mails: MailDispatcher,
        events: EventDispatcher,
        publish: Publish,
        deliver: Deliver,
    ) -> Self:
        """Return them on an engine of the system's role."""
        sessions, purchases = WebSessions(engine), PurchaseRecords(engine)
        announcer = Announcer(HandOver(DeliveryQueue(engine), events))
        notifier = UsageNotifier(UsageNotices(engine, announcer), mails)
        return cls(
            keys=ApiKeyCache(ApiKeys(engine)),
            session=sessions.session,
            end_session=sessions.end,
            check_link=sessions.check_link,
            opened_for=sessions.opened_for,
            enter=sessions.enter,
            console=ConsoleSessions(engine),
            pay_page=PayPages(engine).of,
            account_of_link=BillingAccounts(engine).of_subscription,
            purchase_of_page=purchases.of_page,
            receive=Inbox(engine).receive,
            webhooks=WebhookDispatcher(deliver),
            redeliver=deliver,
            notices=UsageNoticeDispatcher(notifier.send_pending),
            offer=OfferPublisher(publish),
            figures=InstallationFigures(engine),
            fault=lambda: check(engine),
        )
