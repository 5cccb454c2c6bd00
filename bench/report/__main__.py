"""Measures what the report tells and writes it: `python -m bench.report [NAME [SIZE] ...]`, or all that is in it.

Each figure is measured by a process of its own. One that fails is tried again; if that fails too, it keeps what it had,
and the others go on.
"""

import json
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from subprocess import DEVNULL, CalledProcessError, TimeoutExpired, run

from bench.registry import FIGURES, Figure
from bench.report import page
from bench.report.machine import ROOT, commit, load, machine
from bench.report.records import Record, result_of

LONGEST = 900.0
"""Seconds; one that takes longer hangs."""


def main(words: Sequence[str]) -> int:
    """Measure and write; returns how many have failed."""
    try:
        figures = asked(words) if words else [each for each in FIGURES if each.is_reported]
    except LookupError as unknown:
        print(unknown.args[0], file=sys.stderr)
        return 1
    # Before anything is written here, which would be a change.
    of, failed = commit(), []
    for figure in figures:
        record = _measured(figure, of) or _measured(figure, of)
        if record is None:
            failed.append(figure.name)
        else:
            record.keep()
            page.main()
    print(f"\nWritten: {page.PAGE.relative_to(ROOT)}")
    if failed:
        print(f"Failed, and kept as they were: {', '.join(failed)}", file=sys.stderr)
    return len(failed)


def asked(words: Sequence[str]) -> list[Figure]:
    """Figures by their names, each with a size behind it if it is not to have its own.

    Raises:
        LookupError: there is no such figure.
    """
    known, found, left = {each.name: each for each in FIGURES}, list[Figure](), list(words)
    while left:
        longest = next((many for many in (2, 1) if " ".join(left[:many]) in known), 0)
        if not longest:
            raise LookupError(f"no such figure: {left[0]}")
        figure, left = known[" ".join(left[:longest])], left[longest:]
        if left and left[0].isdecimal() and figure.is_sized:
            figure = replace(figure, size=int(left.pop(0)))
        found.append(figure)
    return found


def _measured(figure: Figure, of: str) -> Record | None:
    words = [*figure.name.split(), *([] if figure.size is None else [str(figure.size)])]
    command = f"python -m bench {' '.join(words)}"
    print(f"\n{command}", flush=True)
    at, before, began = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC", load(), time.monotonic()
    with tempfile.NamedTemporaryFile() as file:
        try:
            run(  # noqa: S603
                [sys.executable, "-m", "bench", *words, "--result", file.name],
                cwd=ROOT,
                stdin=DEVNULL,
                timeout=LONGEST,
                check=True,
            )
            result = result_of(json.loads(Path(file.name).read_text(encoding="utf-8")))
        except (OSError, ValueError, KeyError, TimeoutExpired, CalledProcessError) as error:
            print(f"{figure.name} failed: {error}", file=sys.stderr)
            return None
    seconds = time.monotonic() - began
    return Record(figure.name, figure.what, command, at, seconds, of, before, machine(), result)


if __name__ == "__main__":
    sys.exit(1 if main(sys.argv[1:]) else 0)
