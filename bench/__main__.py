"""The figures: `python -m bench NAME [NUMBER ...]` prints one of them, for each number if there are several."""

import argparse
import asyncio
import json
import logging
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import structlog
from temporalio.runtime import LoggingConfig, Runtime, TelemetryConfig, TelemetryFilter

from bench.registry import FIGURES, Figure, named
from bench.results import Result


def main(typed: Sequence[str]) -> None:
    """Print a figure, or which there are."""
    words = argparse.ArgumentParser(prog="python -m bench", usage=_usage())
    words.add_argument("name", nargs="+")
    words.add_argument("--result", type=Path, help="a file for all that was measured, as JSON")
    given = words.parse_args(typed)
    figure, sizes = _asked(given.name)
    if figure is None:
        words.print_usage(sys.stderr)
        sys.exit(2)
    quiet = LoggingConfig(filter=TelemetryFilter(core_level="ERROR", other_level="ERROR"))
    Runtime.set_default(Runtime(telemetry=TelemetryConfig(logging=quiet)))
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    for sized in [[size] for size in sizes] or [[]]:
        found = asyncio.run(figure.measure(*sized))
        result = found if isinstance(found, Result) else Result(found)
        print(result.text, flush=True)
        if given.result is not None:
            given.result.write_text(json.dumps(asdict(result)), encoding="utf-8")
        elif result.failure:
            sys.exit(result.failure)


def _asked(words: Sequence[str]) -> tuple[Figure | None, list[int]]:
    """The figure that is asked for, and its sizes."""
    sizes = [int(word) for word in words if word.isdecimal()]
    try:
        figure = named(" ".join(word for word in words if not word.isdecimal()))
    except KeyError:
        return None, []
    fits = all(sizes) and (figure.is_sized or not sizes)
    return (figure if fits else None), sizes


def _usage() -> str:
    names = ", ".join(f"{each.name} [NUMBER ...]" if each.is_sized else each.name for each in FIGURES)
    return f"python -m bench NAME [--result FILE], with NAME one of: {names}"


if __name__ == "__main__":
    main(sys.argv[1:])
