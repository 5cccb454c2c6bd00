"""The production processes on real servers, told apart from the sandbox by settings alone."""

import asyncio
import re
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import httpx
import pytest
from temporalio.testing import WorkflowEnvironment

from sandbox.mailbox import Mailbox
from sandbox.postgres import Postgres
from sandbox.processes import free_port
from sandbox.serving import serve
from sandbox.stack import Stack
from sandbox.stripe import StripeSimulator
from sandbox.temporal import TemporalDevServer, executable
from storage.db.migrations import head
from tests.harness.catalogs import CATALOG, POLICY
from tests.harness.collector import Collector, collecting
from tests.harness.patience import PATIENT
from tests.tenure.conftest import Terminal

STRIPE_KEY, WEBHOOK_SECRET = "sk_test_of_the_production_tests", "whsec_of_the_production_tests"


@pytest.fixture
async def mailbox(terminal: Terminal) -> AsyncIterator[Mailbox]:
    """Everything outside of Tenure, and the settings that lead there; Temporal knows nothing of us yet."""
    async with AsyncExitStack() as exits:
        postgres = Postgres(terminal.folder, durable=False)
        temporal = TemporalDevServer(terminal.folder, durable=False, ui=False)
        exits.push_async_callback(postgres.stop)
        exits.push_async_callback(temporal.stop)
        await asyncio.gather(postgres.start(), temporal.start())
        mailbox = await exits.enter_async_context(Mailbox(terminal.folder))
        simulator = StripeSimulator(None, api_key=STRIPE_KEY, webhook_secret=WEBHOOK_SECRET)
        simulator.base_url = await exits.enter_async_context(serve(simulator.app))
        public_url = f"http://127.0.0.1:{free_port()}"
        simulator.webhook_url = f"{public_url}/webhooks/stripe"
        await simulator.start()
        exits.push_async_callback(simulator.stop)
        terminal.settings = production_settings(
            postgres.url, temporal.address, simulator.base_url, mailbox.smtp_url, public_url
        )
        yield mailbox


@pytest.fixture
def beside(terminal: Terminal, stack: Stack, database_url: str) -> Terminal:
    """A terminal whose settings lead to a database of its own, and to whatever else the stack has."""
    terminal.settings = production_settings(
        database_url,
        stack.addresses.temporal_address,
        stack.addresses.stripe_url,
        stack.mailbox.smtp_url,
        f"http://127.0.0.1:{free_port()}",
    )
    return terminal


def production_settings(database: str, temporal: str, stripe: str, smtp: str, public_url: str) -> dict[str, str]:
    return {
        "TENURE_DATABASE_URL": database,
        "TENURE_TEMPORAL_ADDRESS": temporal,
        "TENURE_STRIPE_API_KEY": STRIPE_KEY,
        "TENURE_STRIPE_API_BASE": stripe,
        "TENURE_STRIPE_WEBHOOK_SECRETS": WEBHOOK_SECRET,
        "TENURE_SMTP_URL": smtp,
        "TENURE_MAIL_FROM": "Acme <billing@acme.example>",
        "TENURE_CATALOG": str(CATALOG),
        "TENURE_POLICY": str(POLICY),
        "TENURE_PUBLIC_URL": public_url,
        "TENURE_API_HOST": "127.0.0.1",
        "TENURE_API_PORT": public_url.rpartition(":")[2],
        "TENURE_SECRET_KEY": "Kq3vX9pLw2sT7yBd5nHf8mRj4cGz6aEu",
        "TENURE_TRIAL_KEY": "Wd8rNz4bYk6tQm2xVf9gLp3sJc7hTa5e",
    }


@asynccontextmanager
async def at_work(
    terminal: Terminal, process: str, *, in_earnest: bool = False, **settings: str
) -> AsyncIterator[None]:
    start = terminal.start_in_earnest if in_earnest else terminal.start
    running = await start(process, **settings)
    try:
        yield
    finally:
        running.send_signal(signal.SIGTERM)
        _, log = await running.communicate()
    assert running.returncode == 0, log.decode()


@asynccontextmanager
async def traced(terminal: Terminal, collector: Collector) -> AsyncIterator[None]:
    """Processes send traces while the block runs."""
    terminal.settings["TENURE_OTLP_ENDPOINT"] = collector.address
    try:
        yield
    finally:
        del terminal.settings["TENURE_OTLP_ENDPOINT"]


