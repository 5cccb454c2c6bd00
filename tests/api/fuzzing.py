"""Requests that OpenAPI describes and requests that are malformed, made up and sent to a running API.

`outcome_of` does so in a process of its own: hypothesis needs the random numbers of a whole process for itself, so that
the same seed makes the same requests.
"""

import asyncio
import http.client
import json
import sys
import time
from asyncio.subprocess import PIPE
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Err
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
BUSY = 503
TRIES, PAUSE = 30, 1.0
"""Of a request that is answered with 503, as on a busy machine, and seconds between them: who asks again gets in."""
PATIENCE = 60
"""Seconds for an answer: a limit for a machine that is busy, and no expectation."""
JUNK = st.one_of(st.binary(max_size=40), st.text(max_size=20).map(lambda text: text.encode(errors="surrogatepass")))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.sampled_from(["\x00", 10**400]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=6,
)
TYPES = (
    *(b"application/json", b"text/plain", b"application/x-www-form-urlencoded", b"multipart/form-data"),
    *(b"application/json; charset=utf-16", b"", b"\xff", b"a/b" * 50),
)


@dataclass
class Outcome:
    """What was sent, by caller and status, and what went wrong, each kind once."""

    statuses: Counter[tuple[str, int]] = field(default_factory=Counter)
    failures: dict[str, str] = field(default_factory=dict)
    """By operation and kind: a request that shows it."""
    repeated: int = 0
    """Requests that were answered with 503, and sent again."""

    @property
    def sent(self) -> int:
        return sum(self.statuses.values())

    def in_words(self) -> str:
        """The totals, a line for each caller."""
        callers = sorted({caller for caller, _ in self.statuses})
        errors = sum(count for (_, status), count in self.statuses.items() if status >= 500)
        lines = [f"{self.sent} requests, {errors} of them 5xx, {len(self.failures)} kinds of failures"]
        if self.repeated:
            lines.append(f"  {self.repeated} answers of 503 are not counted: a repeat got another one")
        for caller in callers:
            counts = {status: count for (who, status), count in sorted(self.statuses.items()) if who == caller}
            by_status = ", ".join(f"{status}: {count}" for status, count in counts.items())
            lines.append(f"  {caller}: {sum(counts.values())} ({by_status})")
        return "\n".join([*lines, *(f"{what}\n    {shown}" for what, shown in sorted(self.failures.items()))])


@dataclass(frozen=True)
class Target:
    """An API, who calls it, and the ids of what is there."""

    address: str
    keys: Mapping[str, str | None]
    """API keys, by the caller's name."""
    known: Mapping[str, str]
    """Values of path parameters that lead to something."""
    description: Mapping[str, Any]


def described(target: Target, number: int, *, examples: int) -> Outcome:
    """Send each caller's requests of every operation, as OpenAPI describes them and in violation of it."""
    outcome, session = Outcome(), requests.Session()
    schema = schemathesis.openapi.from_dict(dict(target.description))
    for found in schema.get_all_operations():
        if isinstance(found, Err):
            raise found.err()
        operation = found.ok()
        cases = st.one_of(*(operation.as_strategy(generation_mode=mode) for mode in GenerationMode))

        def send(case: Case[Any], caller: str, known: bool) -> None:
            if known and isinstance(case.path_parameters, dict):
                case.path_parameters |= {k: v for k, v in target.known.items() if k in case.path_parameters}
            _send_case(case, caller, target, session, outcome)

        _for_each(send, number, examples, cases, st.sampled_from(sorted(target.keys)), st.booleans())
    return outcome


