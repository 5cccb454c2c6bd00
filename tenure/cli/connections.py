"""What production processes are put together from, as their settings say."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client
from temporalio.service import TLSConfig

from api.parts import Parts as ApiParts
from configuration.catalog_file import load_catalog
from configuration.policy_file import load_policy
from configuration.settings import ApiSettings, DatabaseSettings, StripeSettings, TemporalSettings, WorkerSettings
from domain.errors import GatewayUnavailable
from domain.links import pay_url
from gateways.mail_delivery import MailDelivery
from gateways.mail_rendering import Brand, MailRenderer
from gateways.smtp import SmtpMailer
from gateways.stripe import StripePayments
from gateways.stripe_events import Recipient, StripeEvents
from gateways.stripe_http import connected
from gateways.stripe_rates import steps_a_second
from storage.engine import create_engine_from_url
from worker.build import Parts as WorkerParts
from worker.messages import delivery_of
from worker.parts import parts_on
from worker.reconciling import reconciling


def plain(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()


def payments_a_second(settings: WorkerSettings) -> float:
    """How many payment activities the whole fleet may begin in a second: as told, else as the key's mode allows."""
    return settings.payments_a_second or steps_a_second(settings.stripe_api_key.get_secret_value())


@asynccontextmanager
async def database(settings: DatabaseSettings) -> AsyncIterator[AsyncEngine]:
    """An engine while the block runs; it connects when it is first used."""
    engine = create_engine_from_url(settings.database_url.get_secret_value())
    try:
        yield engine
    finally:
        await engine.dispose()


async def temporal(settings: TemporalSettings, *, lazy: bool = False) -> Client:
    """A client; a *lazy* one connects when it is first used, so that an API can start before Temporal does.

    Raises:
        GatewayUnavailable: Temporal does not answer, or does not let us in.
    """
    try:
        return await Client.connect(
            settings.temporal_address,
            namespace=settings.temporal_namespace,
            api_key=plain(settings.temporal_api_key),
            tls=_tls(settings),
            lazy=lazy,
        )
    except RuntimeError as error:
        raise GatewayUnavailable(
            f"Temporal at {settings.temporal_address} is out of reach: check TENURE_TEMPORAL_ADDRESS and _TLS ({error})"
        ) from error


def _tls(settings: TemporalSettings) -> TLSConfig | bool:
    server_ca, cert, key = (
        None if file is None else file.read_bytes()
        for file in (
            settings.temporal_tls_server_ca,
            settings.temporal_tls_client_cert,
            settings.temporal_tls_client_key,
        )
    )
    if server_ca is None and cert is None:
        return settings.temporal_tls
    return TLSConfig(server_root_ca_cert=server_ca, client_cert=cert, client_private_key=key)


@asynccontextmanager
async def stripe_payments(settings: StripeSettings) -> AsyncIterator[StripePayments]:
    """The payments port on Stripe, while the block runs; it connects when it is first used."""
    async with connected(settings.stripe_api_key.get_secret_value(), settings.stripe_api_base) as client:
        yield StripePayments(client)


@asynccontextmanager
async def api_parts(settings: ApiSettings, client: Client, engine: AsyncEngine) -> AsyncIterator[ApiParts]:
    """What the API is put together from, while the block runs.

    Raises:
        ConfigurationError: the catalog or the policy cannot be used.
    """
    async with stripe_payments(settings) as payments:
        yield ApiParts(
            client=client,
            engine=engine,
            catalog=load_catalog(settings.catalog),
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
    """What the workers work with, while the block runs.

    Raises:
        ConfigurationError: the policy cannot be used.
    """
    policy = None if settings.policy is None else load_policy(settings.policy)
    async with stripe_payments(settings) as payments:
        yield parts_on(client, engine, payments, mail_delivery(settings), reconciling(client, engine, payments, policy))


def mail_delivery(settings: WorkerSettings) -> MailDelivery:
    """The way of mails, in the product's own colours."""
    brand = Brand(settings.brand_name, settings.website, settings.support_address, settings.brand_colour)
    secret = settings.secret_key.get_secret_value()
    return MailDelivery(
        MailRenderer(brand),
        SmtpMailer(settings.smtp_url.get_secret_value()),
        settings.mail_from,
        lambda subscription: pay_url(settings.public_url, subscription, secret),
    )
