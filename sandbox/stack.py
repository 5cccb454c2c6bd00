"""The whole of Tenure on embedded servers, in one process and two children: what `tenure up` and `tenure demo` run."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client
from temporalio.testing import TimeSkipper, TimeSkippingConfig

from api.app import create_app
from api.http.dependencies import AppDependencies
from api.http.slow_clients import punctual_protocol
from configuration.offer_check import load_offer
from configuration.pages_file import load_presentation
from domain.brand import Brand
from domain.catalog.plans import Catalog
from domain.names import reconcile_schedule_id
from domain.provider.ports import Provider
from domain.request_rates import RequestRate, RequestRates
from domain.signing import SigningSecrets
from domain.subscription.policy import Policy
from gateways.stripe.catalog_push import push
from gateways.stripe.http_client import connected
from sandbox.control import control_app
from sandbox.ground import Ground, laid
from sandbox.lives import SubscriptionLife, is_customer
from sandbox.mailbox import Mailbox
from sandbox.metering import MeteringAhead
from sandbox.options import Options
from sandbox.own_account import open_portal, register_endpoint
from sandbox.postgres import Postgres
from sandbox.processes import free_port
from sandbox.secrets import Secrets
from sandbox.servers import Servers
from sandbox.serving import serve
from sandbox.sign_up_page import PATH as SIGN_UP_PATH
from sandbox.sign_up_page import SignUpPage
from sandbox.stripe import StripeSimulator
from sandbox.stripe.account import MERCHANT
from sandbox.travel import Traveller, Watch, nobody_watches
from services.watched_temporal import watched
from storage.access.api_keys import ApiKeys, Role
from storage.catalog.catalogs import Catalogs
from storage.catalog.current import put_in_force
from storage.catalog.offer import Offer
from storage.catalog.policies import Policies
from storage.privacy.erasures_file import ErasuresFile
from storage.subscriptions.trials import TrialKey
from worker.build import TaskRates, WorkerActivities, build_workers, workers_running
from worker.composition import activities, gateways, services
from worker.measuring import ActivityMeter
from worker.registry import keep_schedules

FINISH_WITHIN = timedelta(seconds=3)
WEBHOOKS = "/webhooks/stripe"
MAIL_FROM = "Tenure Sandbox <billing@sandbox.tenure.example>"


@dataclass(frozen=True)
class Addresses:
    """The content of `stack.json`: all addresses and keys."""

    api_url: str
    temporal_address: str
    temporal_ui_url: str
    mailbox_url: str
    stripe_url: str
    database_url: str
    sandbox_url: str
    admin_key: str
    webhook_secret: str


@dataclass(frozen=True)
class Journey:
    """Moves a subscription's clock, by its id; returns its new time."""

    ground: Ground
    traveller: Traveller

    async def __call__(self, subscription: str, seconds: float, watch: Watch = nobody_watches) -> datetime:
        mailbox = self.ground.mailbox
        life = await SubscriptionLife.of(
            subscription, self.ground.client, self.ground.engine, lambda: not mailbox.faults.refuse
        )
        return await self.traveller.travel(life, seconds, watch)


@dataclass(frozen=True)
class Stack:
    """A running stack; `travel` moves one subscription's clock and waits until everything due by then has happened."""

    addresses: Addresses
    client: Client
    engine: AsyncEngine
    simulator: StripeSimulator
    mailbox: Mailbox
    travel: Journey
    api_parts: AppDependencies
    provider: Provider
    other_products: tuple[str, ...] = ()
    """Other products that have customers in the data."""

    @property
    def postgres(self) -> Postgres:
        return self.travel.ground.postgres

    @asynccontextmanager
    async def under(self, policy: Policy, catalog: Catalog | None = None) -> AsyncIterator[Addresses]:
        """A second API of this stack while the block runs, whose sign-ups get *policy*.

        With *catalog*, it sells that one; its prices must exist at the Stripe simulator.
        """
        parts = replace(self.api_parts, policy=policy)
        if catalog is not None:
            parts = replace(parts, catalog=catalog, presentation=None)
        await Catalogs(self.engine).publish(parts.catalog, in_place=True)
        parts = replace(parts, publish_offer=Offer(self.engine, parts.catalog).publish)
        async with serve(create_app(parts)) as api_url:
            yield replace(self.addresses, api_url=api_url)


