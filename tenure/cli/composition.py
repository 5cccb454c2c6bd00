"""Builds the parts of production processes from their settings."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client

from api.http.dependencies import AppDependencies as ApiParts
from configuration.catalog_file import load_catalog
from configuration.policy_file import load_policy
from configuration.settings import ApiSettings, WorkerSettings
from domain.errors import GatewayUnavailable
from domain.notifications.pay_links import pay_url
from gateways.mail.mailer import MailDelivery
from gateways.mail.renderer import Brand, MailRenderer
from gateways.mail.smtp import SmtpMailer
from gateways.stripe.rate_limits import reports_at_once, steps_a_second
from gateways.stripe.webhooks import Recipient, StripeEvents
from storage.catalog.catalogs import Catalogs
from tenure.cli.connections import stripe_payments
from worker.build import Parts as WorkerParts
from worker.composition import parts_on
from worker.reconciliation import reconciling
from worker.webhooks import delivery_of


def payments_a_second(settings: WorkerSettings) -> float:
    """Payment activities that all workers together may start per second: as set, else what the key's mode allows."""
    return settings.payments_a_second or steps_a_second(settings.stripe_api_key.get_secret_value())


@asynccontextmanager
async def api_parts(settings: ApiSettings, client: Client, engine: AsyncEngine) -> AsyncIterator[ApiParts]:
    """Yield the dependencies of the API.

    Raises:
        ConfigurationError: the catalog or the policy is invalid.
        Rejected: code `catalog_differs`; the catalog was published with different content.
    """
    catalog = load_catalog(settings.catalog)
    # A catalog that differs from the published one is reported at once. A database that is not there yet, or not
    # migrated, is no error: the API publishes when it is.
    with suppress(GatewayUnavailable, DBAPIError):
        await Catalogs(engine).publish(catalog)
    async with stripe_payments(settings) as payments:
        yield ApiParts(
            client=client,
            engine=engine,
            catalog=catalog,
            policy=load_policy(settings.policy),
            events=StripeEvents(
                [secret.get_secret_value() for secret in settings.stripe_webhook_secrets],
                Recipient.of(settings.stripe_api_key.get_secret_value(), settings.stripe_account or ""),
            ),
            deliver=delivery_of(payments, client, engine).deliver,
            wallets=payments,
            public_url=settings.public_url,
            secret_key=settings.secret_key.get_secret_value(),
            brand=settings.brand_name,
        )


@asynccontextmanager
async def worker_parts(settings: WorkerSettings, client: Client, engine: AsyncEngine) -> AsyncIterator[WorkerParts]:
    """Yield the dependencies of the workers.

    Raises:
        ConfigurationError: the policy is invalid.
    """
    policy = None if settings.policy is None else load_policy(settings.policy)
    async with stripe_payments(settings) as payments:
        yield parts_on(
            client,
            engine,
            payments,
            mail_delivery(settings),
            reconciling(client, engine, payments, policy),
            reports_at_once=reports_at_once(settings.stripe_api_key.get_secret_value()),
        )


def mail_delivery(settings: WorkerSettings) -> MailDelivery:
    """Mail delivery with the product's branding."""
    brand = Brand(
        settings.brand_name,
        settings.website,
        settings.support_address,
        settings.brand_colour,
        upgrade_url=settings.upgrade_url or "",
    )
    secret = settings.secret_key.get_secret_value()
    return MailDelivery(
        MailRenderer(brand),
        SmtpMailer(settings.smtp_url.get_secret_value()),
        settings.mail_from,
        lambda link: pay_url(settings.public_url, link, secret),
    )
