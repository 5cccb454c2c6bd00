"""The simulator, for the sandbox and for tests."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

from starlette.applications import Starlette
from starlette.routing import Route

from sandbox.stripe import pages
from sandbox.stripe.app import Api, CallRecord
from sandbox.stripe.cards import Bank
from sandbox.stripe.clock import Clocks
from sandbox.stripe.dashboard import Dashboard
from sandbox.stripe.events import Events
from sandbox.stripe.expand import STRIPES_DEEPEST
from sandbox.stripe.faults import ApiFaults, Faults, WebhookFaults
from sandbox.stripe.gates import Gates
from sandbox.stripe.store import Store
from sandbox.stripe.timekeeper import Timekeeper
from sandbox.stripe.webhooks import Deliverer
from sandbox.stripe.world import World


class StripeSimulator(Dashboard):
    """The parts of Stripe that Tenure uses, in test mode, with a clock per customer.

    Customers are named by `metadata.external_id` or by Stripe id. Clocks and webhooks work before Stripe knows the
    customer; cards and charges raise a LookupError until then.

    Args:
        store: an SQLite file that survives a killed process; None: in memory.
        api_key: what callers must present.
        webhook_secret: signs the events.
        finalize_after: between a renewal's draft invoice and its charge.
        deepest_expansion: maximum levels of an `expand[]`; None: no maximum.

    """

    def __init__(
        self,
        store: Path | None,
        *,
        api_key: str,
        webhook_secret: str,
        finalize_after: timedelta = timedelta(hours=1),
        deepest_expansion: int | None = STRIPES_DEEPEST,
    ) -> None:
        self._store = Store(store)
        self._clocks = Clocks(self._store)
        self._faults = Faults()
        events = Events(self._store, self._clocks)
        bank = Bank(self._store, self._clocks)
        wait = int(finalize_after.total_seconds())
        self._world = World(self._store, self._clocks, events, bank, wait, deepest_expansion)
        self._deliverer = Deliverer(self._store, webhook_secret, self._faults)
        events.on_queued = self._deliverer.kick
        self._api = Api(self._world, api_key, self._faults)
        self._timekeeper = Timekeeper(self._world)
        every = ["GET", "POST", "DELETE", "PUT", "PATCH"]
        calls = Route("/{path:path}", self._api.respond, methods=every)
        self.app = Starlette(routes=[*pages.routes(self._world), calls])

    @property
    def gates(self) -> Gates:
        """Gates by which tests hold calls."""
        return self._api.gates

    @property
    def base_url(self) -> str:
        return self._world.base_url

    @base_url.setter
    def base_url(self, url: str) -> None:
        self._world.base_url = url.rstrip("/")

    @property
    def webhook_url(self) -> str | None:
        """The URL for events; events without one are never sent."""
        return self._deliverer.url

    @webhook_url.setter
    def webhook_url(self, url: str | None) -> None:
        self._world.events.has_endpoint = url is not None
        self._deliverer.url = url

    @property
    def sends_thin_events(self) -> bool:
        """True if a second destination, at the same URL, gets everything as thin events."""
        return self._world.events.sends_thin

    @sends_thin_events.setter
    def sends_thin_events(self, enabled: bool) -> None:
        self._world.events.sends_thin = enabled

    def roll_webhook_secret(self, secret: str) -> None:
        """Sign with *secret* from now on, and with the previous one until it is expired."""
        self._deliverer.secrets = [secret, self._deliverer.secrets[0]]

    def expire_webhook_secret(self) -> None:
        """Stop signing with the previous secret."""
        del self._deliverer.secrets[1:]

    async def start(self) -> None:
        """Deliver webhooks from now on, and let real time pass for every customer."""
        self._api.stopping.clear()
        await self._deliverer.start()
        self._timekeeper.start()

    async def stop(self) -> None:
        self._api.stopping.set()
        await self._timekeeper.stop()
        await self._deliverer.stop()

    def close(self) -> None:
        """Close the store; the simulator cannot be used afterwards."""
        self._store.close()

    def now(self, customer: str) -> datetime:
        return self._clocks.now(customer)

    def ahead(self, customer: str) -> timedelta:
        """By how much the customer's clock is ahead of real time."""
        return self._clocks.ahead(customer)

    def next_boundary(self, customer: str) -> datetime | None:
        """When the simulator acts next for this customer, by the customer's clock."""
        return self._timekeeper.next_boundary(customer)

    async def advance(self, customer: str, to: datetime) -> None:
        """Move the customer's clock forward to *to*, doing in order what becomes due on the way.

        A clock that is already later stays, and so does a test clock, which moves only by API calls. The clock of an
        external id applies once Stripe knows the customer.
        """
        await self._timekeeper.advance(customer, to)

    def begin_in_the_past(self, customer: str, at: datetime) -> None:
        """Have the clock of a customer who is not known yet begin at *at*, and stand still between its moves.

        Their webhooks are held, for `take_webhooks`.
        """
        self._clocks.begin(customer, at)
        self._deliverer.hold(customer)

    def let_run(self, customer: str) -> None:
        """Have what began in the past be present: the clock runs with real time, and webhooks are delivered."""
        self._clocks.let_run(customer)
        self._deliverer.release(customer)

    def take_webhooks(self, customer: str) -> list[tuple[bytes, str]]:
        """Return the customer's pending webhooks, each as body and signature; they count as delivered."""
        return self._deliverer.take(self._clocks.name(customer))

    def hold_webhooks(self, customer: str) -> None:
        self._deliverer.hold(self._clocks.name(customer))

    async def release_webhooks(self, customer: str) -> None:
        self._deliverer.release(self._clocks.name(customer))

    async def webhooks_settled(self, customer: str, timeout: float) -> bool:  # noqa: ASYNC109 - part of the contract
        """True if all events of the customer are delivered within *timeout* seconds."""
        return await self._deliverer.settled(self._clocks.name(customer), timeout)

    def set_faults(
        self,
        webhooks: Mapping[str, object] | None = None,
        stripe: Mapping[str, object] | None = None,
    ) -> None:
        """Set faults; a mapping replaces all faults of its side, None leaves them.

        Raises:
            ValueError: a fault is unknown or its value is invalid.

        """
        new_webhooks = None if webhooks is None else WebhookFaults.of(webhooks)
        new_api = None if stripe is None else ApiFaults.of(stripe)
        self._faults.webhooks = new_webhooks or self._faults.webhooks
        self._faults.api = new_api or self._faults.api
        self._deliverer.hurry()

    def call_log(self) -> list[CallRecord]:
        """(method, path, idempotency key, status) of every API call so far."""
        return list(self._api.log)

    @property
    def lost_answers(self) -> int:
        """How many calls were executed without a response."""
        return self._api.lost_answers

    def is_delivering(self) -> bool:
        """Whether an event is on its way to the endpoint, or waits for its next attempt."""
        return self._deliverer.is_busy

    def delivery_counts(self) -> Counter[str]:
        """How many events are pending, delivered, dropped and given up."""
        return Counter(dict(self._store.query("SELECT state, count(*) FROM deliveries GROUP BY state")))
