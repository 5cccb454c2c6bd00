"""Bars: parts stacked upwards, and what is lost downwards; and bars of a share."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from api.web.charts.axis import Number, axis_of, is_known
from api.web.charts.frame import KINDS, Chart, Frame, Series, drawn, kind
from api.web.charts.svg import element, rectangle

_WIDEST_BAR = 44.0
_FILLED = 0.7
"""Of the place of a label."""
_NAMED = 100
"""Up to this many parts, each says its figure. More are one shape for each series, so that pages stay small."""
_HATCHES = (
    (),
    ("M0 8 8 0",),
    ("M0 0 8 8",),
    ("M0 4H8",),
    ("M4 0V8",),
    ("M0 8 8 0", "M0 0 8 8"),
    ("M0 2H8", "M0 6H8"),
    ("M0 4H8", "M4 0V8"),
)


def stacked_bars(chart: Chart) -> Markup:
    """Returns a bar for each label: what is above zero stacked upwards, what is below zero downwards, in order."""
    stacks = [list(_stack(chart.series, number)) for number in range(len(chart.labels))]
    frame = Frame.of(chart, axis_of(end for stack in stacks for _, start, end in stack for end in (start, end)))
    patterns = [_pattern(chart, number) for number in range(min(KINDS, len(chart.series)))]
    return drawn(chart, frame, _bars(chart, frame, stacks), lambda number: _swatch(chart, number), patterns)


def _swatch(chart: Chart, number: int) -> Markup:
    return element("rect", x=0.5, y=0.5, width=27, height=13, fill=_fill(chart, number), class_=f"bar {kind(number)}")


def _fill(chart: Chart, number: int) -> str:
    """What a series is filled with: a pattern of its own, so that colour is not needed to tell it apart."""
    return f"url(#{chart.id}-{number % KINDS})"


def _stack(series: Sequence[Series], number: int) -> Iterator[tuple[int, Number, Number]]:
    """The parts of one bar: which series, from where to where."""
    up: Number = 0
    down: Number = 0
    for which, each in enumerate(series):
        value = each.values[number] if number < len(each.values) else None
        if not is_known(value) or not value:
            continue
        if value > 0:
            yield which, up, up + value
            up += value
        else:
            yield which, down, down + value
            down += value


def _bars(chart: Chart, frame: Frame, stacks: Sequence[Sequence[tuple[int, Number, Number]]]) -> Iterator[Markup]:
    width = min(_WIDEST_BAR, frame.slot * _FILLED)
    if sum(map(len, stacks)) > _NAMED:
        yield from _shapes(chart, frame, stacks, width)
        return
    for number, stack in enumerate(stacks):
        for which, start, end in stack:
            top, bottom = sorted((frame.y(start), frame.y(end)))
            said = f"{chart.labels[number]}, {chart.series[which].name}: {chart.show(end - start)}"
            yield element(
                "rect",
                element("title", said),
                x=frame.x(number) - width / 2,
                y=top,
                width=width,
                height=bottom - top,
                fill=_fill(chart, which),
                class_=f"bar {kind(which)}",
            )


def _shapes(
    chart: Chart, frame: Frame, stacks: Sequence[Sequence[tuple[int, Number, Number]]], width: float
) -> Iterator[Markup]:
    shapes: dict[int, str] = {}
    for number, stack in enumerate(stacks):
        for which, start, end in stack:
            corner, height = (frame.x(number) - width / 2, frame.y(start)), frame.y(end) - frame.y(start)
            shapes[which] = shapes.get(which, "") + rectangle(corner, width, height)
    for which, shape in sorted(shapes.items()):
        yield element("path", d=shape, fill=_fill(chart, which), class_=f"bar {kind(which)}")


def _pattern(chart: Chart, number: int) -> Markup:
    return element(
        "pattern",
        element("rect", width=8, height=8, class_=f"ground {kind(number)}"),
        *(element("path", d=path, class_="hatch") for path in _HATCHES[number % KINDS]),
        id=f"{chart.id}-{number % KINDS}",
        width=8,
        height=8,
        patternUnits="userSpaceOnUse",
    )


@dataclass(frozen=True)
class Share:
    """One bar of a share."""

    label: str
    share: float | None
    """From 0 to 1; what is beyond is drawn as all of it. None: there is nothing to have a share of."""
    text: str
    """How the share is written."""


_ROW, _BAR = 40.0, 14.0
_SHARES_WIDTH = 360.0


def share_bars(
    id_: str, title: str, description: str, shares: Sequence[Share], empty: str = "No figures yet"
) -> Markup:
    """Returns a horizontal bar for each share, named and with its figure beside it."""
    height = max(1, len(shares)) * _ROW
    content = [part for number, each in enumerate(shares) for part in _share(each, number * _ROW)]
    if not shares:
        content = [element("text", empty, x=_SHARES_WIDTH / 2, y=_ROW / 2, text_anchor="middle", class_="label")]
    svg = element(
        "svg",
        element("title", title, id=f"{id_}-title"),
        element("desc", description, id=f"{id_}-text"),
        *content,
        viewBox=f"0 0 {_SHARES_WIDTH:g} {height:g}",
        role="img",
        aria_labelledby=f"{id_}-title {id_}-text",
    )
    return element("figure", svg, class_="chart shares")


def _share(each: Share, top: float) -> Iterator[Markup]:
    part = max(0.0, min(1.0, float(each.share))) if is_known(each.share) else 0.0
    yield element("text", each.label, x=0, y=top + 14, class_="label")
    yield element("text", each.text, x=_SHARES_WIDTH, y=top + 14, text_anchor="end", class_="value")
    yield element("rect", x=0.5, y=top + 20, width=_SHARES_WIDTH - 1, height=_BAR, class_="track")
    if part:
        yield element("rect", x=0.5, y=top + 20, width=part * (_SHARES_WIDTH - 1), height=_BAR, class_="part")
