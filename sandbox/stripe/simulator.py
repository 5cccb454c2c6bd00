"""The simulator as the sandbox and the tests hold it."""

import asyncio
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from starlette.applications import Starlette
from starlette.routing import Route

from sandbox.stripe import checkout, disputes, pages, reversals
from sandbox.stripe.app import Api, CallRecord
from sandbox.stripe.cards import Bank
from sandbox.stripe.clock import Clocks
from sandbox.stripe.disputes import Turn
from sandbox.stripe.errors import StripeFailure
from sandbox.stripe.events import Events, shown
from sandbox.stripe.expand import STRIPES_DEEPEST
from sandbox.stripe.faults import ApiFaults, Faults, WebhookFaults
from sandbox.stripe.gates import Gates
from sandbox.stripe.passing_time import catch_up
from sandbox.stripe.payment_methods import change_expiry, default_of
from sandbox.stripe.store import Object, Store
from sandbox.stripe.webhooks import Deliverer
from sandbox.stripe.world import World

TICK = 1.0
"""Seconds between looks at what real time has made due."""

_log = logging.getLogger(__name__)


class StripeSimulator:
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
        self._ticker: asyncio.Task[None] | None = None
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
        if self._ticker is None:
            self._ticker = asyncio.create_task(self._tick())

    async def stop(self) -> None:
        self._api.stopping.set()
        if self._ticker is not None:
            self._ticker.cancel()
            with suppress(asyncio.CancelledError):
                await self._ticker
            self._ticker = None
        await self._deliverer.stop()

    def close(self) -> None:
        """Give the store back; the simulator is of no use afterwards."""
        self._store.close()

    async def _tick(self) -> None:
        while True:
            for customer in self._store.all_due():
                try:
                    await self._catch_up(customer)
                except Exception:  # noqa: BLE001 - whatever it is, only this customer is to suffer
                    # Undone, and tried again at the next look; the other customers' time goes on.
                    _log.exception("what is due for %s failed in the simulator", customer)
            await asyncio.sleep(TICK)

    async def _catch_up(self, stripe_id: str) -> None:
        busy = True
        while busy:
            busy = catch_up(self._world, stripe_id, self._clocks.now(stripe_id))
            await asyncio.sleep(0)

    def now(self, customer: str) -> datetime:
        return self._clocks.now(customer)

    def next_boundary(self, customer: str) -> datetime | None:
        """When the simulator itself does something next for this customer, by the customer's clock."""
        first = self._first_due(customer)
        return None if first is None else datetime.fromtimestamp(first[0], UTC)

    def _first_due(self, customer: str) -> tuple[int, str] | None:
        """(moment, Stripe id) of what is due first."""
        found = [(self._store.next_due(each), each) for each in self._clocks.stripe_ids(customer)]
        return min(((due[0], each) for due, each in found if due is not None), default=None)

    async def advance(self, customer: str, to: datetime) -> None:
        """Move the customer's clock forward to *to*, doing in order what becomes due on the way.

        A clock that is already later stays. An external id that Stripe has not met keeps its clock for then.
        """
        if to.tzinfo is None:
            raise ValueError("advance needs a time with a zone, such as datetime.now(UTC)")
        while (first := self._first_due(customer)) is not None and first[0] <= to.timestamp():
            moment, stripe_id = first
            with self._store.transaction():
                self._clocks.forward(customer, datetime.fromtimestamp(moment, UTC))
                catch_up(self._world, stripe_id, to)
            await asyncio.sleep(0)
        self._clocks.forward(customer, to)

    def hold_webhooks(self, customer: str) -> None:
        self._deliverer.hold(self._clocks.name(customer))

    async def release_webhooks(self, customer: str) -> None:
        self._deliverer.release(self._clocks.name(customer))

    async def webhooks_settled(self, customer: str, timeout: float) -> bool:  # noqa: ASYNC109 - part of the contract
        """Whether, within *timeout* seconds, no event of the customer waits for delivery any more."""
        return await self._deliverer.settled(self._clocks.name(customer), timeout)

    def set_card_answers(self, customer: str, answers: Sequence[str]) -> None:
        """How the card on file answers its next charges; the last answer stays.

        A customer who has no card yet, or has not been here yet, gets them for the first one.

        Raises:
            ValueError: an answer is neither `ok` nor a decline code of Stripe.

        """
        with self._store.transaction():
            self._world.bank.instruct(customer, self._card_on_file(customer), answers)

    def _known(self, customer: str) -> list[str]:
        """The Stripe ids of a customer that there is."""
        known = [each for each in self._clocks.stripe_ids(customer) if self._store.get(each, "customer") is not None]
        if not known:
            raise LookupError(
                f"Stripe knows no customer {customer!r}: give the external_id (or Stripe id) of one who has given a "
                "card or been sent to a checkout"
            )
        return known

    def _card_on_file(self, customer: str) -> str | None:
        for stripe_id in self._clocks.stripe_ids(customer):
            owner = self._store.get(stripe_id, "customer")
            if owner is None:
                continue
            running = [
                each
                for each in self._store.find("subscription", customer=stripe_id)
                if each["status"] not in ("canceled", "incomplete_expired")
            ]
            method = default_of(self._world, owner, running[0] if running else None)
            if method is not None:
                return str(method["id"])
        return None

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

    def dispute(self, customer: str, turn: str = Turn.OPENED) -> Object:
        """The customer's bank disputes the latest paid charge, or goes on with what it has begun (see `Turn`).

        Raises:
            LookupError: Stripe knows no such customer.
            ValueError: no charge of theirs can go back, no dispute can be closed, or there is no such turn.

        """
        with self._store.transaction():
            return shown(disputes.take(self._world, customer, self._known(customer), Turn(turn)))

    def refund(self, customer: str, amount: int | None = None) -> Object:
        """Somebody refunds the latest paid charge in Stripe's dashboard; all that is left of it, or *amount*.

        Raises:
            LookupError: Stripe knows no such customer.
            ValueError: no charge of theirs can go back, or not as much.

        """
        with self._store.transaction():
            charge = reversals.latest_paid_charge(self._world, customer, self._known(customer))
            left = charge["amount"] - charge["amount_refunded"]
            if amount is not None and not 0 < amount <= left:
                raise ValueError(f"{amount} cannot be refunded: {left} is left of the charge, in cents")
            return shown(reversals.refund_charge(self._world, charge, amount or left, {}))

    def set_card_expiry(self, customer: str, month: int, year: int, *, announced: bool) -> Object:
        """Give the card on file another date; with an event when it is *announced*, as an automatic update is.

        Raises:
            LookupError: Stripe knows no such customer.
            ValueError: they have no card on file.

        """
        with self._store.transaction():
            self._known(customer)
            card = self._card_on_file(customer)
            if card is None:
                raise ValueError(f"{customer!r} has no card on file")
            return shown(change_expiry(self._world, card, month, year, announced=announced))

    def complete_checkout(self, session_id: str, payment_method: str = "pm_card_visa") -> Object:
        """What a customer does on the checkout page; done twice it is done once.

        Raises:
            StripeFailure: the session is unknown or expired, or the bank declines the card.

        """
        refusal: StripeFailure | None = None
        with self._store.transaction():
            try:
                return shown(checkout.complete(self._world, session_id, payment_method))
            except StripeFailure as failure:
                if not failure.keeps:
                    raise
                refusal = failure
        raise refusal

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
