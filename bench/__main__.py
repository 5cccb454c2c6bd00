"""The figures: `python -m bench NAME` prints one of them."""

import asyncio
import logging
import sys

import structlog

from bench import history, ingest, storm

FIGURES = {"history": history.measure, "ingest": ingest.measure, "storm": storm.measure}


def main() -> None:
    """Print a figure, or which there are."""
    name = sys.argv[1] if len(sys.argv) == 2 else ""
    if name not in FIGURES:
        print("usage: python -m bench NAME, with NAME one of: " + ", ".join(FIGURES), file=sys.stderr)
        sys.exit(2)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    print(asyncio.run(FIGURES[name]()))


main()
