"""The simulator as the sandbox and the tests hold it."""

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
    """As much of Stripe as Tenure uses, in test mode, with a clock per customer.

    A customer is named by `metadata.external_id` or by the Stripe id. Clocks and webhooks can be asked about before
    Stripe has met the customer; what concerns cards and charges is a LookupError until then.

    Args:
        store: an SQLite file that survives a killed process; None keeps all in memory.
        api_key: what callers must present.
        webhook_secret: signs the events.
        finalize_after: between a renewal's draft invoice and its charge.
        deepest_expansion: levels that an `expand[]` may have; None for any number.

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
        """By which a test holds up calls."""
        return self._api.gates

    @property
    def base_url(self) -> str:
        return self._world.base_url

    @base_url.setter
    def base_url(self, url: str) -> None:
        self._world.base_url = url.rstrip("/")

    @property
    def webhook_url(self) -> str | None:
        """Where events go; those that happen while there is none are never sent."""
        return self._deliverer.url

    @webhook_url.setter
    def webhook_url(self, url: str | None) -> None:
        self._world.events.has_endpoint = url is not None
        self._deliverer.url = url

    @property
    def tells_thin(self) -> bool:
        """Whether a second destination, at the same address, gets everything as thin events."""
        return self._world.events.is_told_thin

    @tells_thin.setter
    def tells_thin(self, tells: bool) -> None:
        self._world.events.is_told_thin = tells

    def roll_webhook_secret(self, secret: str) -> None:
        """Sign with *secret* from now on, and with the one before until that is expired."""
        self._deliverer.secrets = [secret, self._deliverer.secrets[0]]

    def expire_webhook_secret(self) -> None:
        """The secret before the newest is not signed with any more."""
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
        """Give the store back; the simulator is of no use afterwards."""
        self._store.close()

    def now(self, customer: str) -> datetime:
        return self._clocks.now(customer)

    def ahead(self, customer: str) -> timedelta:
        """By how much the customer's clock is ahead of real time."""
        return self._clocks.ahead(customer)

    def next_boundary(self, customer: str) -> datetime | None:
        """When the simulator itself does something next for this customer, by the customer's clock."""
        return self._timekeeper.next_boundary(customer)

    async def advance(self, customer: str, to: datetime) -> None:
        """Move the customer's clock forward to *to*, doing in order what becomes due on the way.

        A clock that is already later stays, and so does a test clock, which only calls of the API move. An external id
        that Stripe has not met keeps its clock for then.
        """
        await self._timekeeper.advance(customer, to)

    def hold_webhooks(self, customer: str) -> None:
        self._deliverer.hold(self._clocks.name(customer))

    async def release_webhooks(self, customer: str) -> None:
        self._deliverer.release(self._clocks.name(customer))

    async def webhooks_settled(self, customer: str, timeout: float) -> bool:  # noqa: ASYNC109 - part of the contract
        """Whether, within *timeout* seconds, no event of the customer waits for delivery any more."""
        return await self._deliverer.settled(self._clocks.name(customer), timeout)

    def set_faults(
        self,
        webhooks: Mapping[str, object] | None = None,
        stripe: Mapping[str, object] | None = None,
    ) -> None:
        """What goes wrong from now on; a mapping replaces all faults of its side, None leaves them.

        Raises:
            ValueError: a fault is unknown or its value cannot be.

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
        """How many calls were carried out and never answered."""
        return self._api.lost_answers

    def delivery_counts(self) -> Counter[str]:
        """How many events are pending, delivered, dropped and given up."""
        return Counter(dict(self._store.ask("SELECT state, count(*) FROM deliveries GROUP BY state")))
