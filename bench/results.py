"""What a figure hands to the report beside the text that it prints."""

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Comparison:
    """A figure of Tenure's beside another one of the same run."""

    what: str
    ours: float
    other: float
    beside: str
    """What the other one is of: a floor that does nothing, a peer, or a bar that is to be kept."""
    unit: str = ""
    bar: float | None = 1.0
    """The ratio (ours / other) beyond which Tenure is behind; None: none, as beside a floor that does nothing."""
    higher_is_better: bool = False

    @property
    def ratio(self) -> float:
        return self.ours / self.other if self.other else float("inf") if self.ours else 1.0

    @property
    def is_behind(self) -> bool:
        if self.bar is None:
            return False
        return self.ratio < self.bar if self.higher_is_better else self.ratio > self.bar


@dataclass(frozen=True)
class Bars:
    """A plot: a bar for each name."""

    title: str
    unit: str
    bars: Sequence[tuple[str, float]]


@dataclass(frozen=True)
class Shares:
    """A plot of how values spread: for each name the values, drawn as the share that is no larger."""

    title: str
    unit: str
    values: Sequence[tuple[str, Sequence[float]]]


@dataclass(frozen=True)
class Result:
    """What was measured."""

    text: str
    """As it is printed."""
    comparisons: Sequence[Comparison] = ()
    bars: Sequence[Bars] = ()
    shares: Sequence[Shares] = ()
    left_out: Sequence[str] = field(default=())
    """What Tenure, or a peer, does not do, in a sentence each."""
    failure: str = ""
    """What it must not be like: the command that prints it fails, and says this; the report goes on."""