def malformed(target: Target, number: int, *, examples: int) -> Outcome:
    """Send requests with garbage in path, query, headers or body."""
    outcome = Outcome()
    parts = urlsplit(target.address)
    operations = [(path, method) for path, item in target.description["paths"].items() for method in item]

    def send(operation: tuple[str, str], caller: str, junk: Any) -> None:
        path, method = operation
        for name in ("external_id", "subscription_id", "feature", "code", "key_id", "operator_id", "endpoint_id"):
            value = target.known.get(name) if junk.draw(st.booleans()) else None
            path = path.replace(f"{{{name}}}", value or quote(junk.draw(JUNK), safe=junk.draw(st.sampled_from("/ ?"))))
        names = st.sampled_from(
            ["cursor", "limit", "status", "q", "customer", "from", "created", "plan", "\x00", "a[]"]
        )
        query = "&".join(f"{quote(junk.draw(names))}={quote(junk.draw(JUNK))}" for _ in range(junk.draw(_FEW)))
        body = junk.draw(
            JUNK | VALUES.map(lambda value: json.dumps(value).encode()) | st.none().map(lambda _: b"[" * 100_000)
        )
        headers = {"Content-Type": junk.draw(st.sampled_from(TYPES)), "Idempotency-Key": _header(junk.draw(JUNK))}
        key = target.keys[caller]
        if key is not None:
            headers["Authorization"] = f"Bearer {key}".encode()
        method = junk.draw(st.sampled_from([method.upper(), method.upper(), "POST", "PATCH", "DELETE", "HEAD"]))
        for _ in _tries(outcome):
            status = _send_raw(parts.netloc, method, f"{path}?{query}".replace(" ", "%20"), body, headers)
            if status != BUSY:
                break
        outcome.statuses[caller, status] += 1
        if status >= 500:
            outcome.failures.setdefault(f"{method} {operation[0]}: {status}", repr((path, query, body[:200], headers)))

    _for_each(send, number, examples, st.sampled_from(operations), st.sampled_from(sorted(target.keys)), st.data())
    return outcome


_FEW = st.integers(0, 3)


def _header(junk: bytes) -> bytes:
    """What a client can send at all: a line break would begin another header."""
    return bytes(byte for byte in junk if byte not in b"\r\n\x00")


def _for_each(send: Callable[..., None], number: int, examples: int, *strategies: st.SearchStrategy[Any]) -> None:
    """Call *send* with made-up values, the same for the same *number*."""
    quick = settings(
        max_examples=examples,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    seed(number)(quick(given(*strategies)(send)))()


def _send_case(case: Case[Any], caller: str, target: Target, session: requests.Session, outcome: Outcome) -> None:
    key = target.keys[caller]
    headers = {"Authorization": f"Bearer {key}"} if key is not None else {}
    try:
        for _ in _tries(outcome):
            response = case.call(base_url=target.address, session=session, headers=headers, timeout=PATIENCE)
            if response.status_code != BUSY:
                break
    except (requests.exceptions.InvalidHeader, UnicodeError):
        return  # the client does not send such a request
    outcome.statuses[caller, response.status_code] += 1
    try:
        case.validate_response(response, checks=CHECKS)
    except FailureGroup as group:
        for failure in group.exceptions:
            what = f"{case.operation.label}, {caller}, {response.status_code}: {type(failure).__name__}"
            shown = f"{case.as_curl_command()[:600]} -> {response.text[:300]} ({str(failure)[:300]})"
            outcome.failures.setdefault(what, shown)


def _tries(outcome: Outcome) -> Iterator[None]:
    """Once, and again for as long as the caller goes on: they stop at the first answer that is none of 503."""
    yield
    for _ in range(TRIES - 1):
        outcome.repeated += 1
        time.sleep(PAUSE)
        yield


def _send_raw(netloc: str, method: str, path: str, body: bytes, headers: Mapping[str, bytes]) -> int:
    connection = http.client.HTTPConnection(netloc, timeout=PATIENCE)
    try:
        connection.putrequest(method, path, skip_accept_encoding=True)
        for name, value in {**headers, "Content-Length": str(len(body)).encode()}.items():
            connection.putheader(name, value)
        connection.endheaders(body)
        return connection.getresponse().status
    finally:
        connection.close()


async def outcome_of(kind: str, target: Target, number: int, *, examples: int) -> Outcome:
    """What came of requests of a *kind*, a function of this module, that were sent by another process."""
    asked = json.dumps({"kind": kind, "target": asdict(target), "number": number, "examples": examples})
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", __name__, stdin=PIPE, stdout=PIPE)
    told, _ = await process.communicate(asked.encode())
    if process.returncode:
        raise RuntimeError("the requests could not be made up")
    answer = json.loads(told)
    return Outcome(
        Counter({(caller, status): count for caller, status, count in answer["statuses"]}),
        answer["failures"],
        answer["repeated"],
    )


def main() -> None:
    """Send what is asked for on standard input."""
    asked = json.load(sys.stdin)
    send = {"described": described, "malformed": malformed}[asked["kind"]]
    found = send(Target(**asked["target"]), asked["number"], examples=asked["examples"])
    statuses = [(caller, status, count) for (caller, status), count in found.statuses.items()]
    json.dump({"statuses": statuses, "failures": found.failures, "repeated": found.repeated}, sys.stdout)


if __name__ == "__main__":
    main()
