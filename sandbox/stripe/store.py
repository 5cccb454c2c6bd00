"""The simulator's state: an SQLite file, consistent after a killed process."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Object = dict[str, Any]

SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    customer TEXT,
    parent TEXT,
    due INTEGER,
    body TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS objects_by_kind ON objects (kind, customer, seq);
CREATE INDEX IF NOT EXISTS objects_by_parent ON objects (parent, kind, seq);
CREATE INDEX IF NOT EXISTS objects_by_due ON objects (customer, due) WHERE due IS NOT NULL;
CREATE TABLE IF NOT EXISTS clocks (customer TEXT PRIMARY KEY, ahead REAL NOT NULL);
CREATE TABLE IF NOT EXISTS standing (customer TEXT PRIMARY KEY, clock TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS answers (customer TEXT PRIMARY KEY, card TEXT, answers TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS external_ids (external_id TEXT NOT NULL, customer TEXT PRIMARY KEY);
CREATE INDEX IF NOT EXISTS customers_by_external_id ON external_ids (external_id);
CREATE TABLE IF NOT EXISTS deliveries (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    event TEXT NOT NULL UNIQUE,
    lane TEXT NOT NULL,
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS deliveries_by_lane ON deliveries (state, lane, seq);
CREATE TABLE IF NOT EXISTS calls (
    key TEXT PRIMARY KEY, fingerprint TEXT NOT NULL, at REAL NOT NULL, status INTEGER NOT NULL, body TEXT NOT NULL
);
"""

ALL_DUE = """
SELECT DISTINCT objects.customer FROM objects
LEFT JOIN external_ids ON external_ids.customer = objects.customer
LEFT JOIN clocks ON clocks.customer = COALESCE(external_ids.external_id, objects.customer)
LEFT JOIN standing ON standing.customer = objects.customer
WHERE due IS NOT NULL AND (due <= ? + COALESCE(ahead, 0) OR clock IS NOT NULL)
"""

PARENTS = {
    "invoice": "_subscription",
    "invoice_payment": "invoice",
    "invoice_item": "_subscription",
    "billing.meter_event": "_meter",
    "invoiceitem": "_subscription",
    "charge": "payment_intent",
    "refund": "charge",
    "price": "product",
}
"""The field of an object that refers to its parent."""


class Store:
    """Objects as Stripe returns them, plus our own fields, whose names begin with `_`.

    Inside a transaction every read of an object returns the same dict; an exception rolls everything back.
    """

    def __init__(self, path: Path | None) -> None:
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(":memory:" if path is None else path, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.executescript(SCHEMA)
        self._depth = 0
        self._live: dict[str, Object] = {}

    def close(self) -> None:
        self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        if self._depth:
            yield
            return
        self._db.execute("BEGIN IMMEDIATE")
        self._depth = 1
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        else:
            self._db.execute("COMMIT")
        finally:
            self._depth = 0
            self._live.clear()

    def get(self, reference: str, kind: str) -> Object | None:
        row = self._db.execute("SELECT id, body FROM objects WHERE id = ? AND kind = ?", (reference, kind)).fetchone()
        return None if row is None else self._awaken(row)

    def find(
        self,
        kind: str,
        *,
        customer: str | None = None,
        parent: str | None = None,
        newest_first: bool = True,
    ) -> list[Object]:
        wanted = [("kind", kind), ("customer", customer), ("parent", parent)]
        given = [(column, value) for column, value in wanted if value is not None]
        where = " AND ".join(f"{column} = ?" for column, _ in given)
        order = "DESC" if newest_first else "ASC"
        rows = self._db.execute(
            f"SELECT id, body FROM objects WHERE {where} ORDER BY seq {order}",  # noqa: S608 - names are ours
            [value for _, value in given],
        ).fetchall()
        return [self._awaken(row) for row in rows]

    def _awaken(self, row: tuple[str, str]) -> Object:
        reference, body = row
        if reference in self._live:
            return self._live[reference]
        thing: Object = json.loads(body)
        if self._depth:
            self._live[reference] = thing
        return thing

    def save(self, thing: Object, *, due: int | None = None) -> Object:
        """Write *thing*; *due* is when the simulator must process it next, by its customer's clock."""
        if self._depth:
            self._live[thing["id"]] = thing
        kind = thing["object"]
        customer = thing["id"] if kind == "customer" else thing.get("customer") or thing.get("_customer")
        parent = thing.get(PARENTS[kind]) if kind in PARENTS else None
        self._db.execute(
            "INSERT INTO objects (id, kind, customer, parent, due, body) VALUES (?, ?, ?, ?, ?, ?) "
            "ON CONFLICT (id) DO UPDATE SET customer = excluded.customer, parent = excluded.parent, "
            "due = excluded.due, body = excluded.body",
            (thing["id"], kind, customer, parent, due, json.dumps(thing)),
        )
        return thing

    def forget(self, reference: str) -> None:
        self._live.pop(reference, None)
        self._db.execute("DELETE FROM objects WHERE id = ?", (reference,))

    def next_due(self, customer: str) -> tuple[int, str, str] | None:
        """(moment, id, kind) of what is due first for *customer*."""
        row: tuple[int, str, str] | None = self._db.execute(
            "SELECT due, id, kind FROM objects WHERE customer = ? AND due IS NOT NULL ORDER BY due, seq LIMIT 1",
            (customer,),
        ).fetchone()
        return row

    def all_due(self, now: float) -> list[str]:
        """The customers for whom something is due at *now*, each by their own clock, and all on test clocks."""
        return [customer for (customer,) in self._db.execute(ALL_DUE, (now,))]

    def query(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        return self._db.execute(sql, values).fetchall()

    def execute(self, sql: str, *values: Any) -> int:
        """Execute a change; returns the number of rows."""
        return self._db.execute(sql, values).rowcount
