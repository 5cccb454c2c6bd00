"""Telling the provider what was used beyond plans' limits: the activity that works through what waits."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Protocol

from temporalio import activity

from activities.failures import as_temporal_failures
from domain.errors import GatewayBusy, GatewayRefused, GatewayUnavailable, Haste
from domain.provider.overage_use import BilledUse, Claimed, Trouble
from domain.provider.ports import Metering

TOGETHER = 300
AT_ONCE = 20
"""So many calls are under way at once, unless the provider allows fewer."""
WORK_FOR = 90.0
"""Seconds; what is left then is the next one's."""
IN_VAIN = 3
"""So many calls in a row that bring no answer end it: the provider is down."""

_Lane = tuple[str, str]
"""A customer and what is counted of theirs: of these the provider takes one call at a time."""


class Reports(Protocol):
    """Where it is kept what the provider was told."""

    async def claim(self, limit: int) -> list[Claimed]: ...

    async def release(self, uses: Sequence[BilledUse]) -> None: ...

    async def mark_reported(self, use: BilledUse) -> None: ...

    async def set_aside(self, use: BilledUse, trouble: Trouble, why: str) -> None: ...


@dataclass(frozen=True)
class Reported:
    """What came of telling what was used."""

    reported: int = 0
    set_aside: int = 0
    """Left to an operator."""
    unanswered: int = 0
    """Tried again the next time."""
    is_all: bool = True
    """False: more may wait that can be told at once."""

    def __add__(self, other: "Reported") -> "Reported":
        return Reported(
            self.reported + other.reported,
            self.set_aside + other.set_aside,
            self.unanswered + other.unanswered,
            other.is_all,
        )


class MeteringActivities:
    """The activities of billed use; one per worker."""

    def __init__(self, reports: Reports, metering: Metering, *, at_once: int = AT_ONCE) -> None:
        self._reports = reports
        self._metering = metering
        self._at_once = at_once

    @activity.defn(name="report_usage")
    async def report_usage(self) -> Reported:
        """Tell the next uses, many at once. Idempotent: each has an identifier under which it is counted once."""
        with as_temporal_failures():
            waiting = await self._reports.claim(TOGETHER)
            is_last = len(waiting) < TOGETHER
            batch = _Batch(waiting, self._report)
            try:
                # One alone, until one is answered: of a provider that is down as few as may be are asked.
                await batch.work(until_answered=True)
                await asyncio.gather(*(batch.work() for _ in range(self._at_once)))
            finally:
                await self._reports.release([each.use for each in batch.waiting if each.began_before is None])
            if batch.failure is not None:
                raise batch.failure
            # What brought no answer is not tried in haste.
            is_all = batch.is_in_vain or (is_last and (bool(batch.done.unanswered) or not batch.waiting))
            return batch.done + Reported(is_all=is_all)

    async def _report(self, claimed: Claimed) -> Reported:
        use = claimed.use
        if not claimed.may_be_made_again:
            why = (
                f"its report was begun more than a day ago and nobody knows whether it got through: look whether the "
                f"provider has {use.counted_as} of {use.customer_ref} at {use.at:%Y-%m-%d %H:%M:%S}Z"
            )
            return await self._set_aside(use, Trouble.UNKNOWN, why)
        try:
            await self._metering.report_use(use, key=claimed.call_key)
        except GatewayRefused as error:
            return await self._set_aside(use, Trouble.REFUSED, error.message)
        except GatewayUnavailable as error:
            if isinstance(error, GatewayBusy) or _was_not_heard(error):
                raise
            activity.logger.warning("no answer to a report of use", extra={"key": use.key, "why": error.message})
            return Reported(unanswered=1)
        await self._reports.mark_reported(use)
        return Reported(reported=1)

    async def _set_aside(self, use: BilledUse, trouble: Trouble, why: str) -> Reported:
        await self._reports.set_aside(use, trouble, why)
        told = {"key": use.key, "counted_as": use.counted_as, "trouble": trouble.value, "why": why}
        activity.logger.error("use is not billed until an operator has looked", extra=told)
        return Reported(set_aside=1)


class _Batch:
    """Uses that were claimed together, and several who work through them."""

    def __init__(self, waiting: list[Claimed], report: Callable[[Claimed], Awaitable[Reported]]) -> None:
        self.waiting = waiting
        self.done = Reported()
        self.failure: Exception | None = None
        """Nothing more is begun then."""
        self._report = report
        self._under_way: set[_Lane] = set()
        self._in_vain = 0
        self._stop_at = monotonic() + WORK_FOR

    @property
    def is_in_vain(self) -> bool:
        return self._in_vain >= IN_VAIN

    async def work(self, *, until_answered: bool = False) -> None:
        """Tell one after the other, whoever else does; what others have begun is brought to its end by them."""
        while (one := self._next()) is not None:
            lane = _lane(one)
            self._under_way.add(lane)
            try:
                came = await self._report(one)
            except Exception as error:  # noqa: BLE001 - raised when all have come to their end
                if _was_not_heard(error):
                    self.waiting.insert(0, one)
                self.failure = self.failure or error
                return
            finally:
                self._under_way.discard(lane)
            self.done += came
            self._in_vain = self._in_vain + 1 if came.unanswered else 0
            if until_answered and not came.unanswered:
                return

    def _next(self) -> Claimed | None:
        if self.failure is not None or self.is_in_vain or monotonic() >= self._stop_at:
            return None
        for number, one in enumerate(self.waiting):
            if _lane(one) not in self._under_way:
                return self.waiting.pop(number)
        return None


def _lane(claimed: Claimed) -> _Lane:
    return claimed.use.customer_ref, claimed.use.counted_as


def _was_not_heard(error: Exception) -> bool:
    """Whether the provider has turned the call away for certain, so that nothing was begun by it."""
    if isinstance(error, GatewayBusy):
        return error.haste is Haste.RATE
    return isinstance(error, GatewayUnavailable) and error.code == "stripe_key"
