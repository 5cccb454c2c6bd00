"""The checks of `tenure doctor`: settings first, then every connection, one line each."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client
from temporalio.service import RPCError

from configuration.catalog_file import load_catalog
from configuration.loading import Process, SettingsError, load_settings
from configuration.offer_check import load_offer
from configuration.settings import EverySetting
from domain.errors import GatewayUnavailable, Rejected, TenureError
from domain.findings import Finding
from domain.names import (
    LIFECYCLE_QUEUE,
    reconcile_schedule_id,
    report_usage_schedule_id,
    roll_up_schedule_id,
    sweep_schedule_id,
)
from gateways.mail.mailer import SmtpMailer
from gateways.stripe.catalog_push import push
from gateways.stripe.http_client import connected
from services.delivery_starter import check_standalone_activities
from storage.catalog.catalogs import Catalogs
from storage.catalog.policies import Policies
from storage.catalog.unpublished import followers
from storage.db.health import check
from storage.db.roles import DatabaseRole
from storage.events.secrets import check_secret_keys
from storage.subscriptions.trial_key import check_trial_key
from tenure.cli.catalog_warnings import follow, lack
from tenure.cli.connections import database, hold_to_payload_keys, temporal
from tenure.cli.doctor_rates import examine_rates
from tenure.cli.doctor_versions import examine_versions
from tenure.cli.processes import mailer, signing_of, trial_key_of
from worker.composition.gateways import encryption
from worker.registry import missing_attributes

ANSWER_TIMEOUT = timedelta(seconds=15)


async def examine() -> list[Finding]:
    """Check everything that production processes need."""
    try:
        settings = load_settings(Process.DOCTOR)
    except SettingsError as error:
        return [Finding("settings", False, problem) for problem in error.problems]
    checks: tuple[tuple[str, Callable[[EverySetting], Awaitable[str]]], ...] = (
        ("catalog", _catalog),
        ("policy", _policy),
        ("database", _database),
        ("temporal", _temporal),
        ("stripe", _stripe),
        ("mail", _mail),
    )
    findings = await asyncio.gather(*(_find(subject, look(settings)) for subject, look in checks))
    return [Finding("settings", True, _complete(settings)), *findings]


def _complete(settings: EverySetting) -> str:
    secrets = len(settings.secret_key)
    return "complete" if secrets == 1 else f"complete; the first of {secrets} secrets signs links, all open them"


async def _find(subject: str, looking: Awaitable[str]) -> Finding:
    try:
        async with asyncio.timeout(ANSWER_TIMEOUT.total_seconds()):
            return Finding(subject, True, await looking)
    except TimeoutError:
        return Finding(subject, False, f"no answer within {ANSWER_TIMEOUT.total_seconds():g} s")
    except TenureError as error:
        return Finding(subject, False, error.message)
    except Exception as error:  # noqa: BLE001 - whatever it is, the other checks have something to say
        return Finding(subject, False, ": ".join(filter(None, (type(error).__name__, " ".join(str(error).split())))))


async def _catalog(settings: EverySetting) -> str:
    catalog = load_catalog(settings.catalog)
    said = f"{catalog.product}, version {catalog.version}: {', '.join(catalog.plans)}"
    async with database(settings, url=settings.system_database_url) as engine:
        if await check(engine) is not None:
            return said  # the database has a finding of its own
        published = await Catalogs(engine).get(catalog.name)
        without = {name: plans for name, plans in (await followers(engine)).items() if name != catalog.name}
    if published is not None and published != catalog:
        raise Rejected(
            f"{settings.catalog} differs from the published {catalog.name}, and an API with it is not ready:"
            f" `tenure catalog diff {settings.catalog}` shows how; raise its version, or push it with --in-place"
        )
    following = "; ".join(line.strip() for line in follow(without, catalog))
    if lack(without, catalog):
        raise Rejected(following)
    said = f"{said}; {following}" if following else said
    if published is None:
        return f"{said}; not published yet: `tenure api` publishes it when it starts"
    return said


async def _policy(settings: EverySetting) -> str:
    _, policy = load_offer(settings.catalog, settings.policy)
    async with database(settings, url=settings.system_database_url) as engine:
        if await check(engine) is None:  # otherwise the database has a finding of its own
            await Policies(engine).check(policy)
    return f"{policy.version}: {policy.trial.days} days of trial, {len(policy.recovery)} recovery steps"


async def _database(settings: EverySetting) -> str:
    async with (
        database(settings, DatabaseRole.APPLICATION) as engine,
        database(settings, url=settings.system_database_url) as system_engine,
    ):
        wrong = await check(engine) or await check(system_engine)
        if wrong is not None:
            raise GatewayUnavailable(wrong)
        await check_trial_key(system_engine, trial_key_of(settings))
        await check_secret_keys(system_engine, encryption(signing_of(settings)))
        await hold_to_payload_keys(settings, system_engine, noting=False)
    return "up to date"


async def _temporal(settings: EverySetting) -> str:
    client = await temporal(settings)
    missing = await missing_attributes(client)
    if missing:
        raise GatewayUnavailable(f"search attributes are missing: {', '.join(missing)}; run `tenure migrate`")
    if settings.standalone_activities:
        await check_standalone_activities(client)
    for schedule_id in (
        sweep_schedule_id(),
        reconcile_schedule_id(),
        report_usage_schedule_id(),
        roll_up_schedule_id(),
    ):
        await _schedule(client, schedule_id)
    workers = await _workers(client)
    if not workers:
        raise GatewayUnavailable("ready, but no worker is running: start `tenure worker`")
    versions = await examine_versions(client, settings)
    more = (", deliveries as standalone activities" if settings.standalone_activities else "") + await examine_rates(
        client
    )
    return f"namespace {client.namespace}, {workers} worker{'s' if workers > 1 else ''} running, {versions}{more}"


async def _schedule(client: Client, schedule_id: str) -> None:
    try:
        await client.get_schedule_handle(schedule_id).describe()
    except RPCError as error:
        raise GatewayUnavailable(
            f"the schedule {schedule_id} cannot be read ({error.message}): `tenure worker` creates it"
        ) from error


async def _workers(client: Client) -> int:
    """Number of workers that have polled for workflow tasks in the last minutes."""
    described = await client.workflow_service.describe_task_queue(
        DescribeTaskQueueRequest(
            namespace=client.namespace,
            task_queue=TaskQueue(name=LIFECYCLE_QUEUE),
            task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
        ),
        retry=True,
    )
    return len({poller.identity for poller in described.pollers})


async def _stripe(settings: EverySetting) -> str:
    catalog = load_catalog(settings.catalog)
    async with connected(settings.stripe_api_key.get_secret_value(), settings.stripe_api_base) as client:
        missing = await push(client, catalog, dry_run=True)
    if missing:
        raise GatewayUnavailable(
            f"{len(missing)} products and prices are missing or differ, first {missing[0]};"
            f" run `tenure catalog push {settings.catalog}`"
        )
    return f"all prices of {catalog.product} exist"


async def _mail(settings: EverySetting) -> str:
    mailer(settings)
    await SmtpMailer(settings.smtp_url.get_secret_value()).check()
    return "the mail server accepts the login"