async def _until(url: str, status: int) -> httpx.Response:
    async with httpx.AsyncClient(timeout=PATIENT) as client, asyncio.timeout(PATIENT):
        while True:
            try:
                answer = await client.get(url)
            except httpx.TransportError:
                answer = httpx.Response(0)
            if answer.status_code == status:
                return answer
            await asyncio.sleep(0.1)


async def _asked_by(terminal: Terminal, address: str) -> int:
    """The status that somebody without a key gets through a proxy."""
    url = f"{terminal.settings['TENURE_PUBLIC_URL']}/v1/plans"
    async with httpx.AsyncClient(timeout=PATIENT) as client:
        return (await client.get(url, headers={"X-Forwarded-For": address})).status_code


async def test_from_nothing_to_a_paying_customer_with_the_commands_of_the_compose_file(
    terminal: Terminal, mailbox: Mailbox
) -> None:
    ill = await terminal.run("doctor")
    assert ill.status == 1
    assert "run `tenure migrate`" in ill.out
    assert "run `tenure catalog push" in ill.out

    migrated = await terminal.run("migrate")
    assert (migrated.status, migrated.out.splitlines()[0]) == (0, f"database: brought to version {head()}")
    assert "everything is registered already" in (await terminal.run("migrate")).out
    assert (await terminal.run("catalog", "push", str(CATALOG))).status == 0
    assert "Stripe has everything already" in (await terminal.run("catalog", "push", str(CATALOG))).out
    key = (await terminal.run("keys", "create", "--role", "service", "--name", "sign-up")).out.strip()
    url = terminal.settings["TENURE_PUBLIC_URL"]
    of_worker, of_api = (f"127.0.0.1:{free_port()}" for _ in range(2))
    terminal.settings["TENURE_PAYLOAD_KEYS"] = f"2026-11:{'A' * 43}="
    async with (
        collecting() as collector,
        traced(terminal, collector),
        at_work(terminal, "worker", in_earnest=True, TENURE_METRICS_ADDRESS=of_worker),
        at_work(terminal, "api", in_earnest=True, TENURE_METRICS_ADDRESS=of_api),
    ):
        await _until(f"{url}/readyz", 200)
        made = await _sign_up(url, key)
        public = await _until(f"{url}/metrics", 404)
        by_worker, by_api = [(await _until(f"http://{at}/metrics", 200)).text for at in (of_worker, of_api)]
        well = await terminal.run("doctor")
        account = await terminal.run("doctor", "--stripe")
        moved = await terminal.run("policy", "migrate", str(POLICY))
        compared = await terminal.run("reconcile")
        needed = await terminal.run("payload-keys", "list")
    unheard, *not_done = await asyncio.gather(
        terminal.run("policy", "migrate", str(POLICY)),
        terminal.run("reconcile"),
        terminal.run("usage", "rollup"),
        terminal.run("usage", "report"),
    )

    assert (made.status_code, made.json()["status"]) == (201, "active")
    assert well.status == 0, well.out
    assert "1 worker running" in well.out
    assert account.status == 1
    assert f"FIX   webhook      no endpoint is registered for {url}/webhooks/stripe" in account.out
    assert "ok    catalog      all products and prices of manufacturing, version 1, are there" in account.out
    assert "look  retries" in account.out
    assert (moved.status, unheard.status) == (0, 1)
    assert moved.out.endswith("1 moved to policy default, 0 failed\n")
    assert "FAILED: no worker answers" in unheard.out
    assert compared.status == 0, compared.out + compared.err
    assert compared.out.startswith("1 agreements and 1 subscriptions compared: 0 listed, 0 healed, 0 failed")
    assert [said.status for said in not_done] == [1, 1, 1]
    for said, what in zip(not_done, ("the reconciliation", "the roll-up", "the report"), strict=True):
        assert f"tenure: no worker answers: start `tenure worker`; {what} starts as soon as" in said.err
    assert public.json()["code"] == "not_found"
    assert needed.out.splitlines()[1].split() == ["2026-11", "1"], needed.out + needed.err
    _leads_from_one_process_to_the_other(collector)
    await _stop_without_their_key(terminal)
    assert 'tenure_charges_total{outcome="paid"} 1.0' in by_worker
    assert re.search(r'temporal_activity_execution_latency_seconds_count{.*activity_type="begin"', by_worker)
    assert 'tenure_provider_requests_total{method="POST",resource="subscriptions",status="200"} 1.0' in by_worker
    assert 'tenure_http_requests_total{method="POST",route="/v1/subscriptions",status="201"} 1.0' in by_api
    assert 'tenure_dependency_up{dependency="database"} 1.0' in by_api
    assert "Your Tenure receipt" in " ".join(mail["subject"] for mail in mailbox.messages("ada@example.com"))


