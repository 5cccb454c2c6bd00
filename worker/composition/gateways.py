"""The gateways, as the ports that they implement."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from domain.api_keys import KeyMode
from domain.brand import Brand
from domain.encryption import Encryption
from domain.events.endpoints import EndpointRules
from domain.events.ports import EventSender
from domain.notifications.links_of_mails import links_of_mails
from domain.notifications.mail_types import Recipient as Addressee
from domain.notifications.mail_types import Rendered
from domain.notifications.ports import Mailer, MailToSend
from domain.provider.event_ports import EventReader
from domain.provider.ports import CallMeter, Provider
from domain.signing import SigningSecrets
from gateways.encryption import AesGcmEncryption
from gateways.mail.logo import LOGO_ADDRESS, logo_of
from gateways.mail.mailer import MailDelivery, SmtpMailer
from gateways.mail.renderer import MailRenderer
from gateways.stripe import rate_limits
from gateways.stripe.http_client import connected
from gateways.stripe.keys import is_live
from gateways.stripe.provider import stripe_provider
from gateways.stripe.webhooks import Recipient, StripeEvents
from gateways.webhooks.addresses import AnyAddresses, PublicAddresses
from gateways.webhooks.sender import WebhookSender
from tracing.spans import Spans

# The payment provider


@asynccontextmanager
async def payment_provider(
    api_key: str,
    api_base: str | None = None,
    *,
    api_processes: int | None = None,
    spans: Spans | None = None,
    meter: CallMeter | None = None,
) -> AsyncIterator[Provider]:
    """Yield the payment provider of an account; it connects on first use.

    Args:
        api_key: the account's.
        api_base: for simulators.
        api_processes: for an API, how many of them share what the account's limits leave them; None: the requests
            are limited by the task queues.
        spans: what traces the requests; None: nothing does.
        meter: measures the requests, if given.
    """
    calls = None if api_processes is None else rate_limits.questions_a_second(api_key, api_processes)
    async with connected(api_key, api_base, calls_a_second=calls, spans=spans, meter=meter) as client:
        yield stripe_provider(client)


def event_reader(webhook_secrets: Sequence[str], api_key: str, account: str = "") -> EventReader:
    """Return the reader of the provider's events to the account and mode of *api_key*; see `Recipient`."""
    return StripeEvents(webhook_secrets, Recipient.of(api_key, account))


@dataclass(frozen=True)
class ProviderLimits:
    """What the provider allows an account."""

    payments_a_second: float
    """Payment activities that the whole fleet may start."""
    reports_at_once: int
    """Usage reports that may run concurrently."""
    comparisons_a_second: float
    """Requests that all reconciliations of the fleet may send."""

    @classmethod
    def of(cls, api_key: str) -> "ProviderLimits":
        return cls(
            rate_limits.steps_a_second(api_key),
            rate_limits.reports_at_once(api_key),
            rate_limits.comparisons_a_second(api_key),
        )


def key_mode(api_key: str | None) -> KeyMode:
    """Return the mode of the API keys made here: that of our own key at the provider, live if that is not known."""
    return KeyMode.LIVE if api_key is None or is_live(api_key) else KeyMode.TEST


def provider_pages(api_key: str) -> str:
    """Return the address of the provider's own pages, for the mode of our key there."""
    return "https://dashboard.stripe.com" if is_live(api_key) else "https://dashboard.stripe.com/test"


# Mails


def mailer(
    brand: Brand, *, smtp_url: str, sender: str, public_url: str, signing: SigningSecrets, logo: Path | None = None
) -> Mailer:
    """Return the mailer of a product. Its links lead to *public_url* and are signed with the first secret."""
    image = logo_of(logo)
    renderer = MailRenderer(brand, LOGO_ADDRESS if image is not None else "")
    return MailDelivery(renderer, SmtpMailer(smtp_url), sender, links_of_mails(public_url, signing), image)


def mail_reader(brand: Brand) -> Callable[[MailToSend], Rendered]:
    """Return what shows a mail to an operator. Its links lead to the product, and none acts for the customer."""
    renderer = MailRenderer(brand)

    def read(mail: MailToSend) -> Rendered:
        contact = mail.contact
        reader = Addressee(contact.email, contact.name, contact.locale, contact.timezone)
        return renderer.render(mail.occasion, mail.facts, reader)

    return read


# Events for products


def event_sender(proxy: str | None = None) -> EventSender:
    """Return what sends events to public addresses, through a proxy if there is one."""
    return WebhookSender(EndpointRules(), PublicAddresses(), proxy=proxy)


def local_event_sender() -> EventSender:
    """Return what sends events to any address, without encryption as well: for a sandbox."""
    return WebhookSender(EndpointRules(schemes=("http", "https"), ports=()), AnyAddresses())


def encryption(secrets: SigningSecrets) -> Encryption:
    """Return what encrypts the secrets of endpoints, by keys that are derived from the installation's own."""
    return AesGcmEncryption(secrets.secrets)


@dataclass(frozen=True)
class Outgoing:
    """What leaves the installation."""

    mailer: Mailer
    events: EventSender
    encryption: Encryption
    """Of the secrets that sign events."""
