"""What PostgreSQL executed, and how: the plan of every statement, also of those in functions, by the server's log."""

import json
import re
import statistics
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import asyncpg
from sqlalchemy import make_url

from tests.storage.lists.plans import EXPLAINING

BY_BENCH: Final = "/* bench */"
"""In a statement of the bench itself."""
NOT_MEASURED: Final = ("pg_catalog.", BY_BENCH, "cast(subscriptions.id as text) = lower(")
"""In statements that the product does not execute: of the bench, and of the sandbox, which travels by any id."""
LONGEST: Final = 110
"""Characters of a statement that are shown."""
_BEGINNING: Final = re.compile(rb"duration: (?P<ms>[0-9.]+) ms  plan:\n")
_COMMENT: Final = re.compile(r"--[^\n]*\n?")
_VALUES: Final = re.compile(r"'(?:[^']|'')*'|\$\d+|\b\d+\b")
_MANY: Final = re.compile(r"\((?:\?(?:::[A-Z ]+)?,? ?)+\)(?:, \((?:\?(?:::[A-Z ]+)?,? ?)+\))*")
_SPACE: Final = re.compile(r"\s+")
_PARTITION: Final = re.compile(r"(_p?\d+)+$|_(others|default)$")


async def explain_all(superuser_url: str) -> None:
    """Have the database explain every statement of later connections in the server's log."""
    await _set(superuser_url, *(f"SET {name} = '{value}'" for name, value in EXPLAINING.items()))


async def explain_nothing(superuser_url: str) -> None:
    """Have it explain nothing any more."""
    await _set(superuser_url, *(f"RESET {name}" for name in EXPLAINING))


async def _set(superuser_url: str, *changes: str) -> None:
    connection = await asyncpg.connect(superuser_url)
    try:
        for change in changes:
            await connection.execute(f"ALTER DATABASE {make_url(superuser_url).database} {change}")
    finally:
        await connection.close()


@dataclass(frozen=True)
class Execution:
    """One statement, as it was executed."""

    of: str
    """What executed it."""
    milliseconds: float
    plan: dict[str, Any]

    @property
    def shape(self) -> str:
        """The statement without its values."""
        bare = _VALUES.sub("?", _COMMENT.sub(" ", self.plan["Query Text"]))
        return _MANY.sub("(?)", _SPACE.sub(" ", bare)).strip()


@dataclass(frozen=True)
class Statement:
    """One statement, with whatever values: by the request or run for which it takes longest."""

    shape: str
    of: str
    milliseconds: float
    """The middle one of its executions for that."""
    executions: int
    plan: dict[str, Any]
    """Of the slowest of these."""
    whole: dict[str, float]
    """Tables that it has read from end to end, whatever it was for, and how many rows they had."""

    @property
    def shown(self) -> str:
        return self.shape if len(self.shape) <= LONGEST else f"{self.shape[: LONGEST - 4]} ..."


class Executions:
    """All that was executed, read from the log of a server whose database explains everything."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._all: dict[str, dict[str, list[Execution]]] = defaultdict(lambda: defaultdict(list))

    @contextmanager
    def during(self, what: str) -> Iterator[None]:
        """Take in what is executed during the block, by whomever."""
        began = self._log.stat().st_size
        yield
        with self._log.open("rb") as log:
            log.seek(began)
            for each in _read(log.read(), what):
                self._all[each.shape][what].append(each)

    def statements(self) -> list[Statement]:
        """Every statement, the slowest first."""
        found = [_statement(shape, by_purpose) for shape, by_purpose in self._all.items()]
        return sorted(found, key=lambda each: each.milliseconds, reverse=True)


def _statement(shape: str, by_purpose: dict[str, list[Execution]]) -> Statement:
    slowest = max(by_purpose.values(), key=_middle)
    whole: dict[str, float] = {}
    for each in (each for executions in by_purpose.values() for each in executions):
        for table, rows in _scanned(each.plan["Plan"]):
            whole[table] = max(rows, whole.get(table, 0.0))
    plan = max(slowest, key=lambda each: each.milliseconds).plan
    return Statement(shape, slowest[0].of, _middle(slowest), len(slowest), plan, whole)


def _middle(executions: Sequence[Execution]) -> float:
    return statistics.median_low(each.milliseconds for each in executions)


def _scanned(node: dict[str, Any]) -> Iterator[tuple[str, float]]:
    for child in node.get("Plans", ()):
        yield from _scanned(child)
    if node["Node Type"] == "Seq Scan" and node["Actual Loops"]:
        rows = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
        yield _PARTITION.sub("", node["Relation Name"]), rows


def _read(logged: bytes, what: str) -> Iterator[Execution]:
    begins = list(_BEGINNING.finditer(logged))
    for match, following in zip(begins, [*begins[1:], None], strict=False):
        lines = logged[match.end() : following.start() if following else None].split(b"\n")
        # What continues an entry of the log begins with a tab.
        plan = b"\n".join(line for line in lines if line.startswith(b"\t"))
        try:
            explained = json.loads(plan)
        except ValueError:
            continue  # it is still being written
        if not any(each in explained["Query Text"] for each in NOT_MEASURED):
            yield Execution(what, float(match["ms"]), explained)
