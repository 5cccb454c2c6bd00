"""The sandbox's controls beside production processes: clocks are moved from outside, by Temporal and the simulator.

The processes know nothing of it. Temporal moves a workflow's clock on request, whoever has started it.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client
from temporalio.testing import TimeSkipper, TimeSkippingConfig

from sandbox.control import control_app
from sandbox.lives import SubscriptionLife, is_customer
from sandbox.serving import serve
from sandbox.stack import Addresses
from sandbox.stripe import StripeSimulator
from sandbox.travel import WOKEN_AFTER, Traveller
from storage.db.engine import create_engine_from_url
from storage.db.roles import DatabaseRole
from tests.harness.site import WEBHOOK_SECRET, Site


@dataclass(frozen=True)
class Controlled:
    """A site, connections to its servers, and its controls."""

    site: Site
    client: Client
    engine: AsyncEngine
    """Of the role that sees every tenant."""
    controls: str
    """The URL of the sandbox's controls."""

    @property
    def simulator(self) -> StripeSimulator:
        return self.site.simulator

    @classmethod
    @asynccontextmanager
    async def of(cls, site: Site, *, woken_after: float = WOKEN_AFTER) -> AsyncIterator["Controlled"]:
        """The controls of a site while the block runs.

        A workflow that is overdue for longer than *woken_after* seconds is woken; infinite: it has to do by itself.
        """
        async with AsyncExitStack() as exits:
            client = await Client.connect(site.temporal.address)
            engine = create_engine_from_url(site.postgres.url, role=DatabaseRole.SYSTEM)
            exits.push_async_callback(engine.dispose)
            skipper = TimeSkipper(client, config=TimeSkippingConfig(enabled=False))
            traveller = Traveller(skipper, site.simulator, woken_after=woken_after)

            async def travel(subscription: str, seconds: float) -> datetime:
                mailbox = site.mailbox
                life = await SubscriptionLife.of(subscription, client, engine, lambda: not mailbox.faults.refuse)
                return await traveller.travel(life, seconds)

            app = control_app(site.simulator, site.mailbox, travel, lambda customer: is_customer(customer, engine))
            yield cls(site, client, engine, await exits.enter_async_context(serve(app)))

    def addresses(self, api_url: str) -> Addresses:
        """What a product is told that calls this API."""
        return Addresses(
            api_url=api_url,
            temporal_address=self.site.temporal.address,
            temporal_ui_url="",
            mailbox_url=f"{self.controls}/mailbox",
            stripe_url=self.simulator.base_url,
            database_url=self.site.postgres.url,
            sandbox_url=self.controls,
            admin_key=self.site.key,
            webhook_secret=WEBHOOK_SECRET,
        )
