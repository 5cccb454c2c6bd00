"""docs/benchmarks.md tells what was measured, and where Tenure is behind, whatever the figures are."""

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from bench.__main__ import _asked
from bench.registry import FIGURES, Figure, named
from bench.report import __main__ as measuring
from bench.report import page, records
from bench.report.records import POINTS, Record, result_of
from bench.results import Bars, Comparison, Result, Shares

RESULT = Result(
    "as it is printed",
    comparisons=[
        Comparison("events of a life", 240, 100, "plain workflow"),
        Comparison("lateness, p99", 0.2, 5, "objective", "s"),
        Comparison("consumes a second", 300, 1000, "bare UPDATE", bar=0.8, higher_is_better=True),
        Comparison("webhooks a second", 990, 1000, "bare endpoint", bar=0.95, higher_is_better=True),
    ],
    bars=[Bars("Events", "events", [("Tenure & co", 240.0), ("plain", 100.0), ("none", 0.0)])],
    shares=[Shares("Lateness", "s", [("steps", [0.01 * number for number in range(1000)]), ("nobody", [])])],
    left_out=["a plain workflow retries no charge"],
)
RECORD = Record(
    "lateness",
    "How late steps are",
    "python -m bench lateness",
    "2026-11-30 12:00 UTC",
    61.0,
    "abc",
    0.4,
    "2 x",
    RESULT,
)


def test_the_page_says_what_is_kept() -> None:
    kept = records.kept([figure.name for figure in FIGURES])

    assert page.PAGE.read_text(encoding="utf-8") == page.page(kept), "run `make docs`"
    shown = {file.name: file.read_text(encoding="utf-8") for file in page.PICTURES.glob(f"{page.PREFIX}*.svg")}
    assert shown == page.pictures(kept), "run `make docs`"


def test_what_misses_its_bar_is_told_first_by_how_far_it_does() -> None:
    written = page.page([RECORD])
    behind = written.partition("## Where Tenure is behind")[2].partition("\n## ")[0]

    rows = [line for line in behind.splitlines() if line.startswith("| [lateness]")]
    assert ["consumes" in rows[0], "events of a life" in rows[1], len(rows)] == [True, True, 2]


def test_a_report_that_is_nowhere_behind_says_so() -> None:
    record = replace(RECORD, result=replace(RESULT, comparisons=[RESULT.comparisons[1]]))

    assert "Nowhere in what was measured." in page.page([record])


def test_a_section_has_its_command_its_date_its_output_and_what_is_left_out() -> None:
    section = page.page([RECORD]).partition("## How late steps are")[2]

    for said in (RECORD.command, RECORD.at, "commit abc", "load 0.40", RESULT.text, *RESULT.left_out):
        assert said in section


def test_a_failure_is_told_in_its_section() -> None:
    record = replace(RECORD, result=replace(RESULT, failure="over the budget"))

    assert "over the budget" in page.page([record])
    assert "not as it must be" not in page.page([RECORD])


def test_plots_are_pictures_that_the_page_shows() -> None:
    drawn, written = page.pictures([RECORD]), page.page([RECORD])

    assert len(drawn) == 2
    for name, picture in drawn.items():
        assert ElementTree.fromstring(picture).tag.endswith("svg")  # noqa: S314 - our own
        assert f"(images/{name})" in written


def test_a_record_is_read_as_it_was_kept_with_fewer_points_of_a_distribution(tmp_path: Path) -> None:
    RECORD.keep(tmp_path)

    [read] = records.kept([], tmp_path)

    [kept, nobody] = read.result.shares[0].values
    assert (read.name, read.result.comparisons) == (RECORD.name, RESULT.comparisons)
    assert (len(kept[1]), kept[1][0], kept[1][-1], nobody[1]) == (POINTS, 0.0, 9.99, [])


def test_records_come_in_the_order_of_the_figures(tmp_path: Path) -> None:
    for name in ("steps", "consume", "gone"):
        replace(RECORD, name=name).keep(tmp_path)

    assert [each.name for each in records.kept(["consume", "steps"], tmp_path)] == ["consume", "steps", "gone"]


@pytest.fixture
def three_figures(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The second of three fails; nothing is written to the repository."""

    async def never() -> str:
        raise AssertionError("only its process measures it")

    figures = [Figure(name, name, never, is_reported=name != "unreported") for name in ("one", "two", "unreported")]
    monkeypatch.setattr(measuring, "FIGURES", figures)
    monkeypatch.setattr(
        measuring, "_measured", lambda figure, of: None if figure.name == "two" else replace(RECORD, name=figure.name)
    )
    monkeypatch.setattr(Record, "keep", lambda self, folder=tmp_path: (folder / self.name).touch())
    monkeypatch.setattr(page, "write", lambda _records: None)
    return tmp_path


def _written(folder: Path) -> Sequence[str]:
    return sorted(file.name for file in folder.iterdir())


def test_a_figure_that_fails_keeps_what_it_had_and_the_others_go_on(
    three_figures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert measuring.main([]) == 1

    assert _written(three_figures) == ["one"]
    assert "kept as they were: two" in capsys.readouterr().err


def test_only_the_figures_that_are_named_are_measured(three_figures: Path) -> None:
    assert measuring.main(["unreported"]) == 0

    assert _written(three_figures) == ["unreported"]


def test_an_unknown_figure_is_refused_before_anything_is_measured(three_figures: Path) -> None:
    assert measuring.main(["one", "three"]) == 1

    assert _written(three_figures) == []


def test_figures_are_asked_for_by_names_of_one_word_or_two_and_by_sizes() -> None:
    figures = measuring.asked(["growth", "rows", "5000", "lateness", "growth", "7", "history"])

    asked = [(figure.name, figure.size) for figure in figures]
    assert asked == [("growth rows", 5000), ("lateness", named("lateness").size), ("growth", 7), ("history", None)]


def test_a_size_for_what_has_none_is_refused() -> None:
    with pytest.raises(LookupError, match="no such figure: 5"):
        measuring.asked(["history", "5"])


def test_a_result_is_the_same_after_it_went_through_json() -> None:
    sent = json.dumps(asdict(RESULT))

    assert json.dumps(asdict(result_of(json.loads(sent)))) == sent


@pytest.mark.parametrize(
    ("words", "name", "sizes"),
    [
        (["storm", "20", "50"], "storm", [20, 50]),
        (["consume", "traces"], "consume traces", []),
        (["consume", "5"], None, [5]),
        (["storm", "0"], None, [0]),
        (["nothing"], None, []),
    ],
    ids=["sized", "two words", "not sized", "none of it", "unknown"],
)
def test_a_figure_is_asked_for_by_its_name_and_its_sizes(words: list[str], name: str | None, sizes: list[int]) -> None:
    figure, asked = _asked(words)

    assert (figure and figure.name, asked) == (name, sizes)


def test_every_figure_of_the_report_can_be_asked_for_as_its_section_says() -> None:
    for figure in FIGURES:
        assert named(figure.name) is figure
        assert figure.size is None or figure.is_sized
