"""What Tenure needs, before Tenure: the servers, the mailbox, the simulator of Stripe, and connections to them."""

from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from importlib.metadata import version

from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client
from temporalio.service import GrpcCompression

from monitoring.process import ProcessMetrics
from sandbox.mailbox import Mailbox
from sandbox.options import Options
from sandbox.postgres import Postgres
from sandbox.secrets import Secrets
from sandbox.servers import Servers
from sandbox.serving import serve
from sandbox.stripe import StripeSimulator
from sandbox.temporal import TemporalDevServer
from services.payload_codec import converter_with
from services.traced_temporal import traced
from storage.db.engine import create_engine_from_url
from storage.db.migrations import upgrade
from storage.db.pooling import Pooling, Turns
from storage.db.roles import DatabaseRole
from storage.db.traced_statements import trace_statements
from storage.subscriptions.trial_key import check_trial_key, key_all_marks
from storage.subscriptions.trials import TrialKey


@dataclass(frozen=True)
class Ground:
    """All of it, once it is there."""

    postgres: Postgres
    temporal: TemporalDevServer
    mailbox: Mailbox
    simulator: StripeSimulator
    engine: AsyncEngine
    """Of the role that sees every tenant."""
    api_engines: tuple[AsyncEngine, ...]
    """An API's, one for each role."""
    client: Client
    measured: ProcessMetrics
    """Of all that runs here, for Tenure's API to tell."""


async def laid(
    exits: AsyncExitStack, options: Options, secrets: Secrets, servers: Servers, say: Callable[[str], None]
) -> Ground:
    postgres, temporal = servers.postgres, servers.temporal
    mailbox = await exits.enter_async_context(Mailbox(options.folder))
    simulator = StripeSimulator(
        options.folder / "stripe.db", api_key=secrets.stripe_key, webhook_secret=secrets.webhook_secret
    )
    simulator.base_url = await exits.enter_async_context(serve(simulator.app))
    say("Migrating the database")
    await upgrade(postgres.url)
    await postgres.let_observe()
    engine = create_engine_from_url(postgres.url, role=DatabaseRole.SYSTEM)
    exits.push_async_callback(engine.dispose)
    await check_trial_key(engine, TrialKey(secrets.trial_key))
    await key_all_marks(engine, TrialKey(secrets.trial_key))
    api_engines = tuple(create_engine_from_url(postgres.url, Pooling.for_callers(), role=role) for role in DatabaseRole)
    for each in api_engines:
        exits.push_async_callback(each.dispose)
    measured = ProcessMetrics("sandbox", version("tenure"))
    for name, each in zip(("worker", "application", "system"), (engine, *api_engines), strict=True):
        measured.pools.watch(name, Turns.of(each))
    # Within one machine, to compress costs more than to send.
    runtime = await exits.enter_async_context(measured.temporal_sdk.running())
    client = await Client.connect(
        temporal.address,
        grpc_compression=GrpcCompression.NONE,
        runtime=runtime,
        data_converter=converter_with(options.payload_keys),
    )
    if options.spans is not None:
        client = traced(client, options.spans)
        for each in (engine, *api_engines):
            trace_statements(each, options.spans)
    return Ground(postgres, temporal, mailbox, simulator, engine, api_engines, client, measured)
