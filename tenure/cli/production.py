"""The production processes: `tenure migrate`, `worker`, `api`, and `tenure doctor`."""

import asyncio
import sys
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import Annotated, Any

import structlog
import uvicorn
from cyclopts import Parameter
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from api.app import create_app
from api.http.slow_clients import PunctualProtocol
from configuration.loading import Process, load_settings
from configuration.settings import MigrateSettings, Settings
from domain.errors import GatewayUnavailable
from storage.db.health import check, refuse_unfit_login
from storage.db.migrations import Patience, current, head, upgrade
from storage.db.roles import DatabaseRole
from storage.subscriptions.trial_key import check_trial_key, key_all_marks
from storage.subscriptions.trials import TrialKey
from tenure.cli import logs
from tenure.cli.connections import database, temporal
from tenure.cli.doctor import examine
from tenure.cli.doctor_stripe import examine_stripe, manual_checks
from tenure.cli.processes import api_dependencies, payments_a_second, trial_key_of, worker_activities
from tenure.cli.signals import for_ever, stoppable
from worker.build import build_workers, workers_running
from worker.registry import keep_schedules
from worker.registry import register as register_with_temporal

KEEP_ALIVE = 75
"""Seconds: longer than load balancers keep idle connections, or they would send requests into closed ones."""

CHECK_AGAIN_AFTER = 2.0
"""Seconds. The database may start after the API, or not be migrated yet."""

log = structlog.get_logger("tenure")


def _configure_logs(settings: Settings) -> None:
    logs.configure(as_json=settings.log_format == "json", level=settings.log_level)


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
    _configure_logs(settings)
    client = await temporal(settings)
    async with database(settings) as engine:
        await _check_database(engine)
        await check_trial_key(engine, trial_key_of(settings))
        # An earlier release that ran until now has written marks without it.
        await key_all_marks(engine, trial_key_of(settings))
        rate = payments_a_second(settings)
        async with (
            worker_activities(settings, client, engine) as activities,
            workers_running(build_workers(client, activities, payments_a_second=rate)),
        ):
            await keep_schedules(client)
            log.info("worker ready", namespace=client.namespace, payments_a_second=rate)
            try:
                await for_ever()
            finally:
                log.info("worker stopping")


async def _check_database(engine: AsyncEngine) -> None:
    wrong = await check(engine)
    if wrong is not None:
        raise GatewayUnavailable(wrong)


def api() -> None:
    """Serve the HTTP API until SIGTERM; requests in progress are answered first."""
    asyncio.run(stoppable(_serve()))


async def _serve() -> None:
    settings = load_settings(Process.API)
    _configure_logs(settings)
    # Temporal and PostgreSQL may start later: `/readyz` reports whether they are up.
    client = await temporal(settings, for_callers=True)
    # Of the process's connections, what it does across tenants gets a quarter.
    crossing = max(1, settings.database_pool // 4)
    rest = max(1, settings.database_pool - crossing)
    system_url = settings.system_database_url
    async with (
        database(settings, DatabaseRole.APPLICATION, for_callers=True, connections=rest) as engine,
        database(settings, for_callers=True, connections=crossing, url=system_url) as system_engine,
        api_dependencies(settings, client, engine, system_engine) as dependencies,
    ):
        for each in (engine, system_engine):
            await refuse_unfit_login(each)
        app = create_app(dependencies)
        config = uvicorn.Config(
            app,
            http=PunctualProtocol,
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
        await _until_stopped(_Server(config), _holding_to_trial_key(system_engine, trial_key_of(settings)))


class _Server(uvicorn.Server):
    """Leaves signals to us, so that a process that is asked to stop exits with status 0."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def _until_stopped(server: _Server, checking: Coroutine[Any, Any, None]) -> None:
    """Serve until the process is asked to stop, or *checking* raises."""
    serving, check = asyncio.create_task(server.serve()), asyncio.create_task(checking)
    try:
        await asyncio.wait({serving, check}, return_when=asyncio.FIRST_EXCEPTION)
        if check.done():
            check.result()
    finally:
        server.should_exit = True
        check.cancel()
        await serving


async def _holding_to_trial_key(engine: AsyncEngine, key: TrialKey) -> None:
    """Check the key as soon as the database is there.

    Raises:
        Rejected: code `trial_key_differs`.
    """
    while True:
        with suppress(GatewayUnavailable, DBAPIError):
            await check_trial_key(engine, key)
            return
        await asyncio.sleep(CHECK_AGAIN_AFTER)


def doctor(*, stripe: Annotated[bool, Parameter(help="check the Stripe account instead", negative="")] = False) -> None:
    """Check settings and every connection, and say what to fix; status 1 if there is anything."""
    findings = asyncio.run(examine_stripe() if stripe else examine())
    for finding in findings:
        print(f"{'ok  ' if finding.is_fine else 'FIX '}  {finding.subject:<12} {finding.words}")
    for line in manual_checks() if stripe else ():
        print(f"look  {line}")
    if not all(finding.is_fine for finding in findings):
        sys.exit(1)
