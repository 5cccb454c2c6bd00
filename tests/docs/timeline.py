"""Draws docs/timeline.svg, the picture in the README, from a simulated subscription.

    python -m tests.docs.timeline              draws the run kept in timeline.json
    python -m tests.docs.timeline run.json     keeps a new run first: the output of `tenure simulate` with OPTIONS

It is one narrow column, so that a phone shows it without shrinking the text, and has a background of its own, so that
it is legible on any page.
"""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby
from pathlib import Path
from typing import Any

PICTURE = Path(__file__).parents[2] / "docs" / "timeline.svg"
RUN = Path(__file__).with_name("timeline.json")
OPTIONS = (
    *("--plan", "starter", "--card", "ok,ok,insufficient_funds,insufficient_funds,ok"),
    *("--months", "4", "--cancel-on-day", "86", "--timezone", "Europe/London", "--json"),
)
KEPT = ("day", "kind", "status", "entry", "occasion", "outcome", "amount")

WIDTH, TOP, ROW, BOTTOM = 460, 76, 46, 14
BAR_X, TEXT_X, DAY_X = 84, 106, 66
MAILS: Mapping[str, str] = {
    "trial_started": "welcome",
    "trial_ending": "reminder",
    "converted": "thank you",
    "receipt": "receipt",
    "payment_failed": "payment failed",
    "cancellation_scheduled": "when access ends",
    "canceled": "goodbye",
}
STYLE = """
  .card { fill: #ffffff; stroke: #d0d7de } .title { font-size: 17px; font-weight: 600 }
  text { font-family: system-ui, -apple-system, "Segoe UI", Roboto, Helvetica, Arial, sans-serif; fill: #1f2328 }
  .what { font-size: 14.5px; font-weight: 600 } .mail, .day { font-size: 13px; fill: #59636e }
  .dot { fill: #ffffff; stroke-width: 3 } .failed { fill: #cf222e; stroke: #cf222e }
  .trialing { fill: #0969da; stroke: #0969da } .active { fill: #1a7f37; stroke: #1a7f37 }
  .past_due { fill: #bf6a02; stroke: #bf6a02 } .canceled { fill: #6e7781; stroke: #6e7781 }
  @media (prefers-color-scheme: dark) {
    .card { fill: #151b23; stroke: #3d444d } text { fill: #f0f6fc } .mail, .day { fill: #9ea7b3 }
    .trialing { fill: #58a6ff; stroke: #58a6ff } .active { fill: #3fb950; stroke: #3fb950 }
    .past_due { fill: #e3a03c; stroke: #e3a03c } .canceled { fill: #8b949e; stroke: #8b949e }
  }
"""


@dataclass(frozen=True)
class Moment:
    """What happened on one day, and the status after it."""

    day: int
    what: str
    mails: str
    status: str
    is_failure: bool


def kept(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The lines of a simulation's only timeline, without what is different in every run."""
    [life] = document["lives"]
    return [{name: line[name] for name in KEPT if name in line} for line in life["timeline"]]


def moments(lines: Sequence[Mapping[str, Any]]) -> Iterator[Moment]:
    status, paid_from = "", next(int(line["day"]) for line in lines if line.get("outcome") == "paid")
    for day, group in groupby(lines, key=lambda line: int(line["day"])):
        same_day = list(group)
        status = next((line["status"] for line in same_day if line["kind"] == "status"), status)
        mails = [MAILS[line["occasion"]] for line in same_day if line["kind"] == "mail"]
        charges = [line for line in same_day if line["kind"] == "charge"]
        is_failure = any(charge["outcome"] == "declined" for charge in charges)
        yield Moment(day, _what(same_day, charges, status, paid_from - day), _said(mails), status, is_failure)


def _what(lines: Sequence[Mapping[str, Any]], charges: Sequence[Mapping[str, Any]], status: str, left: int) -> str:
    entries = {line.get("entry") for line in lines}
    moved = any(line["kind"] == "status" for line in lines)
    for charge in charges:
        amount = f"${charge['amount'] / 100:.2f}"
        if charge["outcome"] == "declined":
            return f"{amount} declined: past due" if moved else f"Retry: {amount} declined again"
        if not moved:
            return f"{amount} paid: renewed"
        return f"{amount} paid: trial converted" if left == 0 else f"Retry: {amount} paid, active again"
    if "trial_started" in entries:
        return "Trial started"
    if "cancel_scheduled" in entries:
        return "Customer cancels at period end"
    return "Subscription ends" if status == "canceled" else f"{left} day{'s' * (left > 1)} left in the trial"


def _said(mails: Sequence[str]) -> str:
    return f"mail: {', '.join(mails)}" if mails else "no mail: the next retry comes first"


def drawn(lines: Sequence[Mapping[str, Any]]) -> str:
    """The picture."""
    rows = [*moments(lines)]
    height = TOP + ROW * len(rows) + BOTTOM
    size = f'viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-labelledby="title description">',
        '<title id="title">The timeline of a subscription</title>',
        f'<desc id="description">{escape("; ".join(f"day {row.day}: {row.what}" for row in rows))}</desc>',
        f"<style>{STYLE}</style>",
        f'<rect class="card" x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1}" rx="10"/>',
        '<text class="title" x="20" y="32">One subscription, start to end</text>',
        '<text class="mail" x="20" y="52">drawn from a run of tenure simulate, default policy</text>',
        *(part for row, (one, after) in enumerate(_pairs(rows)) for part in _row(row, one, after)),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _pairs(rows: Sequence[Moment]) -> Iterator[tuple[Moment, Moment | None]]:
    yield from zip(rows, [*rows[1:], None], strict=True)


def _row(number: int, one: Moment, after: Moment | None) -> Iterator[str]:
    y = TOP + ROW * number + 14
    if after is not None:
        yield f'<rect class="{one.status}" x="{BAR_X - 2}" y="{y}" width="4" height="{ROW}" stroke="none"/>'
    dot = "failed" if one.is_failure else one.status
    yield f'<circle class="{dot}" cx="{BAR_X}" cy="{y}" r="6"/>'
    yield f'<text class="day" x="{DAY_X}" y="{y + 5}" text-anchor="end">day {one.day}</text>'
    yield f'<text class="what" x="{TEXT_X}" y="{y + 5}">{escape(one.what)}</text>'
    yield f'<text class="mail" x="{TEXT_X}" y="{y + 23}">{escape(one.mails)}</text>'


def main(run: str | None = None) -> None:
    if run is not None:
        lines = kept(json.loads(Path(run).read_text(encoding="utf-8")))
        RUN.write_text("[\n" + ",\n".join(f"  {json.dumps(line)}" for line in lines) + "\n]\n", encoding="utf-8")
    PICTURE.write_text(drawn(json.loads(RUN.read_text(encoding="utf-8"))), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
