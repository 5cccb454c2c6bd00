"""Delivers events: signed, in each customer's order, again until they are accepted."""

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
PATIENT_TRIES = 5
"""An event that was refused more often lets the others of its customer go first."""
TRIES = 25_000
"""With the longest pause between them these take the three days after which Stripe gives up."""
ANSWER_WITHIN = 10


def signature(payload: str, secrets: Sequence[str], at: int) -> str:
    """Signed with every secret that is valid now: several while one is being rolled."""
    signed = [hmac.new(each.encode(), f"{at}.{payload}".encode(), hashlib.sha256).hexdigest() for each in secrets]
    return f"t={at}," + ",".join(f"v1={each}" for each in signed)


def pause_after(tries: int) -> float:
    """Seconds until an event that was refused so often is sent again."""
    return min(FIRST_PAUSE * 2.0 ** min(tries - 1, 30), LONGEST_PAUSE)


class Deliverer:
    """One lane per customer; what is undelivered waits in the store and survives a restart."""

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

    @property
    def url(self) -> str | None:
        return self._url

    @url.setter
    def url(self, url: str | None) -> None:
        self._url = url
        self._kick_all()
        self.hurry()

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

    def hurry(self) -> None:
        """Whoever waits before a delivery stops waiting: things may be better now."""
        self._news.set()
        self._news.clear()

    def kick(self, lane: str) -> None:
        """Work off what waits in this lane, unless that is being done, or must not be."""
        if self._client is None or self._url is None or lane in self._held or lane in self._lanes:
            return
        self._lanes[lane] = asyncio.create_task(self._work_off(lane))

    def _kick_all(self) -> None:
        for (lane,) in self._store.ask("SELECT DISTINCT lane FROM deliveries WHERE state = 'pending'"):
            self.kick(lane)

    async def settled(self, lane: str, timeout: float) -> bool:  # noqa: ASYNC109 - of the caller's waiting
        async with self._progress:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._progress.wait_for(lambda: not self._waiting(lane)), timeout)
        return not self._waiting(lane)

    def _waiting(self, lane: str) -> list[tuple[str, int]]:
        rows = self._store.ask(
            "SELECT event, attempts FROM deliveries WHERE state = 'pending' AND lane = ? "
            "ORDER BY attempts > ?, seq LIMIT 2",
            lane,
            PATIENT_TRIES,
        )
        return [(event, attempts) for event, attempts in rows]

    async def _work_off(self, lane: str) -> None:
        try:
            while lane not in self._held and (waiting := self._waiting(lane)):
                late = len(waiting) > 1 and self._faults.happens(self._faults.webhooks.reorder)
                await self._deliver(*waiting[1 if late else 0])
                async with self._progress:
                    self._progress.notify_all()
        finally:
            self._lanes.pop(lane, None)
        self.kick(lane) if self._waiting(lane) else None

    async def _deliver(self, event: str, attempts: int) -> None:
        faults = self._faults.webhooks
        if faults.delay_s:
            await self._pause(faults.delay_s)
        if self._faults.happens(faults.drop):
            self._mark(event, "dropped", attempts)
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
        self._store.tell("UPDATE deliveries SET state = ?, attempts = ? WHERE event = ?", state, attempts, event)

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
