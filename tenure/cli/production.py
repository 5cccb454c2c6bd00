"""The production processes `tenure migrate` and `worker`, and `tenure doctor`; none of them needs the HTTP API."""

import asyncio
import sys
from typing import Annotated

import structlog
from cyclopts import Parameter
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client
from temporalio.common import WorkerDeploymentVersion

from configuration.loading import Process, load_settings
from configuration.settings import MigrateSettings, WorkerSettings
from domain.errors import GatewayUnavailable
from services.delivery_starter import check_standalone_activities
from storage.db.health import check
from storage.db.migrations import Patience, current, head, upgrade
from storage.db.pooling import Turns
from storage.events.secrets import check_secret_keys
from storage.subscriptions.trial_key import check_trial_key, key_all_marks
from tenure.cli import logs
from tenure.cli.connections import database, hold_to_payload_keys, temporal
from tenure.cli.doctor import examine
from tenure.cli.doctor_stripe import examine_stripe, manual_checks
from tenure.cli.processes import signing_of, task_rates, trial_key_of, version_of, worker_activities
from tenure.cli.scraping import measured_worker, probed
from tenure.cli.signals import for_ever, stoppable
from tenure.cli.tracing import tracing
from tracing.spans import Spans
from worker.build import build_workers, workers_running
from worker.composition.gateways import encryption
from worker.health import Health
from worker.measuring import ActivityMeter
from worker.registry import keep_schedules
from worker.registry import register as register_with_temporal
from worker.versions import Turn

log = structlog.get_logger("tenure")


def migrate() -> None:
    """Migrate the database and register search attributes with Temporal; safe to repeat."""
    asyncio.run(_migrate())


async def _migrate() -> None:
    settings = load_settings(Process.MIGRATE)
    url = settings.database_url.get_secret_value()
    patience = Patience(lock_timeout=settings.migration_lock_timeout)
    try:
        before = await current(url)
        await upgrade(url, patience=patience, tell=lambda words: print(f"database: {words}", flush=True))
        after = await current(url)
    except OSError as error:
        raise GatewayUnavailable(f"the database cannot be reached: check TENURE_DATABASE_URL ({error})") from error
    await _give_trial_key(settings)
    newer = "" if after == head() else f", which belongs to a newer release; this one has {head()}"
    print(f"database: {'at' if before == after else 'brought to'} version {after}{newer}")
    made = await register_with_temporal(await temporal(settings))
    for line in made or ["everything is registered already"]:
        print(f"temporal: {line}")


async def _give_trial_key(settings: MigrateSettings) -> None:
    """Record the trial key's fingerprint, and give the key to what earlier releases wrote without it."""
    key = trial_key_of(settings)
    async with database(settings) as engine:
        await check_trial_key(engine, key)
        given = await key_all_marks(engine, key)
    if given:
        print(f"database: gave {given} marks of earlier trials the trial key")


def worker() -> None:
    """Run workflows and activities until SIGTERM; work in progress is finished first."""
    asyncio.run(stoppable(_work()))


async def _work() -> None:
    settings = load_settings(Process.WORKER)
    async with tracing(settings, Process.WORKER) as spans:
        await _work_with(settings, spans)


async def _work_with(settings: WorkerSettings, spans: Spans | None) -> None:
    logs.configure(as_json=settings.log_format == "json", level=settings.log_level)
    health = Health()
    async with (
        measured_worker(settings) as measured,
        database(settings, spans=spans) as engine,
        probed(settings, health),
    ):
        runtime = None if measured is None else measured.temporal_sdk.runtime
        client = await temporal(settings, spans=spans, runtime=runtime)
        if settings.standalone_activities:
            await check_standalone_activities(client)
        await _check_database(engine)
        await hold_to_payload_keys(settings, engine)
        await check_trial_key(engine, trial_key_of(settings))
        await check_secret_keys(engine, encryption(signing_of(settings)))
        # An earlier release that ran until now has written marks without it.
        await key_all_marks(engine, trial_key_of(settings))
        rates, version = task_rates(settings), version_of(settings)
        meter, calls = None, None
        if measured is not None:
            measured.pools.watch("worker", Turns.of(engine))
            meter, calls = ActivityMeter(measured.registry), measured.provider
        async with (
            worker_activities(settings, client, engine, spans, calls) as activities,
            workers_running(build_workers(client, activities, rates=rates, version=version, spans=spans, meter=meter)),
        ):
            if version is None:
                await keep_schedules(client)
            log.info(
                "worker ready", namespace=client.namespace, payments_a_second=rates.payments, build_id=settings.build_id
            )
            await _until_stopped(client, version, health)


async def _until_stopped(client: Client, version: WorkerDeploymentVersion | None, health: Health) -> None:
    health.is_ready = True
    try:
        if version is not None:
            await Turn(client, version).wait()
        await for_ever()
    finally:
        health.is_ready = False
        log.info("worker stopping")


async def _check_database(engine: AsyncEngine) -> None:
    wrong = await check(engine)
    if wrong is not None:
        raise GatewayUnavailable(wrong)


def doctor(*, stripe: Annotated[bool, Parameter(help="check the Stripe account instead", negative="")] = False) -> None:
    """Check settings and every connection, and say what to fix; status 1 if there is anything."""
    findings = asyncio.run(examine_stripe() if stripe else examine())
    for finding in findings:
        print(f"{'ok  ' if finding.is_fine else 'FIX '}  {finding.subject:<12} {finding.words}")
    for line in manual_checks() if stripe else ():
        print(f"look  {line}")
    if not all(finding.is_fine for finding in findings):
        sys.exit(1)
