"""The same life as others would build it, beside Tenure's: `python -m bench peers`.

In one run on one machine: as a plain Temporal workflow in the manner of the public samples, as rows of a table that a
loop polls, and as Tenure has it. The others' charges and mails do nothing; Tenure's go to the simulated Stripe and to a
mail server, whose work is not counted.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta

from bench.peers.life import STEPS, Lived
from bench.peers.measuring import late_steps, our_lives, plain_lives, polled_lives
from bench.production import Production, share
from bench.results import Bars, Comparison, Result, Shares
from bench.workers import worker_of

LIVES, STEPS_DUE = 16, 100
WINDOW = timedelta(seconds=60)
PLAIN, POLLED, OURS = "plain workflow", "polled table", "Tenure"
LEFT_OUT = (
    "Plain workflow: no retry ladder after a decline, no suspension, no plan changes, no pause.",
    "Plain workflow: mails and charges have no key; an activity that is tried again sends or charges again.",
    "Plain workflow: one run for all its life, whose history grows with each renewal; a change of its code breaks it.",
    "Plain workflow: nothing outside of Temporal knows it: no lists, no search, no revenue, no entitlements.",
    "Plain workflow and polled table: neither hears of Stripe, and neither is compared with it.",
    "Polled table: charged before it is written; a process that dies in between charges the whole batch again.",
    "Polled table: late by up to its interval; a step that fails holds back its batch.",
    "Lives a second are not of one kind: Tenure's are moved from boundary to boundary, and wait for all outside.",
)


async def measure(lives: int = LIVES) -> Result:
    """Live this many lives each way, then let steps fall due in real time in all of them at once."""
    async with (
        Production.running() as production,
        worker_of("bench.peers.plain", production.site.temporal.address) as worker_pid,
    ):
        lived = {
            PLAIN: await plain_lives(production, worker_pid, lives),
            POLLED: await polled_lives(production, lives),
            OURS: await our_lives(production, lives),
        }
        late = await late_steps(production, STEPS_DUE, WINDOW)
    return _result(lives, lived, late)


def _result(lives: int, lived: Mapping[str, Lived], late: Mapping[str, Sequence[float]]) -> Result:
    ours, plain, polled = lived[OURS], lived[PLAIN], lived[POLLED]
    comparisons = [
        Comparison("events of a life", ours.events, plain.events, PLAIN),
        Comparison("bytes of its histories", ours.size, plain.size, PLAIN, "B"),
        Comparison("billable actions of a life", ours.actions, plain.actions, PLAIN),
        Comparison("CPU of a life", ours.cpu_of_all, plain.cpu_of_all, PLAIN, "s"),
        Comparison("CPU of a life", ours.cpu_of_all, polled.cpu_of_all, POLLED, "s"),
        Comparison("SQL statements of a life", ours.statements, polled.statements, POLLED),
        Comparison("lives a second", 1 / ours.seconds, 1 / plain.seconds, PLAIN, higher_is_better=True),
        Comparison("lives a second", 1 / ours.seconds, 1 / polled.seconds, POLLED, higher_is_better=True),
        *(
            Comparison("lateness of a step, p99", share(late[OURS], 0.99), share(seconds, 0.99), name, "s")
            for name, seconds in late.items()
            if name != OURS
        ),
    ]
    return Result(
        "\n".join(_lines(lives, lived, late)),
        comparisons,
        bars=[Bars("CPU of a life", "s", [(name, each.cpu_of_all) for name, each in lived.items()])],
        shares=[
            Shares("From due until done", "s", [(name, [max(each, 0.001) for each in late[name]]) for name in late])
        ],
        left_out=LEFT_OUT,
    )


def _lines(lives: int, lived: Mapping[str, Lived], late: Mapping[str, Sequence[float]]) -> Iterator[str]:
    yield f"{lives} lives of {STEPS} steps each: sign-up, three reminders, conversion, twelve renewals"
    yield f"{'of one':<26}" + "".join(f"{name:>16}" for name in lived)
    for what, figures in (
        ("events", [f"{each.events:,.0f}" for each in lived.values()]),
        ("bytes of histories", [f"{each.size:,.0f}" for each in lived.values()]),
        ("billable actions", [f"{each.actions:,.0f}" for each in lived.values()]),
        ("SQL statements", [f"{each.statements:,.0f}" for each in lived.values()]),
        ("lives a second", [f"{1 / each.seconds:,.2f}" for each in lived.values()]),
        ("CPU, ms", [f"{each.cpu_of_all * 1000:,.0f}" for each in lived.values()]),
    ):
        yield f"{what:<26}" + "".join(f"{figure:>16}" for figure in figures)
    for process in dict.fromkeys(name for each in lived.values() for name in each.cpu):
        shown = [f"{each.cpu[process] * 1000:,.0f}" if process in each.cpu else "-" for each in lived.values()]
        yield f"{'    of it ' + process:<26}" + "".join(f"{figure:>16}" for figure in shown)
    yield ""
    yield f"{STEPS_DUE} steps of each that fall due within {WINDOW.total_seconds():.0f} s, all at once"
    yield f"{'milliseconds until done':<26}{'p50':>10}{'p99':>10}{'max':>10}"
    for name, seconds in late.items():
        shown = [f"{each * 1000:,.0f}" for each in (share(seconds, 0.5), share(seconds, 0.99), max(seconds))]
        yield f"{name:<26}" + "".join(f"{figure:>10}" for figure in shown)
