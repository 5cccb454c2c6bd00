"""Charts: round axes, everything within the view box, no colour alone, and nothing that the pages' policy forbids."""

import re
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.web.charts.axis import Number, axis_of
from api.web.charts.bars import Share, share_bars, stacked_bars
from api.web.charts.cohorts import Cohort, CohortCell, cohort_grid
from api.web.charts.frame import Chart, Series
from api.web.charts.lines import line_chart

numbers = st.one_of(
    st.integers(-(10**15), 10**15), st.floats(-1e12, 1e12, allow_nan=False), st.sampled_from([0, 1, -1, 1e-6])
)
MONTHS = ["2026-01", "2026-02", "2026-03"]
CHART = Chart("mrr", "MRR", "By month", MONTHS, [Series("MRR", [1, 5, 3])])
NAMES = re.compile(
    "line|polyline|rect|circle|text|pattern|path|title|desc|defs|svg|figure|ul|li|table|caption|t[hrd]|thead|tbody|div|span"
)


def root_of(markup: str) -> ET.Element:
    return ET.fromstring(markup)  # noqa: S314 - made here


def places(root: ET.Element) -> Iterator[tuple[float, float]]:
    """The corners of everything that is drawn, without patterns and legends."""
    chart = next(root.iter("svg"))
    inner = {id(part) for defs in chart.iter("defs") for part in defs.iter()}
    for each in chart.iter():
        if id(each) in inner:
            continue
        at = {name: float(value) for name, value in each.attrib.items() if re.fullmatch(r"-?[\d.]+", value)}
        if each.tag == "rect":
            yield from ((at["x"], at["y"]), (at["x"] + at["width"], at["y"] + at["height"]))
        elif each.tag == "line":
            yield from ((at["x1"], at["y1"]), (at["x2"], at["y2"]))
        elif each.tag == "circle":
            yield from ((at["cx"] - at["r"], at["cy"] - at["r"]), (at["cx"] + at["r"], at["cy"] + at["r"]))
        elif each.tag == "text":
            yield at["x"], at["y"]
        elif each.tag == "polyline":
            for pair in each.attrib["points"].split():
                x, y = pair.split(",")
                yield float(x), float(y)


def assert_within(root: ET.Element) -> None:
    _, _, width, height = map(float, next(root.iter("svg")).attrib["viewBox"].split())
    for x, y in places(root):
        assert -0.01 <= x <= width + 0.01
        assert -0.01 <= y <= height + 0.01


# The axis


@given(st.lists(st.one_of(st.none(), numbers), max_size=30))
def test_an_axis_includes_zero_and_every_value_in_a_few_round_steps(values: list[Number | None]) -> None:
    axis = axis_of(values)

    known = [Fraction(value) for value in values if value is not None]
    assert axis.lowest <= min([*known, Fraction(0)]) <= max([*known, Fraction(0)]) <= axis.highest
    assert 0 in axis.ticks
    assert 2 <= len(axis.ticks) <= 8
    digits = axis.step
    while digits >= 10:
        digits /= 10
    while digits < 1:
        digits *= 10
    assert digits in (1, 2, 5)


@pytest.mark.parametrize(
    ("values", "ticks"),
    [
        ([0, 9], [0, 2, 4, 6, 8, 10]),
        ([1, 2], [0, 1, 2]),
        ([-3, 7], [-4, -2, 0, 2, 4, 6, 8]),
        ([100], [0, 20, 40, 60, 80, 100]),
        ([-5, -1], [-5, -4, -3, -2, -1, 0]),
        ([0.3], [0, Fraction(1, 10), Fraction(1, 5), Fraction(3, 10)]),
        ([], [0, 1]),
        ([0, None], [0, 1]),
        ([float("nan"), float("inf"), 4], [0, 1, 2, 3, 4]),
    ],
)
def test_the_steps_of_an_axis_are_those_that_people_count_in(values: list[Number | None], ticks: list[Number]) -> None:
    assert axis_of(values).ticks == ticks


# Lines and bars


