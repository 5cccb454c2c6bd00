"""Lines over time."""

from collections.abc import Iterator, Sequence

from markupsafe import Markup

from api.web.charts.axis import Number, axis_of, is_known
from api.web.charts.frame import KINDS, Chart, Frame, drawn, kind
from api.web.charts.svg import element, points

_DASHES = (None, "6 3", "2 3", "9 3 2 3", "1 4", "12 4", "6 2 2 2", "3 6")
"""A dash of its own for each line, so that colour is not needed to tell it apart."""
_MARKED = 40
"""Up to this many figures, each has a mark of its own."""
_RADIUS = 3.0


def line_chart(chart: Chart) -> Markup:
    """Returns a line for each series. Where there is no figure the line is interrupted; a single one is a dot."""
    frame = Frame.of(chart, axis_of(value for each in chart.series for value in each.values))
    return drawn(chart, frame, _lines(chart, frame), _swatch)


def _swatch(number: int) -> Markup:
    dash = _DASHES[number % KINDS]
    return element("line", x1=0, x2=28, y1=7, y2=7, stroke_dasharray=dash, class_=f"line {kind(number)}")


def _lines(chart: Chart, frame: Frame) -> Iterator[Markup]:
    for which, each in enumerate(chart.series):
        shown = list(enumerate(each.values[: len(chart.labels)]))
        for run in _runs(shown, frame):
            if len(run) > 1:
                dash = _DASHES[which % KINDS]
                yield element("polyline", points=points(run), stroke_dasharray=dash, class_=f"line {kind(which)}")
        known = [(number, value) for number, value in shown if is_known(value)]
        for number, value in known if len(known) <= _MARKED else known[-1:]:
            said = f"{chart.labels[number]}, {each.name}: {chart.show(value)}"
            x, y = frame.x(number), frame.y(value)
            yield element("circle", element("title", said), cx=x, cy=y, r=_RADIUS, class_=f"dot {kind(which)}")


def _runs(shown: Sequence[tuple[int, Number | None]], frame: Frame) -> Iterator[list[tuple[float, float]]]:
    """The places of figures that follow each other without a gap."""
    run: list[tuple[float, float]] = []
    for number, value in shown:
        if is_known(value):
            run.append((frame.x(number), frame.y(value)))
        else:
            yield run
            run = []
    yield run
