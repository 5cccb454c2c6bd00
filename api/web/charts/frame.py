"""What charts with two axes share: the frame, its grid and labels, and the legend beneath."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from api.web.charts.axis import Axis, Number
from api.web.charts.svg import element

WIDTH, HEIGHT = 560.0, 260.0
TOP, RIGHT, BOTTOM = 12.0, 14.0, 26.0
LETTER = 6.6
"""How wide a character of a label is at most, at the size that charts.css gives it."""
WIDEST_LABEL = 150.0
MOST_LABELS = 8
KINDS = 8
"""As many series look different."""


@dataclass(frozen=True)
class Series:
    """One line, or one part of every bar."""

    name: str
    values: Sequence[Number | None]
    """As many as there are labels; None: there is no figure."""


@dataclass(frozen=True)
class Chart:
    """What a chart is of."""

    id: str
    """Unique on its page: letters, digits and hyphens."""
    title: str
    description: str
    """What it shows, for those who do not see it; a table beside it has the figures."""
    labels: Sequence[str]
    series: Sequence[Series]
    show: Callable[[Number], str] = str
    """How a figure is written."""
    empty: str = "No figures yet"


@dataclass(frozen=True)
class Frame:
    """Where things are drawn."""

    axis: Axis
    left: float
    slots: int

    @classmethod
    def of(cls, chart: Chart, axis: Axis) -> "Frame":
        widest = max(len(chart.show(tick)) for tick in axis.ticks)
        return cls(axis, min(WIDEST_LABEL, widest * LETTER) + 12, max(1, len(chart.labels)))

    @property
    def slot(self) -> float:
        """How wide the place of one label is."""
        return (WIDTH - self.left - RIGHT) / self.slots

    def x(self, number: int) -> float:
        """The middle of a label's place."""
        return self.left + (number + 0.5) * self.slot

    def y(self, value: Number) -> float:
        return TOP + (1 - self.axis.share(value)) * (HEIGHT - TOP - BOTTOM)


def drawn(
    chart: Chart,
    frame: Frame,
    marks: Iterable[Markup],
    swatch: Callable[[int], Markup],
    definitions: Sequence[Markup] = (),
) -> Markup:
    """Returns the figure: the chart, and if there are several series, a legend with the *swatch* of each."""
    title, text = f"{chart.id}-title", f"{chart.id}-text"
    svg = element(
        "svg",
        element("title", chart.title, id=title),
        element("desc", chart.description, id=text),
        *((element("defs", *definitions),) if definitions else ()),
        *(_grid(chart, frame) if chart.labels else (_nothing(chart),)),
        *marks,
        viewBox=f"0 0 {WIDTH:g} {HEIGHT:g}",
        role="img",
        aria_labelledby=f"{title} {text}",
    )
    return element("figure", svg, *_legend(chart, swatch), class_="chart")


def _grid(chart: Chart, frame: Frame) -> Iterable[Markup]:
    for tick in frame.axis.ticks:
        y = frame.y(tick)
        kind = "zero" if tick == 0 else "grid"
        yield element("line", x1=frame.left, x2=WIDTH - RIGHT, y1=y, y2=y, class_=kind)
        label = element("text", chart.show(tick), x=frame.left - 6, y=y + 4, text_anchor="end", class_="label")
        yield label
    every = -(-len(chart.labels) // MOST_LABELS)
    last = len(chart.labels) - 1
    for number, text in enumerate(chart.labels):
        # Counted from the newest one, which is always named.
        if (last - number) % every == 0:
            x = _within(frame.x(number), len(text) * LETTER / 2)
            yield element("text", text, x=x, y=HEIGHT - 8, text_anchor="middle", class_="label")


def _within(x: float, half: float) -> float:
    return max(half, min(WIDTH - half, x)) if half < WIDTH / 2 else WIDTH / 2


def _nothing(chart: Chart) -> Markup:
    return element("text", chart.empty, x=WIDTH / 2, y=HEIGHT / 2, text_anchor="middle", class_="label")


def _legend(chart: Chart, swatch: Callable[[int], Markup]) -> Iterable[Markup]:
    if len(chart.series) > 1:
        yield element(
            "ul",
            *(element("li", _framed(swatch(n)), " ", each.name) for n, each in enumerate(chart.series)),
            class_="legend",
        )


def _framed(swatch: Markup) -> Markup:
    return element("svg", swatch, viewBox="0 0 28 14", width=28, height=14, aria_hidden="true")


def kind(number: int) -> str:
    """Returns the class of a series: its colour."""
    return f"kind-{number % KINDS}"