async def test_a_process_with_another_trial_key_stops_at_once(beside: Terminal) -> None:
    assert (await beside.run("migrate")).status == 0
    beside.settings["TENURE_SECRET_KEY"] = "another secret key: Tz4wQ8mKx1vR6nBs"
    assert (await beside.run("migrate")).status == 0
    beside.settings["TENURE_TRIAL_KEY"] = "another trial key: Pv7kHd2sYq9wLc5t"

    stopped = [await beside.run(process) for process in ("migrate", "api", "worker")]
    ill = await beside.run("doctor")

    assert [said.status for said in stopped] == [1, 1, 1]
    assert all("TENURE_TRIAL_KEY is not the key that this installation began with" in said.err for said in stopped)
    assert "FIX   database     TENURE_TRIAL_KEY is not the key" in ill.out


async def test_a_start_with_standalone_activities_needs_a_server_that_has_them(beside: Terminal) -> None:
    older = await WorkflowEnvironment.start_local(
        dev_server_existing_path=str(executable()),
        dev_server_extra_args=["--dynamic-config-value", "activity.enableStandalone=false"],
    )
    async with older:
        beside.settings["TENURE_TEMPORAL_ADDRESS"] = older.client.service_client.config.target_host
        beside.settings["TENURE_STANDALONE_ACTIVITIES"] = "true"
        assert (await beside.run("migrate")).status == 0
        stopped = [await beside.run(process) for process in ("api", "worker")]
        ill = await beside.run("doctor")

    assert [said.status for said in stopped] == [1, 1]
    assert all("has no standalone activities: unset TENURE_STANDALONE_ACTIVITIES" in said.err for said in stopped)
    assert "FIX   temporal     this Temporal server has no standalone activities" in ill.out


def _leads_from_one_process_to_the_other(collector: Collector) -> None:
    assert collector.services == {"tenure-api", "tenure-worker"}
    signed_up = [one.name for _, one in collector.tree(collector.root("POST /v1/subscriptions"))]
    assert {"send sign_up", "activity record", "Stripe POST /v1/subscriptions"} <= set(signed_up)


async def _stop_without_their_key(terminal: Terminal) -> None:
    del terminal.settings["TENURE_PAYLOAD_KEYS"]
    stopped = [await terminal.run(process) for process in ("api", "worker")]
    assert [said.status for said in stopped] == [1, 1]
    assert all("TENURE_PAYLOAD_KEYS lacks the key '2026-11'" in said.err for said in stopped)


async def _sign_up(url: str, key: str) -> httpx.Response:
    customer = {"external_id": "ada", "email": "ada@example.com"}
    body = {"customer": customer, "plan": "starter", "trial_days": 0, "payment_method": "pm_card_visa"}
    async with httpx.AsyncClient(timeout=PATIENT) as client:
        return await client.post(f"{url}/v1/subscriptions", json=body, headers={"Authorization": f"Bearer {key}"})


async def test_an_api_without_its_database_says_so_and_serves_on(beside: Terminal) -> None:
    beside.settings["TENURE_DATABASE_URL"] = "postgresql://nobody:nothing@127.0.0.1:9/tenure"
    beside.settings["TENURE_RATE_UNKNOWN_KEYS"] = "0.01"

    async with at_work(beside, "api"):
        told = await _until(f"{beside.settings['TENURE_PUBLIC_URL']}/readyz", 503)
        by_address = [await _asked_by(beside, address) for address in ("192.0.2.1", "192.0.2.2", "192.0.2.1")]
    worker = await beside.run("worker")

    assert "database" in told.json()["checks"]
    assert by_address == [401, 401, 429], "the proxy on this machine is trusted, and names who asks"
    assert worker.status == 1
    assert "check TENURE_DATABASE_URL" in worker.err
    assert "nothing" not in worker.err
