"""What goes wrong: each fault begins, has a group ask for something meanwhile, and is over when it returns."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sandbox.mailbox import MailFaults
from tests.chaos.clocks import clock_library
from tests.chaos.disk import small_disk
from tests.chaos.group import Group
from tests.harness.patience import until

SUBSCRIBE: Final = "/v1/subscriptions"
OUTAGE: Final = timedelta(hours=6)
BEFORE_CONVERSION: Final = timedelta(days=13, hours=22)
SHIFT: Final = 3600


@dataclass(frozen=True)
class Fault:
    """One line of the table."""

    name: str
    happen: Callable[[Group, float], Awaitable[None]]
    """Given the group, and for how many seconds a server stands still."""
    retried_within: timedelta = timedelta(seconds=1)
    """By the subscriptions' own clocks: how long after the fault everything has been tried again."""
    copies_mails: bool = False
    """It may keep from us that the mail server took a mail: it is sent again, and its copies are told by their id."""
    obstacle: Callable[[], str] = lambda: ""
    """Why it cannot be tried on this machine; empty: it can."""


# Of the worker, at each point of a charge


async def worker_killed_before_the_call(group: Group, _seconds: float) -> None:
    it = group.it
    with it.site.simulator.gates.one(SUBSCRIBE, is_done=False) as gate:
        group.ask()
        await until(lambda: gate.held >= group.size // 2)
        await it.worker.kill()
        gate.turn_away()
    await it.start_worker()


async def worker_killed_after_commit(group: Group, _seconds: float) -> None:
    it = group.it
    with it.site.simulator.gates.one(SUBSCRIBE, is_done=True) as gate:
        group.ask()
        await until(lambda: gate.held >= group.size // 2)
        await it.worker.kill()
    await it.start_worker()


async def worker_killed_before_the_record(group: Group, _seconds: float) -> None:
    it = group.it
    with it.site.simulator.gates.one(SUBSCRIBE, is_done=True) as gate:
        group.ask()
        await until(lambda: gate.held >= group.size // 2)
        async with it.journal_locked() as locked:
            gate.open()
            await until(locked.waiting)
            await it.worker.kill()
    await it.start_worker()


# Of each process, while money is taken


@asynccontextmanager
async def charging(group: Group) -> AsyncIterator[None]:
    """The block runs while the calls of the group's charges are at Stripe."""
    with group.it.site.simulator.gates.one(SUBSCRIBE, is_done=True) as gate:
        group.ask()
        await gate.reached()
        yield


async def api_killed(group: Group, _seconds: float) -> None:
    async with charging(group):
        await group.it.api.kill()
    await group.it.start_api()


async def temporal_killed(group: Group, _seconds: float) -> None:
    async with charging(group):
        await group.it.kill_temporal()


async def postgres_killed(group: Group, _seconds: float) -> None:
    async with charging(group):
        await group.it.kill_postgres()


async def worker_frozen(group: Group, seconds: float) -> None:
    """Another worker takes over, and the one that stood still goes on with what it had begun."""
    it = group.it
    async with charging(group):
        it.freeze(it.worker.pid)
    async with it.another_worker():
        await asyncio.sleep(seconds)
        it.thaw(it.worker.pid)
        await group.answered()


async def api_frozen(group: Group, seconds: float) -> None:
    await _frozen(group, group.it.api.pid, seconds)


async def temporal_frozen(group: Group, seconds: float) -> None:
    await _frozen(group, group.it.site.temporal.pid, seconds)


async def postgres_frozen(group: Group, seconds: float) -> None:
    await _frozen(group, group.it.site.postgres.pid, seconds)


async def _frozen(group: Group, pid: int, seconds: float) -> None:
    async with charging(group):
        group.it.freeze(pid)
    await asyncio.sleep(seconds)
    group.it.thaw(pid)


# Of the mail server


async def smtp_gone(group: Group, seconds: float) -> None:
    await group.it.site.mailbox.stop()
    group.ask()
    await group.answered()
    await asyncio.sleep(seconds / 4)
    await group.it.site.mailbox.start()


async def smtp_hangs(group: Group, seconds: float) -> None:
    await _with_mail_faults(group, MailFaults(slow_s=3600), seconds / 2)


async def smtp_refuses(group: Group, seconds: float) -> None:
    await _with_mail_faults(group, MailFaults(refuse=True), seconds / 4)


async def smtp_says_never(group: Group, seconds: float) -> None:
    """What the server will never take is not tried again, until an operator asks for it."""
    await _with_mail_faults(group, MailFaults(refuse=True, status=550), seconds / 4)
    caller = group.it.caller
    for mail in (await caller.get("/v1/mails", state="refused", limit=100)).json()["data"]:
        answer = await caller.post(f"/v1/mails/{mail['id']}/retry", {"reason": "the server takes mails again"})
        if not answer.is_success:
            raise RuntimeError(answer.text)


async def smtp_takes_and_dies(group: Group, seconds: float) -> None:
    await _with_mail_faults(group, MailFaults(lost_answer=True), seconds / 4)


async def _with_mail_faults(group: Group, faults: MailFaults, seconds: float) -> None:
    group.it.site.mailbox.faults = faults
    group.ask()
    await group.answered()
    await asyncio.sleep(seconds)
    group.it.site.mailbox.faults = MailFaults()


# Of Stripe


async def stripe_down(group: Group, _seconds: float) -> None:
    """All trials end while nothing can be charged."""
    simulator = group.it.site.simulator
    await group.wait_for_the_trials_end()
    await group.live(BEFORE_CONVERSION)
    simulator.set_faults(stripe={"error_rate": 1, "status": 503})
    await group.live(OUTAGE)
    simulator.set_faults(stripe={})


async def webhooks_lost(group: Group, _seconds: float) -> None:
    await _with_webhook_faults(group, drop=1)


async def webhooks_doubled(group: Group, _seconds: float) -> None:
    await _with_webhook_faults(group, duplicate=1)


async def webhooks_reordered(group: Group, _seconds: float) -> None:
    await _with_webhook_faults(group, reorder=1, delay_s=0.5)


async def _with_webhook_faults(group: Group, **faults: float) -> None:
    """For longer than a month: of the renewals in it nobody is told as it should be."""
    group.it.site.simulator.set_faults(webhooks=faults)
    group.ask()
    await group.answered()
    await group.renew()
    group.it.site.simulator.set_faults(webhooks={})


# Of the machine


async def disk_full(group: Group, seconds: float) -> None:
    it = group.it
    async with small_disk(it.site) as disk:
        await until(it.is_ready)
        disk.fill()
        group.ask()
        await asyncio.sleep(seconds / 4)
        disk.free()
        # Where the log itself found no room, the server has given up.
        await it.start_postgres_again()
        await group.answered()


async def worker_ahead(group: Group, _seconds: float) -> None:
    await _worker_shifted(group, SHIFT)


async def worker_behind(group: Group, _seconds: float) -> None:
    await _worker_shifted(group, -SHIFT)


async def _worker_shifted(group: Group, shift: int) -> None:
    it = group.it
    await it.stop_worker()
    await it.start_worker_by(shift)
    group.ask()
    await group.answered()
    await group.renew()
    await it.stop_worker()
    await it.start_worker()


async def api_ahead(group: Group, seconds: float) -> None:
    """What Stripe signs is too old for it, so that no webhook is taken meanwhile."""
    await _api_shifted(group, SHIFT, seconds)


async def api_behind(group: Group, seconds: float) -> None:
    await _api_shifted(group, -SHIFT, seconds)


async def _api_shifted(group: Group, shift: int, seconds: float) -> None:
    it = group.it
    await it.stop_api()
    await it.start_api_by(shift)
    group.ask()
    await group.answered()
    await asyncio.sleep(seconds / 4)
    await it.stop_api()
    await it.start_api()


async def nothing(group: Group, _seconds: float) -> None:
    """Nothing at all, to compare with."""
    group.ask()
    await group.answered()


def _needs_root() -> str:
    return "" if os.geteuid() == 0 else "a file system of its own can be mounted by root alone"


def _needs_compiler() -> str:
    return "" if clock_library() is not None else "no C compiler: a process cannot be given another clock"


LANES: Final = (
    (
        Fault("nothing", nothing),
        Fault("worker killed before it calls Stripe", worker_killed_before_the_call, copies_mails=True),
        Fault("worker killed after Stripe has committed", worker_killed_after_commit, copies_mails=True),
        Fault("worker killed before it records the charge", worker_killed_before_the_record, copies_mails=True),
        Fault("API killed", api_killed),
        Fault("Temporal killed", temporal_killed),
        Fault("PostgreSQL killed", postgres_killed, copies_mails=True),
    ),
    (Fault("Stripe down for 6 h", stripe_down, retried_within=timedelta(minutes=10)),),
    (
        Fault("worker frozen", worker_frozen, copies_mails=True),
        Fault("API frozen", api_frozen),
        Fault("webhooks lost for a month", webhooks_lost),
        Fault("webhooks doubled for a month", webhooks_doubled),
        Fault("webhooks reordered for a month", webhooks_reordered),
    ),
    (
        Fault("Temporal frozen", temporal_frozen),
        Fault("PostgreSQL frozen", postgres_frozen, copies_mails=True),
        Fault("PostgreSQL's disk full", disk_full, copies_mails=True, obstacle=_needs_root),
        Fault("clock of the worker 1 h ahead", worker_ahead, obstacle=_needs_compiler),
        Fault("clock of the worker 1 h behind", worker_behind, obstacle=_needs_compiler),
    ),
    (
        # It goes in the midst of what it is taking.
        Fault("SMTP gone", smtp_gone, copies_mails=True),
        Fault("SMTP hangs", smtp_hangs),
        Fault("SMTP says 451, try again later", smtp_refuses),
        Fault("SMTP says 550, never", smtp_says_never),
        Fault("SMTP takes mails and dies", smtp_takes_and_dies, copies_mails=True),
        Fault("clock of the API 1 h ahead", api_ahead, obstacle=_needs_compiler),
        Fault("clock of the API 1 h behind", api_behind, obstacle=_needs_compiler),
    ),
)
"""Faults that happen one after the other to one installation, and the installations, which run side by side."""
