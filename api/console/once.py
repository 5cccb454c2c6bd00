"""Carrying a form out once, where nothing behind it knows its key."""

from collections.abc import Awaitable, Callable
from typing import Final

from api.console.visits import Visit
from api.http.idempotency import fingerprint
from domain.errors import Rejected
from storage.access.idempotency import Claim, Running

_DONE: Final = 200


async def once(visit: Visit, key: str, path: str, operation: str, do: Callable[[], Awaitable[object]]) -> None:
    """Do it, unless it was done under this key; what fails can be sent again.

    Raises:
        Rejected: code `request_in_progress`; it is being done.
    """
    keys = visit.repositories.idempotency
    claim = await keys.begin(visit.tenant, key, fingerprint("POST", path, operation.encode()))
    if isinstance(claim, Running):
        raise Rejected("this is being done: wait a moment", code="request_in_progress")
    if not isinstance(claim, Claim):
        return
    try:
        with visit.repositories.claim_renewer.holding(claim):
            await do()
    except Exception:
        await keys.abandon(claim)
        raise
    await keys.complete(claim, _DONE, b"", None)
