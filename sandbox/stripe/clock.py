"""A clock for each customer, which only moves forward; a test clock stands still until moved."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from sandbox.stripe.store import Object, Store

TEST_CLOCK = "test_helpers.test_clock"


class Clocks:
    """Real time plus the customer's offset, or the time of the customer's test clock.

    A customer is named by the Stripe id or by `metadata.external_id`, which may be known before the Stripe
    customer is.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._stopped: dict[str, datetime] = {}
        self._held: dict[str, datetime] = {}
        """Clocks that stand still between the times they are moved to."""

    def name(self, customer: str) -> str:
        """The name under which a customer's clock, answers and webhooks are stored."""
        rows = self._store.query("SELECT external_id FROM external_ids WHERE customer = ?", customer)
        return str(rows[0][0]) if rows else customer

    def stripe_ids(self, customer: str) -> list[str]:
        """The Stripe customers with this name, which may itself be one."""
        rows = self._store.query("SELECT customer FROM external_ids WHERE external_id = ?", self.name(customer))
        return [row[0] for row in rows] or [customer]

    def introduce(self, customer: str, external_id: str) -> None:
        """Let *customer* share the clock of *external_id*; it never goes back."""
        before, after = self._set(self.name(customer)), self._set(external_id)
        self._store.execute("INSERT OR REPLACE INTO external_ids VALUES (?, ?)", external_id, customer)
        if before is not None and before > (after or 0.0):
            self._store.execute("INSERT OR REPLACE INTO clocks VALUES (?, ?)", external_id, before)

    def now(self, customer: str | None) -> datetime:
        real = datetime.now(UTC)
        if customer is None:
            return real
        name = self.name(customer)
        if name in self._stopped:
            return self._stopped[name]
        if name in self._held:
            return self._held[name]
        test_clock = self.test_clock_of(customer)
        if test_clock is not None:
            return datetime.fromtimestamp(test_clock["frozen_time"], UTC)
        return real + timedelta(seconds=self._ahead(name))

    def test_clock_of(self, customer: str) -> Object | None:
        """The test clock of a Stripe customer, or of one behind a name."""
        rows = self._store.query(
            "SELECT clock FROM standing LEFT JOIN external_ids USING (customer) WHERE customer = ? OR external_id = ?",
            customer,
            customer,
        )
        return self._store.get(rows[0][0], TEST_CLOCK) if rows else None

    def standing_on(self, test_clock: str) -> list[str]:
        """The Stripe customers on this test clock."""
        return [row[0] for row in self._store.query("SELECT customer FROM standing WHERE clock = ?", test_clock)]

    def stand(self, customer: str, test_clock: str) -> None:
        """Put the Stripe customer on the test clock."""
        self._store.execute("INSERT INTO standing VALUES (?, ?)", customer, test_clock)

    def release(self, test_clock: str) -> None:
        """Remove all customers from this test clock."""
        self._store.execute("DELETE FROM standing WHERE clock = ?", test_clock)

    def ahead(self, customer: str) -> timedelta:
        return timedelta(seconds=self._ahead(self.name(customer)))

    def _ahead(self, name: str) -> float:
        return self._set(name) or 0.0

    def _set(self, name: str) -> float | None:
        """The offset that was set; None: the clock was never moved."""
        rows = self._store.query("SELECT ahead FROM clocks WHERE customer = ?", name)
        return float(rows[0][0]) if rows else None

    @contextmanager
    def stopped(self, customer: str, at: datetime) -> Iterator[None]:
        """Let things happen at exactly this time of the customer."""
        name = self.name(customer)
        self._stopped[name] = at
        try:
            yield
        finally:
            del self._stopped[name]

    def begin(self, customer: str, at: datetime) -> None:
        """Have a new customer's clock begin in the past: it stands still, and only moves when it is forwarded."""
        self._held[customer] = at
        # Nothing is due for them in real time meanwhile.
        self._store.execute(
            "INSERT OR REPLACE INTO clocks VALUES (?, ?)", customer, (at - datetime.now(UTC)).total_seconds()
        )

    def let_run(self, customer: str) -> None:
        """Have a clock that has begun in the past run with real time from now on."""
        del self._held[customer]
        self._store.execute("DELETE FROM clocks WHERE customer = ?", customer)

    def forward(self, customer: str, to: datetime) -> None:
        """Set the clock to *to*, unless it is already later."""
        name = self.name(customer)
        if name in self._held:
            self._held[name] = max(to, self._held[name])
            return
        ahead = (to - datetime.now(UTC)).total_seconds()
        if ahead > self._ahead(name):
            self._store.execute("INSERT OR REPLACE INTO clocks VALUES (?, ?)", name, ahead)
