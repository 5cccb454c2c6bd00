"""The figures: `python -m bench NAME [NUMBER ...]` prints one of them, for each number if there are several."""

import asyncio
import logging
import sys
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

import structlog
from temporalio.runtime import LoggingConfig, Runtime, TelemetryConfig, TelemetryFilter

from bench import burst, consume, figures, history, ingest, lists, pages, steps, storm, users

FIGURES: Mapping[str, Callable[..., Coroutine[Any, Any, str]]] = {
    "burst": burst.measure,
    "consume": consume.measure,
    "figures": figures.measure,
    "history": history.measure,
    "ingest": ingest.measure,
    "lists": lists.measure,
    "pages": pages.measure,
    "steps": steps.measure,
    "storm": storm.measure,
    "users": users.measure,
}
WITH: Mapping[tuple[str, str], Callable[[], Coroutine[Any, Any, str]]] = {
    ("consume", "traces"): consume.measure_traced,
    ("history", "encryption"): history.measure_encrypted,
    ("history", "traces"): history.measure_traced,
}
"""Figures with and without something, by name and what that is."""
SIZED = {"burst", "figures", "pages", "storm"}
"""Those that can be told how many."""


def main() -> None:
    """Print a figure, or which there are."""
    name, *numbers = sys.argv[1:] or [""]
    compared = WITH.get((name, " ".join(numbers)))
    if compared is not None:
        numbers = []
    fits = (name in SIZED or not numbers) and all(each.isdecimal() and int(each) > 0 for each in numbers)
    if name not in FIGURES or not fits:
        names = ", ".join(f"{each} [NUMBER ...]" if each in SIZED else each for each in FIGURES)
        names += "".join(f", {each} {what}" for each, what in WITH)
        print(f"usage: python -m bench NAME, with NAME one of: {names}", file=sys.stderr)
        sys.exit(2)
    quiet = LoggingConfig(filter=TelemetryFilter(core_level="ERROR", other_level="ERROR"))
    Runtime.set_default(Runtime(telemetry=TelemetryConfig(logging=quiet)))
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    for sized in [[int(each)] for each in numbers] or [[]]:
        print(asyncio.run(compared() if compared is not None else FIGURES[name](*sized)), flush=True)


main()