RATES = RequestRates(RequestRate(10_000), RequestRate(100_000), RequestRate(10_000), unknown_keys=10_000)
"""Nobody has to be kept apart from others here: headers name rates that nothing reaches."""


def _silent(_text: str) -> None:
    """Show nothing of a start."""


@asynccontextmanager
async def running(
    options: Options, say: Callable[[str], None] = _silent, servers: Servers | None = None
) -> AsyncIterator[Stack]:
    """Start everything, write `stack.json`, and stop everything at the end; *say* is given each step of the start.

    *servers* are those of the options, if they are starting already; who began to start them stops them.
    """
    catalog, policy = load_offer(options.catalog, options.policy)
    options.folder.mkdir(parents=True, exist_ok=True)
    secrets = Secrets.of(options.folder)
    async with AsyncExitStack() as exits:
        if servers is None:
            starting = Servers.starting(options.folder, durable=options.durable, ui=options.ui)
            servers = await exits.enter_async_context(starting)
        say("Starting PostgreSQL and Temporal")
        await servers.ready()
        ground = await laid(exits, options, secrets, servers, say)
        say("Starting worker and API")
        stack = await _build_on(ground, exits, options, secrets, catalog, policy)
        file = options.folder / "stack.json"
        file.touch(mode=0o600)
        file.write_text(json.dumps(asdict(stack.addresses), indent=2) + "\n")
        exits.callback(file.unlink, missing_ok=True)
        yield stack


async def _build_on(
    ground: Ground, exits: AsyncExitStack, options: Options, secrets: Secrets, catalog: Catalog, policy: Policy
) -> Stack:
    api_port = options.port or free_port()
    api_url = f"http://127.0.0.1:{api_port}"
    skipper = TimeSkipper(ground.client, config=TimeSkippingConfig(enabled=False))
    await ApiKeys(ground.engine).ensure(secrets.admin_key, Role.ADMIN, "sandbox")
    stripe = await exits.enter_async_context(connected(secrets.stripe_key, ground.simulator.base_url))
    others = tuple(sorted(await Catalogs(ground.engine).products() - {catalog.product}))
    await push(stripe, catalog)
    # The files are changed as one tries things out, and what is sold here now is in force.
    await Catalogs(ground.engine).publish(catalog, in_place=True)
    await Policies(ground.engine).publish(policy, in_place=True)
    await put_in_force(ground.engine, catalog.name, again=True)
    await open_portal(stripe)
    await register_endpoint(stripe, f"{api_url}{WEBHOOKS}")
    # Stopped in reverse order: first the API, then the workers, then the Stripe simulator.
    provider = await exits.enter_async_context(
        gateways.payment_provider(
            secrets.stripe_key, ground.simulator.base_url, spans=options.spans, meter=ground.measured.provider
        )
    )
    worker = _worker_activities(ground, options, secrets, provider, api_url, policy, skipper.client)
    workers = build_workers(
        ground.client,
        worker,
        rates=TaskRates(options.payments_a_second),
        finish_within=FINISH_WITHIN,
        spans=options.spans,
        meter=ActivityMeter(ground.measured.registry),
    )
    await exits.enter_async_context(workers_running(workers))
    await keep_schedules(ground.client)
    # While a subscription's clock is moved, Stripe is ahead of it on purpose: nothing may be healed automatically then.
    reconciling_by_itself = ground.client.get_schedule_handle(reconcile_schedule_id())
    await reconciling_by_itself.pause(
        note="Paused in the sandbox, where each subscription has its own clock; Trigger works."
    )
    api_parts = _app_dependencies(watched(skipper.client), ground, secrets, provider, catalog, policy, api_url)
    control_port = free_port()
    api_parts = replace(
        api_parts,
        presentation=load_presentation(options.catalog),
        standalone_activities=options.standalone_activities,
        sign_up_url=f"http://127.0.0.1:{control_port}{SIGN_UP_PATH}",
        temporal_ui_url=ground.temporal.ui_url if options.ui else "",
        read_mail=gateways.mail_reader(api_parts.brand),
        erasure_log=ErasuresFile(options.folder / "erasures.jsonl"),
        spans=options.spans,
    )
    await exits.enter_async_context(serve(create_app(api_parts), port=api_port, protocol=punctual_protocol()))
    ground.simulator.webhook_url = f"{api_url}{WEBHOOKS}"
    await ground.simulator.start()
    exits.push_async_callback(ground.simulator.stop)
    traveller = Traveller(skipper, ground.simulator)
    journey = Journey(ground, traveller)
    controls = control_app(
        ground.simulator, ground.mailbox, journey, lambda customer: is_customer(customer, ground.engine)
    )
    controls.router.routes.extend(SignUpPage(api_url, secrets.admin_key).routes)
    sandbox_url = await exits.enter_async_context(serve(controls, port=control_port))
    addresses = _addresses(ground, options, secrets, api_url, sandbox_url)
    return Stack(
        addresses, ground.client, ground.engine, ground.simulator, ground.mailbox, journey, api_parts, provider, others
    )


