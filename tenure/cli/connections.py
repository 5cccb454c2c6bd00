"""Connections to the database, Temporal and Stripe, as set."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client
from temporalio.runtime import Runtime
from temporalio.service import TLSConfig

from configuration.settings import DatabaseSettings, Pooler, StripeSettings, TemporalSettings
from domain.errors import GatewayUnavailable
from domain.provider.ports import CallMeter, Provider
from services.payload_codec import PayloadKey, converter_with
from services.traced_temporal import traced
from services.watched_temporal import watched
from storage.db.engine import create_engine_from_url
from storage.db.pooling import Pooling
from storage.db.roles import DatabaseRole
from storage.db.traced_statements import trace_statements
from storage.payload_keys import check_payload_keys
from tracing.spans import Spans
from worker.composition import gateways


def plain(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()


@asynccontextmanager
async def database(
    settings: DatabaseSettings,
    role: DatabaseRole = DatabaseRole.SYSTEM,
    *,
    for_callers: bool = False,
    connections: int | None = None,
    url: SecretStr | None = None,
    spans: Spans | None = None,
) -> AsyncIterator[AsyncEngine]:
    """Yield an engine of a role; it connects on first use. One *for_callers* fails soon rather than let them wait.

    *connections* and *url*, if given, are instead of what the settings say. With *spans*, its statements are traced.
    """
    by_transaction = settings.database_pooler is Pooler.TRANSACTION
    pooling = Pooling.for_callers if for_callers else Pooling
    engine = create_engine_from_url(
        (url or settings.database_url).get_secret_value(),
        pooling(connections or settings.database_pool, by_transaction=by_transaction),
        role=role,
    )
    if spans is not None:
        trace_statements(engine, spans)
    try:
        yield engine
    finally:
        await engine.dispose()


async def temporal(
    settings: TemporalSettings,
    *,
    for_callers: bool = False,
    spans: Spans | None = None,
    runtime: Runtime | None = None,
) -> Client:
    """Return a client, on a runtime of its own if one is given.

    One *for_callers* connects on first use, so that an API can start before Temporal does, and fails soon rather than
    let them wait. With *spans*, its calls are traced.

    Raises:
        GatewayUnavailable: Temporal does not respond, or refuses the connection.
    """
    try:
        client = await Client.connect(
            settings.temporal_address,
            namespace=settings.temporal_namespace,
            api_key=plain(settings.temporal_api_key),
            tls=_tls(settings),
            lazy=for_callers,
            runtime=runtime,
            data_converter=converter_with(payload_keys_of(settings.payload_keys)),
        )
    except RuntimeError as error:
        raise GatewayUnavailable(
            f"Temporal at {settings.temporal_address} cannot be reached:"
            f" check TENURE_TEMPORAL_ADDRESS and _TLS ({error})"
        ) from error
    client = watched(client) if for_callers else client
    return client if spans is None else traced(client, spans)


def payload_keys_of(secrets: Sequence[SecretStr]) -> tuple[PayloadKey, ...]:
    """The keys under which Temporal stores payloads."""
    return tuple(PayloadKey.of(one.get_secret_value()) for one in secrets)


async def hold_to_payload_keys(settings: TemporalSettings, engine: AsyncEngine, *, noting: bool = True) -> None:
    """Refuse to run without a key under which payloads are stored; see `check_payload_keys`.

    Raises:
        Rejected: code `payload_key_missing` or `payload_key_differs`.
    """
    fingerprints = {one.id: one.fingerprint for one in payload_keys_of(settings.payload_keys)}
    await check_payload_keys(engine, fingerprints, noting=noting)


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
async def payment_provider(
    settings: StripeSettings,
    *,
    api_processes: int | None = None,
    spans: Spans | None = None,
    meter: CallMeter | None = None,
) -> AsyncIterator[Provider]:
    """Yield the payment provider; it connects on first use. See `worker.composition.gateways.payment_provider`."""
    key, base = settings.stripe_api_key.get_secret_value(), settings.stripe_api_base
    async with gateways.payment_provider(key, base, api_processes=api_processes, spans=spans, meter=meter) as provider:
        yield provider
