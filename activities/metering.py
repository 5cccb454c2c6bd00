"""Reports billed overage to the provider."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from time import monotonic

from temporalio import activity

from activities.failures import as_temporal_failures
from domain.entitlements.ports import OverageReports
from domain.errors import GatewayBusy, GatewayRefused, GatewayUnavailable, Haste
from domain.provider.overage_usage import BilledUsage, ClaimedUsage, ReportProblem
from domain.provider.ports import Metering

BATCH_SIZE = 300
"""Usages per batch."""
CONCURRENCY = 20
"""The maximum number of concurrent calls, unless the provider allows fewer."""
TIME_BUDGET = 90.0
"""Seconds; the next run continues with the rest."""
MAX_UNANSWERED = 3
"""After this many unanswered calls in a row the provider counts as down, and the run ends."""

_Lane = tuple[str, str]
"""A customer and a meter event name, for which the provider accepts one call at a time."""


@dataclass(frozen=True)
class Reported:
    """The result of a run."""

    reported: int = 0
    set_aside: int = 0
    """Left for an operator."""
    unanswered: int = 0
    """Retried in the next run."""
    is_all: bool = True
    """False: more may wait that can be reported immediately."""

    def __add__(self, other: "Reported") -> "Reported":
        return Reported(
            self.reported + other.reported,
            self.set_aside + other.set_aside,
            self.unanswered + other.unanswered,
            other.is_all,
        )


class MeteringActivities:
    """The activities of billed overage; one per worker."""

    def __init__(self, reports: OverageReports, metering: Metering, *, at_once: int = CONCURRENCY) -> None:
        self._reports = reports
        self._metering = metering
        self._at_once = at_once

    @activity.defn(name="report_usage")
    async def report_usage(self) -> Reported:
        """Report the next usages concurrently. Idempotent: each has an identifier under which it counts once."""
        with as_temporal_failures():
            waiting = await self._reports.claim(BATCH_SIZE)
            is_last = len(waiting) < BATCH_SIZE
            batch = _Batch(waiting, self._report)
            try:
                # One call at a time until one is answered, to make few calls to a provider that is down.
                await batch.work(until_answered=True)
                await asyncio.gather(*(batch.work() for _ in range(self._at_once)))
            finally:
                await self._reports.release([each.use for each in batch.waiting if each.began_before is None])
            if batch.failure is not None:
                raise batch.failure
            # Unanswered reports are not retried immediately.
            is_all = batch.provider_is_down or (is_last and (bool(batch.done.unanswered) or not batch.waiting))
            return batch.done + Reported(is_all=is_all)

    async def _report(self, claimed: ClaimedUsage) -> Reported:
        use = claimed.use
        if not claimed.may_be_made_again:
            why = (
                f"its report began more than a day ago and its outcome is unknown: check whether the provider has "
                f"{use.counted_as} of {use.customer_ref} at {use.at:%Y-%m-%d %H:%M:%S}Z"
            )
            return await self._set_aside(use, ReportProblem.UNKNOWN, why)
        try:
            await self._metering.report_usage(use, key=claimed.call_key)
        except GatewayRefused as error:
            return await self._set_aside(use, ReportProblem.REFUSED, error.message)
        except GatewayUnavailable as error:
            if isinstance(error, GatewayBusy) or _was_not_processed(error):
                raise
            activity.logger.warning("no answer to a report of use", extra={"key": use.key, "why": error.message})
            return Reported(unanswered=1)
        await self._reports.mark_reported(use)
        return Reported(reported=1)

    async def _set_aside(self, use: BilledUsage, trouble: ReportProblem, why: str) -> Reported:
        await self._reports.set_aside(use, trouble, why)
        extra = {"key": use.key, "counted_as": use.counted_as, "trouble": trouble.value, "why": why}
        activity.logger.error("use is not billed until an operator has looked", extra=extra)
        return Reported(set_aside=1)


class _Batch:
    """Usages that were claimed together, processed by several concurrent workers."""

    def __init__(self, waiting: list[ClaimedUsage], report: Callable[[ClaimedUsage], Awaitable[Reported]]) -> None:
        self.waiting = waiting
        self.done = Reported()
        self.failure: Exception | None = None
        """Once set, no further report is started."""
        self._report = report
        self._under_way: set[_Lane] = set()
        self._unanswered_in_a_row = 0
        self._stop_at = monotonic() + TIME_BUDGET

    @property
    def provider_is_down(self) -> bool:
        return self._unanswered_in_a_row >= MAX_UNANSWERED

    async def work(self, *, until_answered: bool = False) -> None:
        """Report one usage after the other; several may run concurrently, each finishing what it started."""
        while (one := self._next()) is not None:
            lane = _lane(one)
            self._under_way.add(lane)
            try:
                result = await self._report(one)
            except Exception as error:  # noqa: BLE001 - raised once all workers have finished
                if _was_not_processed(error):
                    self.waiting.insert(0, one)
                self.failure = self.failure or error
                return
            finally:
                self._under_way.discard(lane)
            self.done += result
            self._unanswered_in_a_row = self._unanswered_in_a_row + 1 if result.unanswered else 0
            if until_answered and not result.unanswered:
                return

    def _next(self) -> ClaimedUsage | None:
        if self.failure is not None or self.provider_is_down or monotonic() >= self._stop_at:
            return None
        for number, one in enumerate(self.waiting):
            if _lane(one) not in self._under_way:
                return self.waiting.pop(number)
        return None


def _lane(claimed: ClaimedUsage) -> _Lane:
    return claimed.use.customer_ref, claimed.use.counted_as


def _was_not_processed(error: Exception) -> bool:
    """True if the provider certainly turned the call away, so that it did nothing."""
    if isinstance(error, GatewayBusy):
        return error.haste is Haste.RATE
    return isinstance(error, GatewayUnavailable) and error.code == "stripe_key"
