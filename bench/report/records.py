"""What was measured, kept by figure as JSON: the page is written from it."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Self

from bench.results import Bars, Comparison, Result, Shares

FOLDER = Path(__file__).with_name("records")
POINTS = 200
"""This many values of a distribution are kept."""


@dataclass(frozen=True)
class Record:
    """One figure, and how it came about."""

    name: str
    what: str
    command: str
    at: str
    """When it began, in UTC."""
    seconds: float
    commit: str
    load: float
    """Of the machine, just before."""
    machine: str
    result: Result

    @classmethod
    def read(cls, file: Path) -> Self:
        kept = json.loads(file.read_text(encoding="utf-8"))
        return cls(**kept | {"result": result_of(kept["result"])})

    def keep(self, folder: Path = FOLDER) -> None:
        folder.mkdir(exist_ok=True)
        thinned = replace(self, result=replace(self.result, shares=[_thin(each) for each in self.result.shares]))
        (folder / f"{self.name.replace(' ', '_')}.json").write_text(json.dumps(asdict(thinned), indent=1) + "\n")


def kept(order: Sequence[str], folder: Path = FOLDER) -> list[Record]:
    """All that is kept, in this order of names; others last."""
    records = [Record.read(file) for file in sorted(folder.glob("*.json"))]
    places = {name: place for place, name in enumerate(order)}
    return sorted(records, key=lambda record: (places.get(record.name, len(places)), record.name))


def result_of(kept: dict[str, Any]) -> Result:
    """A result as `python -m bench NAME --result FILE` wrote it."""
    return Result(
        text=kept["text"],
        comparisons=[Comparison(**each) for each in kept["comparisons"]],
        bars=[
            Bars(each["title"], each["unit"], [(name, value) for name, value in each["bars"]]) for each in kept["bars"]
        ],
        shares=[
            Shares(each["title"], each["unit"], [(name, values) for name, values in each["values"]])
            for each in kept["shares"]
        ],
        left_out=kept["left_out"],
        failure=kept["failure"],
    )


def _thin(shares: Shares) -> Shares:
    return replace(shares, values=[(name, _spread(values)) for name, values in shares.values])


def _spread(values: Sequence[float]) -> list[float]:
    """As many values as are kept, spread evenly over all, the smallest and the largest among them."""
    ordered = sorted(values)
    if len(ordered) > POINTS:
        ordered = [ordered[round(place * (len(ordered) - 1) / (POINTS - 1))] for place in range(POINTS)]
    return [float(f"{value:.4g}") for value in ordered]
