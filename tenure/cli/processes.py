"""The dependencies of the production processes, from their settings."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client

from api.http.dependencies import AppDependencies
from configuration.loading import Process, SettingsError
from configuration.offer_check import load_offer
from configuration.pages_file import load_presentation
from configuration.policy_file import load_policy
from configuration.settings import PREFIX, ApiSettings, SiteSettings, TrialSettings, WorkerSettings
from domain.brand import Brand
from domain.errors import GatewayUnavailable
from domain.notifications.ports import Mailer
from domain.request_rates import RequestRates
from domain.signing import SigningSecrets
from storage.access.api_keys import Role
from storage.catalog.offer import Offer
from storage.catalog.policies import Policies
from storage.privacy.erasures_file import ErasuresFile
from storage.subscriptions.trial_key import check_trial_key
from storage.subscriptions.trials import TrialKey
from tenure.cli.connections import payment_provider
from worker import composition
from worker.build import WorkerActivities
from worker.composition import ProviderLimits, WorkerOptions


def payments_a_second(settings: WorkerSettings) -> float:
    """Payment activities that all workers together may start per second: as set, else what the key's mode allows."""
    return settings.payments_a_second or _limits(settings).payments_a_second


@asynccontextmanager
async def api_dependencies(
    settings: ApiSettings, client: Client, engine: AsyncEngine, system_engine: AsyncEngine
) -> AsyncIterator[AppDependencies]:
    """Yield the dependencies of the API.

    Raises:
        ConfigurationError: the catalog or the policy is invalid, or they do not go together.
        Rejected: code `catalog_differs` or `policy_differs`; one was published with different content. Code
            `trial_key_differs`; the installation has another trial key.
    """
    (catalog, policy), trial_key = load_offer(settings.catalog, settings.policy), trial_key_of(settings)
    publish = Offer(system_engine, catalog, policy).publish
    # What differs from the database is reported at once. A database that is not there yet, or not migrated, is no
    # error: the API publishes when it is.
    with suppress(GatewayUnavailable, DBAPIError):
        await check_trial_key(system_engine, trial_key)
        await publish()
    async with payment_provider(settings) as provider:
        yield AppDependencies(
            client=client,
            engine=engine,
            system_engine=system_engine,
            catalog=catalog,
            policy=policy,
            publish_offer=publish,
            events=composition.event_reader(
                [secret.get_secret_value() for secret in settings.stripe_webhook_secrets],
                settings.stripe_api_key.get_secret_value(),
                settings.stripe_account or "",
            ),
            deliver=composition.webhook_delivery(client, system_engine, provider, trial_key).deliver,
            wallets=provider.wallets,
            contacts=provider.contacts,
            purchases=composition.purchases_of(client, engine, provider, trial_key),
            refunds=composition.refunds_of(client, engine, provider, trial_key),
            public_url=settings.public_url,
            signing=signing_of(settings),
            trial_key=trial_key,
            brand=Brand(settings.brand_name, settings.website, settings.support_email or "", settings.brand_colour),
            logo=settings.brand_logo,
            presentation=load_presentation(settings.catalog),
            timezone=settings.timezone,
            most_requests=settings.api_concurrency,
            erases_at_provider=settings.erase_at_stripe,
            erasure_log=ErasuresFile(settings.erasures_file) if settings.erasures_file is not None else None,
            temporal_ui_url=settings.temporal_ui_url or "",
            provider_ui_url=composition.provider_pages(settings.stripe_api_key.get_secret_value())
            if settings.stripe_api_base is None
            else "",
            sign_up_url=settings.sign_up_url or "",
            embed_origins=settings.embed_origins,
            key_mode=composition.key_mode(settings.stripe_api_key.get_secret_value()),
            rates=request_rates(settings),
        )


def request_rates(settings: ApiSettings) -> RequestRates:
    """The rates of API keys.

    Raises:
        SettingsError: a rate is for a role that does not exist.
    """
    problems = [
        f"{PREFIX}{name.upper()} names the role {role!r}: roles are {', '.join(Role)}"
        for name in ("rate_requests", "rate_checks", "rate_lists")
        for role in getattr(settings, name).by_role
        if role not in set(Role)
    ]
    if problems:
        raise SettingsError(Process.API, problems)
    return RequestRates(
        settings.rate_requests,
        settings.rate_checks,
        settings.rate_lists,
        settings.rate_unknown_keys,
        settings.api_replicas,
    )


@asynccontextmanager
async def worker_activities(
    settings: WorkerSettings, client: Client, engine: AsyncEngine
) -> AsyncIterator[WorkerActivities]:
    """Yield the activities of the workers.

    Raises:
        ConfigurationError: the policy is invalid.
        Rejected: code `policy_differs`; the policy was published with different content.
    """
    policy = None if settings.policy is None else load_policy(settings.policy)
    if policy is not None:
        await Policies(engine).check(policy)
    async with payment_provider(settings) as provider:
        yield composition.worker_activities(
            client,
            engine,
            provider,
            mailer(settings),
            policy,
            trial_key_of(settings),
            WorkerOptions(
                _limits(settings).reports_at_once,
                timezone=settings.timezone,
                erases_at_provider=settings.erase_at_stripe,
            ),
        )


def trial_key_of(settings: TrialSettings) -> TrialKey:
    """The key of the marks by which earlier trials are found."""
    return TrialKey(settings.trial_key.get_secret_value())


def signing_of(settings: SiteSettings) -> SigningSecrets:
    """The secrets that sign links."""
    return SigningSecrets(tuple(one.get_secret_value() for one in settings.secret_key))


def mailer(settings: WorkerSettings) -> Mailer:
    """The mailer with the product's branding."""
    brand = Brand(
        settings.brand_name,
        settings.website,
        settings.support_address,
        settings.brand_colour,
        upgrade_url=settings.upgrade_url or "",
        address=settings.brand_address,
    )
    return composition.mailer(
        brand,
        smtp_url=settings.smtp_url.get_secret_value(),
        sender=settings.mail_from,
        public_url=settings.public_url,
        signing=signing_of(settings),
        logo=settings.brand_logo,
    )


def _limits(settings: WorkerSettings) -> ProviderLimits:
    return ProviderLimits.of(settings.stripe_api_key.get_secret_value())
