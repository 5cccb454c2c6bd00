"""How we speak HTTP to Stripe: one call a try, and a way out when Stripe itself has failed under a key."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import stripe

TIMEOUT_SECONDS = 30
MOST_FAULTS = 50
"""Under one key; then Stripe is left alone until the next try."""

KEY = "Idempotency-Key"
FIRST_ERROR = 400


class _Client(stripe.HTTPXClient):
    """Goes on under `key/1`, `key/2`, ... when Stripe has failed under `key` before.

    Stripe keeps the first answer to a key for a day, its own faults included (docs.stripe.com/api/idempotent_requests):
    what was answered with a fault once is so every time, marked as replayed. An earlier attempt has seen the fault, and
    callers ask what it brought about before they try again; so the try may go on under a key that is not burnt.
    """

    async def request_async(
        self, method: str, url: str, headers: Mapping[str, str], post_data: Any = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        answer = await super().request_async(method, url, headers, post_data)
        key = headers.get(KEY)
        for number in range(1, MOST_FAULTS):
            if key is None or not _is_replayed_fault(answer[1], answer[2]):
                break
            answer = await super().request_async(method, url, {**headers, KEY: f"{key}/{number}"}, post_data)
        _refuse_what_is_not_stripes(answer[0], answer[1])
        return answer


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
    return status >= 500 and any(
        name.lower() == "idempotent-replayed" and value == "true" for name, value in headers.items()
    )


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
        await http.close_async()  # type: ignore[no-untyped-call]
