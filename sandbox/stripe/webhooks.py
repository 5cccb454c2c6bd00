"""Delivers events: signed, in order per customer, with retries until accepted."""

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import Sequence
from contextlib import suppress

import httpx

from sandbox.stripe.events import THIN, shown
from sandbox.stripe.faults import Faults
from sandbox.stripe.store import Store

FIRST_PAUSE, LONGEST_PAUSE = 0.2, 10.0
LOOKED_AT = 100
"""How many of a customer's pending events may be reordered."""
PATIENT_TRIES = 5
"""After this many refusals an event lets its customer's other events go first."""
TRIES = 25_000
"""With the longest pause this takes three days, after which Stripe gives up."""
ANSWER_WITHIN = 10


def signature(payload: str, secrets: Sequence[str], at: int) -> str:
    """Signed with every valid secret: several while one is being rolled."""
    signed = [hmac.new(each.encode(), f"{at}.{payload}".encode(), hashlib.sha256).hexdigest() for each in secrets]
    return f"t={at}," + ",".join(f"v1={each}" for each in signed)


def pause_after(tries: int) -> float:
    """Seconds until an event that was refused this often is sent again."""
    return min(FIRST_PAUSE * 2.0 ** min(tries - 1, 30), LONGEST_PAUSE)


class Deliverer:
    """One lane per customer; undelivered events stay in the store and survive a restart."""

    def __init__(self, store: Store, secret: str, faults: Faults) -> None:
        self._store = store
        self.secrets = [secret]
        self._faults = faults
        self._url: str | None = None
        self._client: httpx.AsyncClient | None = None
        self._lanes: dict[str, asyncio.Task[None]] = {}
        self._held: set[str] = set()
        self._progress = asyncio.Condition()
        self._news = asyncio.Event()
        self._arrivals: dict[str, asyncio.Event] = {}
        self._due: dict[str, float] = {}
        """When a delayed event is due; others are due at once."""

    @property
    def url(self) -> str | None:
        return self._url

    @url.setter
    def url(self, url: str | None) -> None:
        self._url = url
        self._kick_all()
        self.hurry()

    @property
    def is_busy(self) -> bool:
        return bool(self._lanes)

    async def start(self) -> None:
        if self._client is None:
            self._client = httpx.AsyncClient(timeout=ANSWER_WITHIN, trust_env=False)
            self._kick_all()

    async def stop(self) -> None:
        lanes = list(self._lanes.values())
        for lane in lanes:
            lane.cancel()
        await asyncio.gather(*lanes, return_exceptions=True)
        self._lanes.clear()
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    def hold(self, lane: str) -> None:
        self._held.add(lane)

    def release(self, lane: str) -> None:
        self._held.discard(lane)
        self.kick(lane)

    def take(self, lane: str) -> list[tuple[bytes, str]]:
        """Hand over the pending events of a lane, oldest first, as they would be sent: each body, and its signature."""
        taken = []
        for (reference,) in self._store.query(
            "SELECT event FROM deliveries WHERE state = 'pending' AND lane = ? ORDER BY seq", lane
        ):
            event = self._store.get(reference, "event")
            if event is not None:
                payload = json.dumps(shown(event))
                taken.append((payload.encode(), signature(payload, self.secrets, int(time.time()))))
            self._mark(reference, "delivered", 1)
        return taken

    def hurry(self) -> None:
        """Retry all waiting deliveries now: the endpoint may have recovered."""
        self._due.clear()
        self._news.set()
        self._news.clear()
        for arrival in self._arrivals.values():
            arrival.set()

    def kick(self, lane: str) -> None:
        """Deliver the pending events of this lane, unless that is in progress or on hold."""
        if self._client is None or self._url is None or lane in self._held:
            return
        if lane in self._lanes:
            # It may be waiting for a delayed event, which the new one overtakes.
            self._arrivals[lane].set()
            return
        self._arrivals[lane] = asyncio.Event()
        self._lanes[lane] = asyncio.create_task(self._work_off(lane))

    def _kick_all(self) -> None:
        for (lane,) in self._store.query("SELECT DISTINCT lane FROM deliveries WHERE state = 'pending'"):
            self.kick(lane)

    async def settled(self, lane: str, timeout: float) -> bool:  # noqa: ASYNC109 - of the caller's waiting
        async with self._progress:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._progress.wait_for(lambda: not self._waiting(lane)), timeout)
        return not self._waiting(lane)

    def _waiting(self, lane: str) -> list[tuple[str, int]]:
        rows = self._store.query(
            "SELECT event, attempts FROM deliveries WHERE state = 'pending' AND lane = ? "
            "ORDER BY attempts > ?, seq LIMIT ?",
            lane,
            PATIENT_TRIES,
            LOOKED_AT,
        )
        return [(event, attempts) for event, attempts in rows]

    async def _work_off(self, lane: str) -> None:
        arrival = self._arrivals[lane]
        try:
            while lane not in self._held and (waiting := self._waiting(lane)):
                event, attempts = self._chosen(waiting)
                late = self._due.get(event, 0.0) - time.monotonic()
                if late > 0:
                    arrival.clear()
                    with suppress(TimeoutError):
                        await asyncio.wait_for(arrival.wait(), late)
                    continue
                await self._deliver(event, attempts)
                async with self._progress:
                    self._progress.notify_all()
        finally:
            self._lanes.pop(lane, None)
            self._arrivals.pop(lane, None)
        self.kick(lane) if self._waiting(lane) else None

    def _chosen(self, waiting: list[tuple[str, int]]) -> tuple[str, int]:
        """The next event; if none is due yet, the first that will be."""
        now = time.monotonic()
        if self._faults.webhooks.delay_s:
            for event, _ in waiting:
                self._due.setdefault(event, now + self._faults.lateness())
        ready = [each for each in waiting if self._due.get(each[0], 0.0) <= now]
        if len(ready) > 1 and self._faults.happens(self._faults.webhooks.reorder):
            return self._faults.one_of(ready[1:])
        return ready[0] if ready else min(waiting, key=lambda each: self._due[each[0]])

    async def _deliver(self, event: str, attempts: int) -> None:
        faults = self._faults.webhooks
        if self._faults.happens(faults.drop):
            self._mark(event, "dropped", attempts)
            return
        if self._faults.happens(faults.refuse) and attempts + 1 < TRIES:
            self._mark(event, "pending", attempts + 1)
            # Unlike an event that the endpoint refuses, it lets those behind it go first.
            self._due[event] = time.monotonic() + pause_after(attempts + 1)
            return
        accepted = await self._send(event)
        if accepted and self._faults.happens(faults.duplicate):
            await self._send(event)
        if accepted:
            self._mark(event, "delivered", attempts + 1)
        elif attempts + 1 >= TRIES:
            self._mark(event, "failed", attempts + 1)
        else:
            self._mark(event, "pending", attempts + 1)
            await self._pause(pause_after(attempts + 1))

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._news.wait(), seconds)

    def _mark(self, event: str, state: str, attempts: int) -> None:
        if state != "pending":
            self._due.pop(event, None)
        self._store.execute("UPDATE deliveries SET state = ?, attempts = ? WHERE event = ?", state, attempts, event)

    async def _send(self, reference: str) -> bool:
        event = self._store.get(reference, "event") or self._store.get(reference, THIN)
        if event is None or self._client is None or self._url is None:
            return False
        payload = json.dumps(shown(event))
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "Stripe-Signature": signature(payload, self.secrets, int(time.time())),
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
        }
        try:
            answer = await self._client.post(self._url, content=payload, headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL):
            return False
        return answer.is_success
