"""`python -m tests.chaos`: lives through all faults; writes docs/reliability.md, status 1 if anything is wrong.

With words it plays the faults whose names contain one of them, and writes nothing.
"""

import argparse
import asyncio
import logging
import os
import sys
import time
from collections.abc import Sequence

import structlog
from temporalio.runtime import LoggingConfig, Runtime, TelemetryConfig, TelemetryFilter

from bench.outage import outlived
from tests.chaos import report
from tests.chaos.faults import LANES, Fault
from tests.chaos.group import Outcome
from tests.chaos.playing import Plan, played
from tests.harness.typed import Forker

LIVES, SECONDS, BOUNDARIES = 200, 60.0, 200


def main() -> int:
    asked = argparse.ArgumentParser(prog="python -m tests.chaos", description="Play lives through faults.")
    asked.add_argument("--lives", type=int, default=LIVES, help="of all faults together")
    asked.add_argument("--seconds", type=float, default=SECONDS, help="for which a server stands still")
    asked.add_argument("--boundaries", type=int, default=BOUNDARIES, help="that fall into the outage of six hours")
    asked.add_argument("faults", nargs="*", help="words of the names of those to try; then nothing is written")
    given = asked.parse_args()
    quiet = LoggingConfig(filter=TelemetryFilter(core_level="ERROR", other_level="ERROR"))
    Runtime.set_default(Runtime(telemetry=TelemetryConfig(logging=quiet)))
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    logging.basicConfig(level=logging.CRITICAL)
    lanes = [chosen for lane in LANES if (chosen := [fault for fault in lane if _is_meant(fault, given.faults)])]
    plan = Plan(_each(given.lives, lanes), given.seconds)
    if given.faults:
        return int(any(one.is_broken for one in asyncio.run(_some(lanes, plan))))
    return asyncio.run(_whole(lanes, plan, given.boundaries))


async def _some(lanes: Sequence[Sequence[Fault]], plan: Plan) -> list[Outcome]:
    async with Forker.at_work() as forker:
        return await played(lanes, plan, _tell, forker)


async def _whole(lanes: Sequence[Sequence[Fault]], plan: Plan, boundaries: int) -> int:
    """Everything, and the page."""
    load, began = os.getloadavg()[0], time.monotonic()
    async with Forker.at_work() as forker:
        outcomes, endured = await asyncio.gather(played(lanes, plan, _tell, forker), outlived(forker, boundaries))
    took = time.monotonic() - began
    report.PAGE.write_text(
        report.written(outcomes, plan, endured, report.Run(sys.argv[1:], load, took)), encoding="utf-8"
    )
    broken = [outcome.fault for outcome in outcomes if outcome.is_broken] + ["outage"] * endured.is_broken
    sys.stdout.write(f"{report.PAGE} written in {took / 60:.1f} min; wrong: {', '.join(broken) or 'nothing'}\n")
    return int(bool(broken))


def _is_meant(fault: Fault, words: Sequence[str]) -> bool:
    return not words or any(word.lower() in fault.name.lower() for word in words)


def _each(lives: int, lanes: Sequence[Sequence[Fault]]) -> int:
    """How many lives a group has: an even number, so that all together are at least so many."""
    of_group = -(-lives // sum(map(len, lanes)))
    return of_group + of_group % 2


def _tell(outcome: Outcome) -> None:
    sys.stdout.write("\n".join([report.line(outcome), *(f"    {wrong}" for wrong in outcome.wrong), ""]))
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
