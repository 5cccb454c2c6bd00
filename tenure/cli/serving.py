"""The production process `tenure api`."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import structlog
import uvicorn
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client

from api.app import create_app
from api.http.dependencies import AppDependencies
from api.http.slow_clients import punctual_protocol
from api.monitoring.exposition import exposition_of
from configuration.base_settings import PREFIX
from configuration.loading import Process, SettingsError, load_settings
from configuration.offer_check import load_offer
from configuration.pages_file import load_presentation
from configuration.settings import ApiSettings
from domain.brand import Brand
from domain.errors import GatewayUnavailable
from domain.request_rates import RequestRates
from monitoring.process import ProcessMetrics
from services.delivery_starter import check_standalone_activities, delivery_starter
from storage.access.api_keys import Role
from storage.catalog.offer import Offer
from storage.db.health import refuse_unfit_login
from storage.db.pooling import Turns
from storage.db.roles import DatabaseRole
from storage.events.secrets import check_secret_keys
from storage.privacy.erasures_file import ErasuresFile
from storage.subscriptions.trial_key import check_trial_key
from tenure.cli import logs
from tenure.cli.asgi_server import Server, run, serve_until_stopped
from tenure.cli.connections import database, hold_to_payload_keys, payment_provider, temporal
from tenure.cli.processes import signing_of, trial_key_of
from tenure.cli.scraping import process_metrics, scraped
from tenure.cli.signals import stoppable
from tenure.cli.tracing import tracing
from tracing.spans import Spans
from worker.composition import gateways, services

KEEP_ALIVE = 75
"""Seconds: longer than load balancers keep idle connections, or they would send requests into closed ones."""

CHECK_AGAIN_AFTER = 2.0
"""Seconds. The database may start after the API, or not be migrated yet."""

log = structlog.get_logger("tenure")


def api() -> None:
    """Serve the HTTP API until SIGTERM; requests in progress are answered first."""
    run(stoppable(_serve()))


async def _serve() -> None:
    settings = load_settings(Process.API)
    async with tracing(settings, Process.API) as spans:
        await _serve_with(settings, spans)


async def _serve_with(settings: ApiSettings, spans: Spans | None) -> None:
    logs.configure(as_json=settings.log_format == "json", level=settings.log_level)
    # Temporal and PostgreSQL may start later: `/readyz` reports whether they are up.
    measured = process_metrics(Process.API)
    # Of the process's connections, what it does across tenants gets a quarter.
    crossing = max(1, settings.database_pool // 4)
    rest = max(1, settings.database_pool - crossing)
    system_url = settings.system_database_url
    async with (
        measured.temporal_sdk.running() as runtime,
        database(settings, DatabaseRole.APPLICATION, for_callers=True, connections=rest, spans=spans) as engine,
        database(settings, for_callers=True, connections=crossing, url=system_url, spans=spans) as system_engine,
        AsyncExitStack() as exits,
    ):
        client = await temporal(settings, for_callers=True, spans=spans, runtime=runtime)
        for name, each in (("application", engine), ("system", system_engine)):
            measured.pools.watch(name, Turns.of(each))
            await refuse_unfit_login(each)
        dependencies = await exits.enter_async_context(
            api_dependencies(settings, client, engine, system_engine, measured, spans)
        )
        app = create_app(dependencies)
        config = uvicorn.Config(
            app,
            http=punctual_protocol(),
            host=settings.api_host,
            port=settings.api_port,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE,
            proxy_headers=bool(settings.trusted_proxies),
            forwarded_allow_ips=list(settings.trusted_proxies),
        )
        log.info("api starting", host=settings.api_host, port=settings.api_port)
        async with scraped(settings, Process.API, exposition_of(app)):
            await serve_until_stopped(Server(config), _check_servers(settings, client, system_engine))


async def _check_servers(settings: ApiSettings, client: Client, engine: AsyncEngine) -> None:
    """Check what the settings expect of the database and of Temporal, as soon as each is there.

    Raises:
        Rejected: code `trial_key_differs`, `payload_key_missing`, `payload_key_differs` or `no_standalone_activities`.
    """
    checks = [
        _once_there(lambda: check_trial_key(engine, trial_key_of(settings))),
        _once_there(lambda: hold_to_payload_keys(settings, engine)),
        _once_there(lambda: check_secret_keys(engine, gateways.encryption(signing_of(settings)))),
    ]
    if settings.standalone_activities:
        checks.append(_once_there(lambda: check_standalone_activities(client)))
    await asyncio.gather(*checks)


async def _once_there(check: Callable[[], Awaitable[None]]) -> None:
    while True:
        with suppress(GatewayUnavailable, DBAPIError):
            await check()
            return
        await asyncio.sleep(CHECK_AGAIN_AFTER)


@asynccontextmanager
async def api_dependencies(
    settings: ApiSettings,
    client: Client,
    engine: AsyncEngine,
    system_engine: AsyncEngine,
    measured: ProcessMetrics,
    spans: Spans | None = None,
) -> AsyncIterator[AppDependencies]:
    """Yield the dependencies of the API. With *spans*, its requests and what it asks of others are traced.

    Raises:
        ConfigurationError: the catalog or the policy is invalid, or they do not go together.
        Rejected: code `catalog_differs` or `policy_differs`; one was published with different content. Code
            `trial_key_differs`; the installation has another trial key. Code `secret_key_missing`; a secret of a
            webhook endpoint cannot be decrypted.
    """
    (catalog, policy), trial_key = load_offer(settings.catalog, settings.policy), trial_key_of(settings)
    brand = Brand(settings.brand_name, settings.website, settings.support_email or "", settings.brand_colour)
    publish = Offer(system_engine, catalog, policy).publish
    secret_encryption = gateways.encryption(signing_of(settings))
    # What differs from the database is reported at once. A database that is not there yet, or not migrated, is no
    # error: the API publishes when it is.
    with suppress(GatewayUnavailable, DBAPIError):
        await check_trial_key(system_engine, trial_key)
        await check_secret_keys(system_engine, secret_encryption)
        await publish()
    starter = delivery_starter(client, standalone=settings.standalone_activities)
    async with payment_provider(
        settings, api_processes=settings.api_replicas, spans=spans, meter=measured.provider
    ) as provider:
        yield AppDependencies(
            client=client,
            engine=engine,
            system_engine=system_engine,
            catalog=catalog,
            policy=policy,
            publish_offer=publish,
            events=gateways.event_reader(
                [secret.get_secret_value() for secret in settings.stripe_webhook_secrets],
                settings.stripe_api_key.get_secret_value(),
                settings.stripe_account or "",
            ),
            deliver=services.webhook_delivery(client, system_engine, provider, trial_key, starter).deliver,
            wallets=provider.wallets,
            contacts=provider.contacts,
            purchases=services.purchases_of(client, engine, provider, trial_key, starter),
            refunds=services.refunds_of(client, engine, provider, trial_key, starter),
            public_url=settings.public_url,
            signing=signing_of(settings),
            encryption=secret_encryption,
            event_sender=gateways.event_sender(settings.egress_proxy),
            trial_key=trial_key,
            brand=brand,
            logo=settings.brand_logo,
            presentation=load_presentation(settings.catalog),
            timezone=settings.timezone,
            registries=(measured.registry,),
            metrics_are_apart=settings.metrics_address is not None,
            most_requests=settings.api_concurrency,
            erases_at_provider=settings.erase_at_stripe,
            standalone_activities=settings.standalone_activities,
            erasure_log=ErasuresFile(settings.erasures_file) if settings.erasures_file is not None else None,
            temporal_ui_url=settings.temporal_ui_url or "",
            read_mail=gateways.mail_reader(brand) if brand.support_email else None,
            provider_ui_url=gateways.provider_pages(settings.stripe_api_key.get_secret_value())
            if settings.stripe_api_base is None
            else "",
            sign_up_url=settings.sign_up_url or "",
            embed_origins=settings.embed_origins,
            key_mode=gateways.key_mode(settings.stripe_api_key.get_secret_value()),
            rates=request_rates(settings),
            spans=spans,
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
