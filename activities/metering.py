"""Telling the provider what was used beyond plans' limits: the activity that works through what waits."""

from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Protocol

from temporalio import activity

from activities.failures import as_temporal_failures
from domain.billed_use import BilledUse, Claimed, Trouble
from domain.errors import GatewayBusy, GatewayRefused, GatewayUnavailable, Haste
from domain.provider import Metering

TOGETHER = 100
WORK_FOR = 90.0
"""Seconds; what is left then is the next one's."""
IN_VAIN = 3
"""So many calls in a row that bring no answer end it: the provider is down."""


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

    def __init__(self, reports: Reports, metering: Metering) -> None:
        self._reports = reports
        self._metering = metering

    @activity.defn
    async def report_usage(self) -> Reported:
        """Tell the next uses, one by one. Idempotent: each has an identifier under which it is counted once."""
        with as_temporal_failures():
            waiting = await self._reports.claim(TOGETHER)
            is_last = len(waiting) < TOGETHER
            done, in_vain, stop_at = Reported(is_all=is_last), 0, monotonic() + WORK_FOR
            try:
                while waiting and in_vain < IN_VAIN and monotonic() < stop_at:
                    one = waiting.pop(0)
                    try:
                        came = await self._report(one)
                    except GatewayUnavailable as error:
                        if _was_not_heard(error):
                            waiting.insert(0, one)
                        raise
                    done += came
                    in_vain = in_vain + 1 if came.unanswered else 0
            finally:
                await self._reports.release([each.use for each in waiting if each.began_before is None])
            # What brought no answer is not tried in haste.
            return done + Reported(is_all=bool(done.unanswered) or (is_last and not waiting))

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


def _was_not_heard(error: GatewayUnavailable) -> bool:
    """Whether the provider has turned the call away for certain, so that nothing was begun by it."""
    if isinstance(error, GatewayBusy):
        return error.haste is Haste.RATE
    return error.code == "stripe_key"
