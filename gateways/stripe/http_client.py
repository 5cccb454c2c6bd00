"""HTTP to Stripe: one request per attempt, and a way out when Stripe itself has failed under a key."""

import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from time import perf_counter
from typing import Any
from urllib.parse import urlsplit

import stripe

from domain.provider.ports import CallMeter
from gateways.stripe.pacing import Pace
from tracing.spans import Kind, Span, Spans

TIMEOUT_SECONDS = 30
MAX_BURNT_KEYS = 50
"""Per key; after that many, Stripe is left alone until the next attempt."""

KEY = "Idempotency-Key"
DOT_SEGMENTS = frozenset({".", ".."})
FIRST_ERROR = 400
FIRST_SERVER_ERROR = 500
FINAL_STATUSES = frozenset({402})
"""A decline is a final result: the bank was asked, and is not asked again."""
_RESOURCE = re.compile(r"[a-z][a-z_]*|v1")
"""A step of a path that is no id."""
MAX_REMEMBERED_KEYS = 10_000
"""Keys with a replayed server error that are remembered. A forgotten key reports its error once more."""


NO_ANSWER = 0
"""In place of a status."""


class _Client(stripe.HTTPXClient):
    """Continues with `key/1`, `key/2`, … after Stripe has failed, or refused the request, under `key`.

    Stripe stores the first response to a key for a day, including its own server errors, and marks later ones as
    replayed (docs.stripe.com/api/idempotent_requests). A replayed server error is raised the first time: the original
    call may have gone unanswered until now. The next attempt first checks what came of it, as all callers do, and then
    continues with an unused key. A replayed refusal means that nothing was done: the request is repeated at once,
    because the cause may have been fixed.
    """

    def __init__(
        self,
        *,
        timeout: float,
        pace: Pace | None = None,
        spans: Spans | None = None,
        meter: CallMeter | None = None,
    ) -> None:
        super().__init__(timeout=timeout)
        self._pace = pace
        self._spans = spans
        self._meter = meter
        self._burnt: dict[str, int] = {}
        """The number of keys in a row that replayed a server error, by base key."""

    async def request_async(
        self, method: str, url: str, headers: Mapping[str, str], post_data: Any = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        _reject_unsafe_path(url)
        if self._spans is None or self._spans.current() is None:
            return await self._answer(method, url, headers, post_data)
        path = _template(url)
        attributes = {"http.request.method": method.upper(), "url.template": path}
        with self._spans.around(f"Stripe {method.upper()} {path}", Kind.CLIENT, attributes) as span:
            answer = await self._answer(method, url, headers, post_data)
            _note_status(span, answer[1])
            return answer

    async def _answer(
        self, method: str, url: str, headers: Mapping[str, str], post_data: Any
    ) -> tuple[bytes, int, Mapping[str, str]]:
        key = headers.get(KEY)
        burnt = self._burnt.get(key, 0) if key is not None else 0
        sent = {**headers, KEY: f"{key}/{burnt}"} if burnt else headers
        answer = await self._send(method, url, sent, post_data)
        while key is not None and _is_replayed_refusal(answer[1], answer[2]) and burnt < MAX_BURNT_KEYS:
            burnt += 1
            answer = await self._send(method, url, {**headers, KEY: f"{key}/{burnt}"}, post_data)
        if key is not None:
            self._note(key, burnt + 1 if _is_replayed_fault(answer[1], answer[2]) else burnt, answer[1])
        _reject_foreign_answer(answer[0], answer[1])
        return answer

    async def _send(
        self, method: str, url: str, headers: Mapping[str, str], post_data: Any
    ) -> tuple[bytes, int, Mapping[str, str]]:
        began = perf_counter()
        if self._pace is not None:
            await self._pace.turn()
        sent, status = perf_counter(), NO_ANSWER
        try:
            answer = await super().request_async(method, url, headers, post_data)
            status = answer[1]
            return answer
        finally:
            if self._meter is not None:
                self._meter.waited(sent - began)
                self._meter.answered(method, _resource(url), status, perf_counter() - sent)

    def _note(self, key: str, burnt: int, status: int) -> None:
        if status < FIRST_SERVER_ERROR or burnt >= MAX_BURNT_KEYS:
            self._burnt.pop(key, None)
        elif burnt:
            if len(self._burnt) >= MAX_REMEMBERED_KEYS:
                self._burnt.clear()
            self._burnt[key] = burnt


def _template(url: str) -> str:
    """The path without ids, and without what is asked for."""
    steps = urlsplit(url).path.split("/")[1:]
    return "".join(f"/{step if _RESOURCE.fullmatch(step) else '{id}'}" for step in steps)


def _note_status(span: Span, status: int) -> None:
    span.note({"http.response.status_code": status})
    if status >= FIRST_ERROR:
        span.fail(str(status))


def _resource(url: str) -> str:
    """The part of a path behind the API's version: `invoices` of `/v1/invoices/in_1/pay`."""
    return urlsplit(url).path.split("/")[2]


def _reject_unsafe_path(url: str) -> None:
    """Rejects empty ids and dot segments, which would turn the request into another one.

    The SDK leaves both in the path.
    """
    steps = urlsplit(url).path.split("/")[1:]
    if not all(steps) or not DOT_SEGMENTS.isdisjoint(steps):
        message = "No such object: not a Stripe id"
        raise stripe.InvalidRequestError(message, "id", code="resource_missing")  # type: ignore[no-untyped-call]


def _reject_foreign_answer(body: bytes | str, status: int) -> None:
    """Rejects anything that is not a Stripe object or a Stripe error, whatever its status.

    A proxy's page, a truncated body or a body of another shape is not an answer, least of all a decline.
    """
    try:
        found = json.loads(body)
    except ValueError:
        found = None
    is_stripes = isinstance(found, dict) and (
        isinstance(found.get("object"), str)
        if status < FIRST_ERROR
        else isinstance(found.get("error"), dict) and isinstance(found["error"].get("type"), str)
    )
    if not is_stripes:
        raise stripe.APIError(f"the answer with status {status} does not come from Stripe", http_status=status)


def _is_replayed_fault(status: int, headers: Mapping[str, str]) -> bool:
    return status >= FIRST_SERVER_ERROR and _is_replayed(headers)


def _is_replayed_refusal(status: int, headers: Mapping[str, str]) -> bool:
    return FIRST_ERROR <= status < FIRST_SERVER_ERROR and status not in FINAL_STATUSES and _is_replayed(headers)


def _is_replayed(headers: Mapping[str, str]) -> bool:
    return any(name.lower() == "idempotent-replayed" and value == "true" for name, value in headers.items())


@asynccontextmanager
async def connected(
    api_key: str,
    api_base: str | None = None,
    *,
    calls_a_second: float | None = None,
    spans: Spans | None = None,
    meter: CallMeter | None = None,
) -> AsyncIterator[stripe.StripeClient]:
    """A client for an account, closed at the end of the block.

    Args:
        api_key: the account's.
        api_base: where the API is; Stripe's own by default.
        calls_a_second: how many requests it sends at most; None: as many as it is asked for.
        spans: what traces its requests; None: nothing does.
        meter: measures them, if given.
    """
    pace = None if calls_a_second is None else Pace(calls_a_second)
    http = _Client(timeout=TIMEOUT_SECONDS, pace=pace, spans=spans, meter=meter)
    try:
        yield stripe.StripeClient(
            api_key,
            base_addresses={"api": api_base.rstrip("/")} if api_base else None,
            http_client=http,
            # Temporal retries, under the key of the business attempt.
            max_network_retries=0,
        )
    finally:
        await http.close_async()  # type: ignore[no-untyped-call] # the SDK has no types there
