"""What a run's tests have put on the wire that nothing registers: keys and metadata at Stripe, journal lines, mails.

What the kept names (`tests/contracts/wire_names.json`) do not have is told after any run, and after a run of all tests
also what none of them has met. Some forms come about by chance, so neither fails a run by itself. Both together do, of
one kind of call or line: something is written otherwise than it was.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

import pytest
from sqlalchemy import text

from sandbox.stack import Stack
from tests.contracts.wire.kept import FILE, RECORDED, written
from tests.harness.whole_run import is_whole

PIN = "--pin-wire"
BY_CHANCE = "chaos"
"""Tests in there do something else each time: what they bring about proves nothing about others."""
TOLD = "what was seen on the wire"
SEEN = pytest.StashKey["WireRecord"]()

_INSTANT = r"\d{4}-\d\d-\d\dT\d\d:\d\d(?::[\d.]+)?(?:Z|[+-]\d\d:\d\d)"
_REFERENCES = "acct|ch|cs|cus|dp|evt|ii|il|in|pi|pm|price|prod|re|seti|si|sub"
_CHANGING = [
    (re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "{id}"),
    (re.compile(r"sha256:[0-9a-f]{64}"), "{command}"),
    (re.compile(_INSTANT), "{at}"),
    (re.compile(rf"(?<![A-Za-z0-9])({_REFERENCES})_[A-Za-z0-9_]+"), r"{\1}"),
    (re.compile(r"(?<![0-9a-f])[0-9a-f]{12,}(?![0-9a-f])"), "{digest}"),
    (re.compile(r"^(tenure/(?:product|price|meter))/[^/]+"), r"\1/{name}"),
    (re.compile(r"^(usage_[a-z]+)/[^/]+"), r"\1/{feature}"),
    (re.compile(r"^policy/[^/]+"), "policy/{version}"),
    (re.compile(r"^(usage_exceeds_plan): .+"), r"\1: {feature}"),
    (re.compile(r"(reconcile/\{id\})/[^/]+"), r"\1/{kinds}"),
    # A step that was refused is asked for again; how often is chance.
    (re.compile(r"/again/\d+(?=/|$)"), ""),
    (re.compile(r"(?<![A-Za-z0-9_{])\d+(?=[a-z]{3}\b)[a-z]{3}"), "{amount}"),
    (re.compile(r"(?<![A-Za-z0-9_{])\d+(?![A-Za-z0-9_}])"), "{n}"),
]
_GIVEN_ONCE = re.compile(r"-[0-9a-f]{8}(?![0-9a-f])")
"""In names that tests make up: they are nobody's else."""
_WRITTEN = {
    "journal": "SELECT DISTINCT kind, key FROM journal LEFT JOIN LATERAL jsonb_object_keys(details) key ON true",
    "causes": "SELECT DISTINCT cause_kind, cause_ref FROM journal",
    "mails": "SELECT DISTINCT key FROM mails",
}


def pattern(written: str) -> str:
    """A key without what is another in each run."""
    for changing, name in _CHANGING:
        written = changing.sub(name, written)
    return written


class WireRecord:
    """What was seen, by what it is of; a plugin of the run that it is of."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self.seen: set[tuple[str, str]] = set()
        self.is_on_stack = False
        self._new: list[tuple[str, str]] = []
        self._unseen: list[tuple[str, str]] = []

    def called(self, steps: tuple[str, ...], given: tuple[Any, ...]) -> None:
        """Note a call that the gateway makes of Stripe."""
        call = ".".join(steps).removesuffix("_async")
        for part in given:
            if not isinstance(part, Mapping):
                continue
            # Elsewhere it is a test that names the try.
            if self.is_on_stack and "/" in (key := part.get("idempotency_key", "")):
                self._note("stripe keys", f"{call}: {pattern(key)}")
            if named := part.get("metadata"):
                self._note("stripe metadata", f"{call}: {', '.join(sorted(named))}")

    def _note(self, of: str, seen: str) -> None:
        if not _GIVEN_ONCE.search(seen):
            self.seen.add((of, seen))

    async def read(self, stack: Stack) -> None:
        """Note what has been left in the database and in Temporal."""
        async with stack.engine.connect() as connection:
            for of, statement in _WRITTEN.items():
                for row in await connection.execute(text(statement)):
                    self._note(of, pattern(": ".join(pattern(each) for each in row if each)))
        async for run in stack.client.list_workflows():
            self._note("workflows", f"{run.workflow_type}: {pattern(run.id)}")

    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        self.is_on_stack = "stack" in getattr(item, "fixturenames", ()) and BY_CHANCE not in item.path.parts

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """A process of the run is done: what it has seen counts."""
        self.seen |= {(of, each) for of, each in getattr(node, "workeroutput", {}).get(TOLD, [])}

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if hasattr(self._config, "workeroutput"):
            self._config.workeroutput[TOLD] = sorted(self.seen)
            return
        names = json.loads(FILE.read_text())
        kept = {(of, each) for of, some in names.get(RECORDED, {}).items() for each in some}
        if self._config.getoption(PIN):
            names[RECORDED] = _by_what_it_is_of(kept | self.seen)
            FILE.write_text(written(names))
            return
        self._new = sorted(self.seen - kept)
        self._unseen = sorted(kept - self.seen) if is_whole(self._config) else []
        is_renamed = {_kind(*each) for each in self._new} & {_kind(*each) for each in self._unseen}
        if is_renamed and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        for of, each in self._new:
            terminalreporter.write_line(f"New on the wire, or changed there: {RECORDED} > {of} > {each}", red=True)
        if self._new:
            terminalreporter.write_line(f"If it is only new, {PIN} adds to {FILE.name} what these tests do.", red=True)
        for of, each in self._unseen:
            terminalreporter.write_line(f"Met by no test of this run: {RECORDED} > {of} > {each}", yellow=True)


def _kind(of: str, seen: str) -> tuple[str, str]:
    """The call at Stripe, or the kind of line, that something was seen in."""
    return of, re.split(r"[:/]", seen, maxsplit=1)[0]


def _by_what_it_is_of(seen: set[tuple[str, str]]) -> dict[str, list[str]]:
    return {of: sorted(each for also, each in seen if also == of) for of in {of for of, _ in seen}}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(PIN, action="store_true", help=f"add to {FILE.name} what the tests of this run put on the wire")


def pytest_configure(config: pytest.Config) -> None:
    record = WireRecord(config)
    config.stash[SEEN] = record
    config.pluginmanager.register(record)
