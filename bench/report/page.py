"""docs/benchmarks.md and its plots, from what is kept: `python -m bench.report.page`."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from bench.registry import FIGURES
from bench.report.machine import ROOT
from bench.report.records import Record, kept
from bench.report.svg import drawn_bars, drawn_shares, shown
from bench.results import Comparison

PAGE = ROOT / "docs" / "benchmarks.md"
PICTURES = ROOT / "docs" / "images"
PREFIX = "bench-"
INTRODUCTION = """\
# Benchmarks

What Tenure costs and how fast it is, beside a floor, a peer or a bar of the same run on the same machine: ratios hold
elsewhere, times do not. `make bench` measures and writes this page; nothing in it is typed in.
`make bench ARGS="lateness peers"` renews these two and keeps the others, each with its own date, commit and load.
`python -m bench NAME` prints one; [CONTRIBUTING.md](../CONTRIBUTING.md#figures) lists all.
"""
HEAD = ("| | Tenure | beside it | ratio | bar |", "|---|--:|--:|--:|--:|")
BEHIND_HEAD = ("| figure | | Tenure | beside it | ratio | bar |", "|---|---|--:|--:|--:|--:|")


def page(records: Sequence[Record]) -> str:
    """The page."""
    parts = [INTRODUCTION]
    parts += [f"Machine: {machine}.\n" for machine in dict.fromkeys(record.machine for record in records)]
    parts += ["## Where Tenure is behind\n", *_behind(records)]
    for record in records:
        parts += [*_section(record)]
    return "\n".join(parts)


def pictures(records: Sequence[Record]) -> Mapping[str, str]:
    """Every plot by the name of its file."""
    drawn: dict[str, str] = {}
    for record in records:
        result = record.result
        plots = [*map(drawn_bars, result.bars), *map(drawn_shares, result.shares)]
        drawn |= {_picture(record, place): plot for place, plot in enumerate(plots)}
    return drawn


def write(records: Sequence[Record]) -> None:
    """Write the page and its plots; those that nothing shows any more are removed."""
    drawn = pictures(records)
    PAGE.write_text(page(records), encoding="utf-8")
    for file in PICTURES.glob(f"{PREFIX}*.svg"):
        if file.name not in drawn:
            file.unlink()
    for name, picture in drawn.items():
        (PICTURES / name).write_text(picture, encoding="utf-8")


def _behind(records: Sequence[Record]) -> Iterator[str]:
    """Everything that does not keep its bar, the farthest first."""
    found = [(record, each) for record in records for each in record.result.comparisons if each.is_behind]
    if not found:
        yield "Nowhere in what was measured.\n"
        return
    yield "Every ratio that does not keep its bar, the farthest first: the bar is 1 unless another is set.\n"
    yield from BEHIND_HEAD
    found.sort(key=lambda each: -_distance(each[1]))
    yield from (f"| [{record.name}](#{_anchor(record)}) {_row(each)}" for record, each in found)
    yield ""


def _distance(each: Comparison) -> float:
    """By which factor the bar is missed."""
    if not each.bar:
        return float("inf")
    if each.higher_is_better:
        return each.bar / each.ratio if each.ratio else float("inf")
    return each.ratio / each.bar


def _section(record: Record) -> Iterator[str]:
    yield f"## {record.what}\n"
    how = f"commit {record.commit}, load {record.load:.2f} before, {record.seconds:.0f} s"
    yield f"`{record.command}`: {record.at}, {how}.\n"
    if record.result.failure:
        yield f"**It is not as it must be: {record.result.failure}.**\n"
    if record.result.comparisons:
        yield from (*HEAD, *map(_row, record.result.comparisons), "")
    titles = [each.title for each in record.result.bars] + [each.title for each in record.result.shares]
    yield from (f"![{title}](images/{_picture(record, place)})\n" for place, title in enumerate(titles))
    yield from ("```text", record.result.text.rstrip(), "```", "")
    if record.result.left_out:
        yield from ("What is not in it:\n", *(f"- {each}" for each in record.result.left_out), "")


def _row(each: Comparison) -> str:
    bar = "" if each.bar is None else f"{'at least' if each.higher_is_better else 'at most'} {each.bar:g}"
    ratio = f"**{each.ratio:.2f}**" if each.is_behind else f"{each.ratio:.2f}"
    unit = f" {each.unit}" if each.unit else ""
    return f"| {each.what} | {shown(each.ours)}{unit} | {each.beside}: {shown(each.other)}{unit} | {ratio} | {bar} |"


def _anchor(record: Record) -> str:
    return "".join(one for one in record.what.lower() if one.isalnum() or one in " -_").replace(" ", "-")


def _picture(record: Record, place: int) -> str:
    return f"{PREFIX}{record.name.replace(' ', '-')}-{place + 1}.svg"


def main(folder: Path | None = None) -> None:
    order = [figure.name for figure in FIGURES]
    write(kept(order) if folder is None else kept(order, folder))


if __name__ == "__main__":
    main()
