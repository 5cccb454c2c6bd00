"""Lives as people read them."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from textwrap import wrap
from zoneinfo import ZoneInfo

from domain.money import Money, formatted
from sandbox.simulation.comparison import Mark, Row, differences
from sandbox.simulation.lines import Line
from sandbox.simulation.playing import Lived
from sandbox.simulation.scenario import Scenario
from sandbox.simulation.summary import Summary

UTC_NAME = "UTC"
DAY = "< 2026-01-01  day    0  "
WHEN = "%Y-%m-%d %H:%M"
NARROWEST = 24
"""Columns that a side of a comparison needs at least."""


def heading(scenario: Scenario, plan: str, price: Money) -> str:
    """What is played, in one line."""
    more = [f"{count} x {code}" for code, count in scenario.add_ons.items()]
    seats = f" x {scenario.quantity}" if scenario.quantity > 1 else ""
    card = f"card at sign-up: {', '.join(scenario.answers)}"
    if not scenario.signs_up_with_card:
        day = scenario.card_on_day
        card = "no card" if day is None else f"card on day {day}: {', '.join(scenario.answers)}"
    chosen = ", ".join([plan + seats, *more])
    return f"{chosen} at {formatted(price)} a {scenario.interval}; {card}; {scenario.months} months"


def timeline(lived: Lived, timezone: str | None) -> Iterator[str]:
    """One line for each thing that happened, dated in the customer's time zone."""
    zone = ZoneInfo(timezone or UTC_NAME)
    for line in lived.lines:
        yield f"{line.at.astimezone(zone):{WHEN}}  day {line.day:>4}  {line.kind:<6}  {line.text}"


def side_by_side(rows: Sequence[Row], labels: tuple[str, str], timezone: str | None, width: int) -> Iterator[str]:
    """Both lives in two columns, `width` wide in all; a row that differs has a mark in front."""
    zone = ZoneInfo(timezone or UTC_NAME)
    yield from _columns(f"{'':{len(DAY)}}", labels[0], labels[1], width)
    for row in rows:
        at = next(line.at for line in (row.left, row.right) if line is not None)
        front = f"{row.mark} {at.astimezone(zone):%Y-%m-%d}  day {row.day:>4}  "
        yield from _columns(front, _cell(row.left), _cell(row.right), width)


def _cell(line: Line | None) -> str:
    return f"{line.kind:<6}  {line.text}" if line else ""


def _columns(front: str, left: str, right: str, width: int) -> Iterator[str]:
    """*left* and *right* beside each other, wrapped; what goes on to a second line keeps the mark alone in front."""
    side = max((width - len(front)) // 2 - 1, NARROWEST)
    for number, (one, other) in enumerate(zip_longest(wrap(left, side), wrap(right, side), fillvalue="")):
        begins = front if number == 0 else f"{front[0]:<{len(front)}}"
        yield f"{begins}{one:<{side}}  {other}".rstrip()


def verdict(rows: Sequence[Row]) -> str:
    """How much differs, in words."""
    count = differences(rows)
    if not count:
        return "Nothing differs."
    left = sum(row.mark is Mark.ONLY_LEFT for row in rows)
    return f"{count} of {len(rows)} lines differ: {left} only on the left (<), {count - left} only on the right (>)."


def figures(summary: Summary) -> dict[str, str]:
    """A summary as label and words."""
    paid = summary.bills.get("paid", 0)
    reason = f" ({summary.reason})" if summary.reason else ""
    return {
        "final status": f"{summary.status}, access {summary.access}{reason}",
        "money taken": f"{_formatted(summary.taken, summary)} on {paid} bill{'' if paid == 1 else 's'}",
        "outstanding": _formatted(summary.outstanding, summary),
        "written off": _formatted(summary.written_off, summary),
        "charges": f"{summary.charges_paid} paid, {summary.charges_declined} declined",
        "mails": f"{summary.mails_sent}{_counted(summary.mails)}",
        "days without access": f"{summary.days_without_access:g}",
        "days with limited access": f"{summary.days_with_limited_access:g}",
    }


def _formatted(amount: int, summary: Summary) -> str:
    return formatted(Money(amount, summary.currency))


def _counted(mails: Mapping[str, int]) -> str:
    kinds = [f"{count} {occasion.replace('_', ' ')}" for occasion, count in mails.items()]
    return f" ({', '.join(kinds)})" if kinds else ""


def summary_of_one(lived: Lived) -> Iterator[str]:
    for label, text in figures(lived.summary).items():
        yield f"{label:<26}{text}"
    for due in lived.next_actions[:1]:
        yield f"{'next':<26}{due['action'].replace('_', ' ')} on {due['at'][:10]}: {due['why']}"


def summary_of_two(lives: tuple[Lived, Lived], labels: tuple[str, str], width: int) -> Iterator[str]:
    """Both summaries in two columns, marked where they differ."""
    left, right = (figures(lived.summary) for lived in lives)
    yield from _columns(f"{'':28}", labels[0], labels[1], width)
    for label in left:
        mark = " " if left[label] == right[label] else "*"
        yield from _columns(f"{mark} {label:<26}", left[label], right[label], width)
