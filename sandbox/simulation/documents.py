"""Simulations as a JSON document, for programs."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from domain.money import Money
from sandbox.simulation.comparison import Row, differences
from sandbox.simulation.lines import Line
from sandbox.simulation.playing import Lived
from sandbox.simulation.scenario import Scenario
from sandbox.simulation.summary import Summary


def document(
    scenario: Scenario, price: Money, lives: Mapping[str, Lived], rows: Sequence[Row] | None = None
) -> dict[str, Any]:
    """The whole document: amounts in minor units, times in RFC 3339 (UTC), `differences` if two were compared."""
    told: dict[str, Any] = {
        "scenario": {**asdict(scenario), "price": {"amount": price.amount, "currency": price.currency}},
        "lives": [_life(label, lived) for label, lived in lives.items()],
    }
    if rows is not None:
        told["rows_that_differ"] = differences(rows)
        told["rows"] = [
            {"day": row.day, "mark": row.mark.strip(), "left": _line(row.left), "right": _line(row.right)}
            for row in rows
        ]
    return told


def _life(label: str, lived: Lived) -> dict[str, Any]:
    return {
        "policy": label,
        "started_at": _moment(lived.started_at),
        "ended_at": _moment(lived.ended_at),
        "timeline": [_line(line) for line in lived.lines],
        "summary": _figures(lived.summary),
        "next_actions": lived.next_actions,
    }


def _line(line: Line | None) -> dict[str, Any] | None:
    if line is None:
        return None
    return {"at": _moment(line.at), "day": line.day, "kind": line.kind, "text": line.text, **line.facts}


def _figures(summary: Summary) -> dict[str, Any]:
    return {**asdict(summary), "mails_sent": summary.mails_sent}


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