@given(
    st.integers(0, 40).flatmap(
        lambda many: st.lists(st.lists(st.one_of(st.none(), numbers), min_size=many, max_size=many), max_size=9)
    )
)
def test_whatever_the_figures_everything_is_drawn_within_the_view_box(columns: list[list[Number | None]]) -> None:
    labels = [f"2026-{number:02}" for number in range(len(columns[0]) if columns else 0)]
    series = [Series(f"series {number}", values) for number, values in enumerate(columns)]
    for draw in (line_chart, stacked_bars):
        assert_within(root_of(draw(replace(CHART, labels=labels, series=series, show=lambda value: f"$ {value}"))))


def test_a_line_goes_up_with_its_figures_and_stops_where_there_are_none() -> None:
    root = root_of(line_chart(replace(CHART, labels=[*MONTHS, "2026-04"], series=[Series("MRR", [1, 5, None, 2])])))

    [line] = root.iter("polyline")
    (_, first), (_, second) = (pair.split(",") for pair in line.attrib["points"].split())
    assert float(second) < float(first)
    assert len(list(root.iter("circle"))) == 3


def test_a_single_figure_is_a_dot_and_none_is_said_in_words() -> None:
    one = root_of(line_chart(replace(CHART, labels=MONTHS[:1], series=[Series("MRR", [7])])))
    assert (len(list(one.iter("circle"))), list(one.iter("polyline"))) == (1, [])
    for draw in (line_chart, stacked_bars):
        none = root_of(draw(replace(CHART, labels=[], series=[], empty="Nothing yet")))
        assert [text.text for text in none.iter("text")] == ["Nothing yet"]


def test_what_is_lost_is_below_the_line_of_zero_and_parts_do_not_overlap() -> None:
    series = [Series("new", [30, 10, 0]), Series("churn", [-20, 0, -5]), Series("expansion", [5, None, 0])]
    root = root_of(stacked_bars(replace(CHART, series=series)))

    zero = next(float(line.attrib["y1"]) for line in root.iter("line") if line.attrib["class"] == "zero")
    bars = {
        bar[0].text: (float(bar.attrib["y"]), float(bar.attrib["y"]) + float(bar.attrib["height"]))
        for bar in next(root.iter("svg")).iter("rect")
        if len(bar)
    }
    assert set(bars) == {
        "2026-01, new: 30",
        "2026-01, churn: -20",
        "2026-01, expansion: 5",
        "2026-02, new: 10",
        "2026-03, churn: -5",
    }
    assert bars["2026-01, churn: -20"][0] == pytest.approx(zero, abs=0.02)
    assert bars["2026-01, new: 30"][1] == pytest.approx(zero, abs=0.02)
    assert bars["2026-01, expansion: 5"][1] == pytest.approx(bars["2026-01, new: 30"][0], abs=0.02)


def test_series_differ_without_colour_and_are_named() -> None:
    series = [Series(name, [1, 2, 3]) for name in "abcdefgh"]
    lines = root_of(line_chart(replace(CHART, series=series)))
    dashes = [line.attrib.get("stroke-dasharray") for line in lines.iter("polyline")]
    assert len(set(dashes)) == len(series)
    bars = root_of(stacked_bars(replace(CHART, series=series)))
    patterns = {
        pattern.attrib["id"]: [path.attrib["d"] for path in pattern.iter("path")] for pattern in bars.iter("pattern")
    }
    assert len({str(each) for each in patterns.values()}) == len(series)
    used = {bar.attrib["fill"] for bar in bars.iter("rect") if "fill" in bar.attrib}
    assert used == {f"url(#{name})" for name in patterns}
    for root in (lines, bars):
        assert ["".join(item.itertext()).strip() for item in root.iter("li")] == list("abcdefgh")


def test_of_many_labels_some_are_written_and_the_newest_always_is() -> None:
    labels = [f"2020-{number}" for number in range(60)]
    root = root_of(line_chart(replace(CHART, labels=labels, series=[Series("MRR", list(range(60)))])))
    written = [text.text for text in root.iter("text") if text.text in labels]
    assert len(written) <= 8
    assert written[-1] == labels[-1]


# Shares and cohorts


