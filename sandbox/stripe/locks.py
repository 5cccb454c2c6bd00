"""Locks: a call that changes a customer's objects while another one does is rejected."""

from collections.abc import Iterator
from contextlib import contextmanager

from sandbox.stripe.clock import Clocks
from sandbox.stripe.errors import StripeFailure
from sandbox.stripe.frozen_clocks import refuse_if_advancing
from sandbox.stripe.params import Params
from sandbox.stripe.store import Store


class Locks:
    """The customers whose objects are being changed."""

    def __init__(self, store: Store, clocks: Clocks) -> None:
        self._store = store
        self._clocks = clocks
        self._held: set[str] = set()

    @contextmanager
    def held(self, ids: Params, params: Params) -> Iterator[None]:
        """Lock the call's customer while the block runs.

        Raises:
            StripeFailure: 429 `lock_timeout`: another call holds it; 429 also while its test clock is being advanced.

        """
        customer = self._customer_of(ids, params)
        if customer is None:
            yield
            return
        refuse_if_advancing(self._clocks.test_clock_of(customer))
        if customer in self._held:
            raise lock_timeout()
        self._held.add(customer)
        try:
            yield
        finally:
            self._held.discard(customer)

    def _customer_of(self, ids: Params, params: Params) -> str | None:
        given = ids.get("customer") or params.get("customer")
        if isinstance(given, str):
            return given
        for reference in ids.values():
            rows = self._store.query("SELECT customer FROM objects WHERE id = ?", reference)
            if rows:
                return str(rows[0][0]) if rows[0][0] else None
        return None


def lock_timeout() -> StripeFailure:
    return StripeFailure(
        429,
        "invalid_request_error",
        "This object cannot be accessed right now because another API request or Stripe process is currently accessing "
        "it. If you see this error intermittently, retry the request. If you see this error frequently and are making "
        "multiple concurrent requests to a single object, make your requests serially or at a lower rate. For more "
        "details, see https://stripe.com/docs/rate-limits#object-lock-timeouts.",
        code="lock_timeout",
    )
