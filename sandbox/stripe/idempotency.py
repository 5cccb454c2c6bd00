"""Idempotency keys: the first response is returned again for 24 hours."""

import hashlib
import json
import time
from dataclasses import dataclass

from sandbox.stripe.errors import StripeFailure
from sandbox.stripe.store import Store

KEPT_FOR = 24 * 3600
LONGEST_KEY = 255


@dataclass(frozen=True)
class Answer:
    status: int
    body: str
    replayed: bool = False


class IdempotencyKeys:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._running: set[str] = set()

    def enter(self, key: str, fingerprint: str) -> Answer | None:
        """The earlier response under *key*; None if the call may run, and then `leave` must follow.

        Raises:
            StripeFailure: the key was used for something else, or its first call is still running.

        """
        if len(key) > LONGEST_KEY:
            raise StripeFailure(
                400,
                "invalid_request_error",
                f"Idempotency keys have at most {LONGEST_KEY} characters.",
            )
        oldest = time.time() - KEPT_FOR
        rows = self._store.query("SELECT fingerprint, status, body FROM calls WHERE key = ? AND at > ?", key, oldest)
        if rows and rows[0][0] != fingerprint:
            raise StripeFailure(
                400,
                "idempotency_error",
                "Keys for idempotent requests can only be used with the same parameters they were first used with. "
                f"Try using a key other than '{key}' if you meant to execute a different request.",
            )
        if rows:
            return Answer(rows[0][1], rows[0][2], replayed=True)
        if key in self._running:
            raise StripeFailure(
                409,
                "idempotency_error",
                "There is currently another in-progress request using this Idempotency Key (that probably means you "
                "submitted twice, and the other request is still going through).",
                code="idempotency_key_in_use",
            )
        self._running.add(key)
        return None

    def keep(self, key: str, fingerprint: str, answer: Answer) -> None:
        self._store.execute(
            "INSERT OR REPLACE INTO calls VALUES (?, ?, ?, ?, ?)",
            key,
            fingerprint,
            time.time(),
            answer.status,
            answer.body,
        )

    def leave(self, key: str) -> None:
        self._running.discard(key)


def fingerprint_of(method: str, path: str, params: object) -> str:
    identity = json.dumps([method, path, params], sort_keys=True)
    return hashlib.sha256(identity.encode()).hexdigest()
