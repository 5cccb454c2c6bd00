"""The figures: `python -m bench NAME` prints one of them."""

import asyncio
import sys

from bench import history

FIGURES = {"history": history.measure}


def main() -> None:
    """Print a figure, or which there are."""
    name = sys.argv[1] if len(sys.argv) == 2 else ""
    if name not in FIGURES:
        print("usage: python -m bench NAME, with NAME one of: " + ", ".join(FIGURES), file=sys.stderr)
        sys.exit(2)
    print(asyncio.run(FIGURES[name]()))


main()