def test_a_share_is_as_long_as_it_is_and_never_longer_than_its_track() -> None:
    shares = [
        Share("Starter", 0.25, "25 %"),
        Share("Pro", 1.4, "140 %"),
        Share("None", None, "n/a"),
        Share("-", -1, "-"),
    ]
    root = root_of(share_bars("conversion", "Conversion", "By plan", shares))

    assert_within(root)
    widths = {
        kind: [float(r.attrib["width"]) for r in root.iter("rect") if r.attrib["class"] == kind]
        for kind in ("track", "part")
    }
    assert widths["part"] == [pytest.approx(0.25 * widths["track"][0]), widths["track"][0]]
    assert [text.text for text in root.iter("text")][:2] == ["Starter", "25 %"]
    assert_within(root_of(share_bars("none", "Nothing", "", [])))


def test_a_cohort_has_its_figures_in_words_and_a_month_that_is_not_over_says_so() -> None:
    cells = [CohortCell(1.0, "100 %"), CohortCell(0.52, "52 %"), CohortCell(0.4, "40 %", is_unfinished=True)]
    rows = [Cohort("2026-01", "25", cells), Cohort("2026-02", "3", [CohortCell(None, "n/a"), CohortCell(3.5, "350 %")])]
    root = root_of(cohort_grid("Customers kept", ["Month", "Customers", "0", "1", "2"], rows))

    first, second = (
        [("".join(cell.itertext()), cell.attrib.get("class")) for cell in row]
        for row in root.iter("tr")
        if row[0].attrib.get("scope") == "row"
    )
    assert first == [
        ("2026-01", None),
        ("25", None),
        ("100 %", "shade-10"),
        ("52 %", "shade-5"),
        ("40 % so far", "shade-4 unfinished"),
    ]
    assert second[2:] == [("n/a", "shade-0"), ("350 %", "shade-10"), ("", None)]
    empty = root_of(cohort_grid("Customers kept", ["Month", "Customers"], [], empty="Nobody yet"))
    assert "".join(empty.itertext()).endswith("Nobody yet")


# What the policy of the pages allows


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff")))
def test_no_text_becomes_markup_and_nothing_needs_styles_or_scripts(text: str) -> None:
    nasty = f'{text}</text><script>alert("x")</script>'
    chart = Chart("c", nasty, nasty, [nasty], [Series(nasty, [3]), Series("b", [-2])], lambda _: nasty, nasty)
    grid = cohort_grid(nasty, [nasty, nasty, nasty], [Cohort(nasty, nasty, [CohortCell(1, nasty, is_unfinished=True)])])
    for markup in (
        line_chart(chart),
        stacked_bars(chart),
        share_bars("s", nasty, nasty, [Share(nasty, 0.5, nasty)]),
        grid,
    ):
        for each in root_of(markup).iter():
            assert NAMES.fullmatch(each.tag), each.tag
            assert not [name for name in each.attrib if name == "style" or name.startswith("on") or "href" in name]


def test_a_chart_says_what_it_is_to_those_who_do_not_see_it() -> None:
    for draw in (line_chart, stacked_bars):
        svg = next(root_of(draw(CHART)).iter("svg"))
        named = {each.attrib["id"]: each.text for each in svg if "id" in each.attrib}
        assert [named[each] for each in svg.attrib["aria-labelledby"].split()] == ["MRR", "By month"]
        assert svg.attrib["role"] == "img"


def test_many_bars_are_one_shape_for_each_series_so_that_pages_stay_small() -> None:
    days = [f"2026-03-{day:02}" for day in range(1, 32)]
    kinds = [
        Series(f"kind {number}", [sign * (day + 1) for day in range(31)]) for number, sign in enumerate((1, 2, -1, -3))
    ]
    drawn = stacked_bars(replace(CHART, labels=days, series=kinds))

    root = root_of(drawn)
    assert_within(root)
    shapes = [path.attrib["d"] for path in root.iter("path") if "bar" in path.attrib.get("class", "")]
    assert [shape.count("M") for shape in shapes] == [31] * 4
    assert len(drawn) < 12_000
