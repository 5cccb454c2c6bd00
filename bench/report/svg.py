"""Plots as SVG: bars, and the spread of values. Each has a background of its own, and is legible on any page."""

import math
from collections.abc import Callable, Iterator, Sequence
from html import escape

from bench.results import Bars, Shares

WIDTH, LEFT, RIGHT = 640, 190, 100
TOP, ROW, BOTTOM = 44, 26, 14
PLOT_LEFT, PLOT_RIGHT, PLOT_HEIGHT, LEGEND = 56, 24, 200, 20
COLORS = 5
STYLE = """
  .card { fill: #ffffff; stroke: #d0d7de } .grid { stroke: #d0d7de } .line { fill: none; stroke-width: 2 }
  text { font: 13px system-ui, -apple-system, "Segoe UI", Roboto, Helvetica, Arial, sans-serif; fill: #1f2328 }
  .title { font-size: 15px; font-weight: 600 } .soft { fill: #59636e }
  .f0 { fill: #0969da } .f1 { fill: #bf6a02 } .f2 { fill: #1a7f37 } .f3 { fill: #8250df } .f4 { fill: #6e7781 }
  .s0 { stroke: #0969da } .s1 { stroke: #bf6a02 } .s2 { stroke: #1a7f37 } .s3 { stroke: #8250df }
  .s4 { stroke: #6e7781 }
  @media (prefers-color-scheme: dark) {
    .card { fill: #151b23; stroke: #3d444d } .grid { stroke: #3d444d } text { fill: #f0f6fc } .soft { fill: #9ea7b3 }
    .f0 { fill: #58a6ff } .f1 { fill: #e3a03c } .f2 { fill: #3fb950 } .f3 { fill: #bc8cff } .f4 { fill: #8b949e }
    .s0 { stroke: #58a6ff } .s1 { stroke: #e3a03c } .s2 { stroke: #3fb950 } .s3 { stroke: #bc8cff }
    .s4 { stroke: #8b949e }
  }
"""


def drawn_bars(plot: Bars) -> str:
    """A bar for each name, with its value behind it."""
    largest = max((value for _, value in plot.bars), default=0.0) or 1.0
    room = WIDTH - LEFT - RIGHT
    parts = []
    for place, (name, value) in enumerate(plot.bars):
        y, length = TOP + place * ROW, max(value / largest * room, 1.0)
        parts += [
            f'<text x="{LEFT - 8}" y="{y + 15}" text-anchor="end">{escape(name)}</text>',
            f'<rect class="f{place % COLORS}" x="{LEFT}" y="{y + 3}" width="{length:.1f}" height="16"/>',
            f'<text class="soft" x="{LEFT + length + 6:.1f}" y="{y + 15}">{shown(value)} {escape(plot.unit)}</text>',
        ]
    said = "; ".join(f"{name}: {shown(value)} {plot.unit}" for name, value in plot.bars)
    return _picture(plot.title, said, TOP + ROW * len(plot.bars) + BOTTOM, parts)


def drawn_shares(plot: Shares) -> str:
    """For each name a line: which share of the values (upwards) is no larger than so much (a logarithmic scale)."""
    values = [value for _, each in plot.values for value in each if value > 0]
    low, high = _decades(values)
    bottom = TOP + PLOT_HEIGHT
    legend_at = bottom + 40

    def x_of(value: float) -> float:
        place = (math.log10(max(value, 10.0**low)) - low) / (high - low)
        return PLOT_LEFT + place * (WIDTH - PLOT_LEFT - PLOT_RIGHT)

    parts = [*_grid(plot.unit, low, high, x_of)]
    for place, (name, each) in enumerate(plot.values):
        points = " ".join(f"{x_of(value):.1f},{y:.1f}" for value, y in _steps(sorted(each), bottom))
        parts += [f'<polyline class="line s{place % COLORS}" points="{points}"/>'] if points else []
        y = legend_at + place * LEGEND
        parts += [
            f'<rect class="f{place % COLORS}" x="{PLOT_LEFT}" y="{y - 9}" width="12" height="12"/>',
            f'<text x="{PLOT_LEFT + 20}" y="{y + 2}">{escape(name)}</text>',
        ]
    said = "; ".join(f"{name}: half within {_middle(each)} {plot.unit}" for name, each in plot.values)
    return _picture(plot.title, said, legend_at + LEGEND * len(plot.values) + BOTTOM, parts)


def shown(value: float) -> str:
    """Three digits at least, and no more behind the point than they take."""
    if abs(value) >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.3g}"


def _middle(values: Sequence[float]) -> str:
    return shown(sorted(values)[len(values) // 2]) if values else "-"


def _decades(values: Sequence[float]) -> tuple[int, int]:
    if not values:
        return 0, 1
    low = math.floor(math.log10(min(values)))
    return low, max(math.ceil(math.log10(max(values))), low + 1)


def _steps(ordered: Sequence[float], bottom: float) -> Iterator[tuple[float, float]]:
    for place, value in enumerate(ordered):
        yield value, bottom - PLOT_HEIGHT * (place + 1) / len(ordered)


def _grid(unit: str, low: int, high: int, x_of: Callable[[float], float]) -> Iterator[str]:
    bottom = TOP + PLOT_HEIGHT
    for share in (0, 50, 100):
        y = bottom - PLOT_HEIGHT * share / 100
        yield f'<line class="grid" x1="{PLOT_LEFT}" x2="{WIDTH - PLOT_RIGHT}" y1="{y}" y2="{y}"/>'
        yield f'<text class="soft" x="{PLOT_LEFT - 8}" y="{y + 4}" text-anchor="end">{share} %</text>'
    for decade in range(low, high + 1):
        x = x_of(10.0**decade)
        yield f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{bottom}"/>'
        label = f"{10.0**decade:g} {escape(unit)}"
        yield f'<text class="soft" x="{x:.1f}" y="{bottom + 18}" text-anchor="middle">{label}</text>'


def _picture(title: str, said: str, height: int, parts: Sequence[str]) -> str:
    size = f'viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-labelledby="title description">',
        f'<title id="title">{escape(title)}</title>',
        f'<desc id="description">{escape(said)}</desc>',
        f"<style>{STYLE}</style>",
        f'<rect class="card" x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1}" rx="10"/>',
        f'<text class="title" x="20" y="27">{escape(title)}</text>',
        *parts,
        "</svg>",
    ]
    return "\n".join(lines) + "\n"