def _app_dependencies(
    client: Client,
    ground: Ground,
    secrets: Secrets,
    provider: Provider,
    catalog: Catalog,
    policy: Policy,
    api_url: str,
) -> AppDependencies:
    trial_key, signing = TrialKey(secrets.trial_key), SigningSecrets.of(secrets.secret_key)
    engine, system_engine = ground.api_engines
    return AppDependencies(
        client=client,
        engine=engine,
        system_engine=system_engine,
        catalog=catalog,
        policy=policy,
        publish_offer=Offer(system_engine, catalog, policy).publish,
        events=gateways.event_reader([secrets.webhook_secret], secrets.stripe_key),
        deliver=services.webhook_delivery(client, system_engine, provider, trial_key).deliver,
        wallets=provider.wallets,
        contacts=provider.contacts,
        purchases=services.purchases_of(client, engine, provider, trial_key),
        refunds=services.refunds_of(client, engine, provider, trial_key),
        public_url=api_url,
        signing=signing,
        encryption=gateways.encryption(signing),
        event_sender=gateways.local_event_sender(),
        trial_key=trial_key,
        brand=_brand(api_url),
        key_mode=gateways.key_mode(secrets.stripe_key),
        rates=RATES,
        registries=(ground.measured.registry,),
    )


def _brand(api_url: str) -> Brand:
    return Brand(MERCHANT, api_url, "support@sandbox.tenure.example")


def _worker_activities(
    ground: Ground,
    options: Options,
    secrets: Secrets,
    provider: Provider,
    api_url: str,
    policy: Policy,
    restart_client: Client,
) -> WorkerActivities:
    signing = SigningSecrets.of(secrets.secret_key)
    mailer = gateways.mailer(
        _brand(api_url),
        smtp_url=ground.mailbox.smtp_url,
        sender=MAIL_FROM,
        public_url=api_url,
        signing=signing,
    )
    return activities.worker_activities(
        ground.client,
        ground.engine,
        replace(provider, metering=MeteringAhead(provider.metering, ground.simulator)),
        gateways.Outgoing(mailer, gateways.local_event_sender(), gateways.encryption(signing)),
        policy,
        TrialKey(secrets.trial_key),
        # Nothing is in flight for long here.
        activities.WorkerOptions(
            second_look_delay=0.2,
            left_to_dispatcher=timedelta(),
            left_to_writer=timedelta(),
            standalone_activities=options.standalone_activities,
        ),
        # A subscription that is restored has a clock of its own, like all others.
        restart_client=restart_client,
    )


def _addresses(ground: Ground, options: Options, secrets: Secrets, api_url: str, sandbox_url: str) -> Addresses:
    return Addresses(
        api_url=api_url,
        temporal_address=ground.temporal.address,
        temporal_ui_url=ground.temporal.ui_url if options.ui else "",
        mailbox_url=f"{sandbox_url}/mailbox",
        stripe_url=ground.simulator.base_url,
        database_url=ground.postgres.observer_url,
        sandbox_url=sandbox_url,
        admin_key=secrets.admin_key,
        webhook_secret=secrets.webhook_secret,
    )
