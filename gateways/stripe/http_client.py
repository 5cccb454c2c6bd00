"""How we speak HTTP to Stripe: one call a try, and a way out when Stripe itself has failed under a key."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import stripe

TIMEOUT_SECONDS = 30
MOST_FAULTS = 50
"""Under one key; then Stripe is left alone until the next try."""

KEY = "Idempotency-Key"
STEPS_UP = frozenset({".", ".."})
FIRST_ERROR = 400
LOWEST_FAULT = 500
ANSWERS = frozenset({402})
"""A decline is what came of the try: the bank was asked, and is not asked again."""
MOST_TRIES = 10_000
"""So many that met a kept fault are remembered; one that is forgotten is told again."""


class _Client(stripe.HTTPXClient):
    """Goes on under `key/1`, `key/2`, ... when Stripe has failed under `key`, or refused what was asked, before.

    Stripe keeps the first answer to a key for a day, its own faults included (docs.stripe.com/api/idempotent_requests):
    what was answered with a fault once is so every time, marked as replayed. The first time that we are told so, it
    stays a fault: the call it was kept from may have had no answer until now. The next attempt asks first what came of
    that, as all callers do, and may then go on under a key that is not burnt. A refusal that is replayed tells that
    nothing was done: the same is asked anew at once, for what was in its way may be mended.
    """

    def __init__(self, *, timeout: float) -> None:
        super().__init__(timeout=timeout)
        self._burnt: dict[str, int] = {}
        """Under how many keys in a row a try has been told of a kept fault."""

    async def request_async(
        self, method: str, url: str, headers: Mapping[str, str], post_data: Any = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        _refuse_other_paths(url)
        key = headers.get(KEY)
        burnt = self._burnt.get(key, 0) if key is not None else 0
        sent = {**headers, KEY: f"{key}/{burnt}"} if burnt else headers
        answer = await super().request_async(method, url, sent, post_data)
        while key is not None and _is_replayed_refusal(answer[1], answer[2]) and burnt < MOST_FAULTS:
            burnt += 1
            answer = await super().request_async(method, url, {**headers, KEY: f"{key}/{burnt}"}, post_data)
        if key is not None:
            self._note(key, burnt + 1 if _is_replayed_fault(answer[1], answer[2]) else burnt, answer[1])
        _refuse_what_is_not_stripes(answer[0], answer[1])
        return answer

    def _note(self, key: str, burnt: int, status: int) -> None:
        if status < LOWEST_FAULT or burnt >= MOST_FAULTS:
            self._burnt.pop(key, None)
        elif burnt:
            if len(self._burnt) >= MOST_TRIES:
                self._burnt.clear()
            self._burnt[key] = burnt


def _refuse_other_paths(url: str) -> None:
    """An id that is empty, or a step up, would make another call of this one; the SDK leaves both in the path."""
    steps = urlsplit(url).path.split("/")[1:]
    if not all(steps) or not STEPS_UP.isdisjoint(steps):
        told = "No such object: that is no id of Stripe's"
        raise stripe.InvalidRequestError(told, "id", code="resource_missing")  # type: ignore[no-untyped-call] # untyped


def _refuse_what_is_not_stripes(body: bytes | str, status: int) -> None:
    """Whatever the status: only an object of Stripe's, or an error of its making, tells what happened.

    A proxy's page, a body cut short or of another shape is no answer, and above all no decline.
    """
    try:
        found = json.loads(body)
    except ValueError:
        found = None
    is_ours = isinstance(found, dict) and (
        isinstance(found.get("object"), str)
        if status < FIRST_ERROR
        else isinstance(found.get("error"), dict) and isinstance(found["error"].get("type"), str)
    )
    if not is_ours:
        raise stripe.APIError(f"the answer with status {status} is not one of Stripe's", http_status=status)


def _is_replayed_fault(status: int, headers: Mapping[str, str]) -> bool:
    return status >= LOWEST_FAULT and _is_replayed(headers)


def _is_replayed_refusal(status: int, headers: Mapping[str, str]) -> bool:
    return FIRST_ERROR <= status < LOWEST_FAULT and status not in ANSWERS and _is_replayed(headers)


def _is_replayed(headers: Mapping[str, str]) -> bool:
    return any(name.lower() == "idempotent-replayed" and value == "true" for name, value in headers.items())


@asynccontextmanager
async def connected(api_key: str, api_base: str | None = None) -> AsyncIterator[stripe.StripeClient]:
    """A client for an account while the block runs; *api_base* is Stripe's own unless told otherwise."""
    http = _Client(timeout=TIMEOUT_SECONDS)
    try:
        yield stripe.StripeClient(
            api_key,
            base_addresses={"api": api_base.rstrip("/")} if api_base else None,
            http_client=http,
            # Temporal retries, under the key of the business try.
            max_network_retries=0,
        )
    finally:
        await http.close_async()  # type: ignore[no-untyped-call] # the SDK has no types there
