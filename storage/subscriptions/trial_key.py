"""Holds an installation to its one trial key, and gives the marks of earlier releases that key."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Row, Select, Text, bindparam, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.errors import Rejected
from storage.db.engine import transaction
from storage.schema.tables import installation, trials
from storage.subscriptions.trials import TrialKey

FINGERPRINT = "trial_key_fingerprint"
"""The name of the row in `installation`."""
BATCH_SIZE = 5_000
"""Marks that are given the key in one transaction."""
_LOCK = 7_314_420_191
"""The advisory lock that keeps two processes from doing it at once."""

# Of two rows for one mark the keyed one stays.
_KEYS = """
with given as (
    select * from unnest(
        cast(:tenants as text[]), cast(:kinds as text[]), cast(:plain as text[]), cast(:keyed as text[])
    ) as given (tenant, kind, plain, keyed)
), gone as (
    delete from trials t using given g
        where t.tenant = g.tenant and t.kind = g.kind and t.digest = g.plain and not t.keyed
          and exists (select from trials o where o.tenant = g.tenant and o.kind = g.kind and o.digest = g.keyed)
)
update trials t set digest = g.keyed, keyed = true
    from given g
    where t.tenant = g.tenant and t.kind = g.kind and t.digest = g.plain and not t.keyed
      and not exists (select from trials o where o.tenant = g.tenant and o.kind = g.kind and o.digest = g.keyed)
"""
_SET_KEYS = text(_KEYS).bindparams(
    *(bindparam(name, type_=ARRAY(Text)) for name in ("tenants", "kinds", "plain", "keyed"))
)


async def check_trial_key(engine: AsyncEngine, key: TrialKey) -> None:
    """Records the key's fingerprint if there is none yet; later, holds every process to that key.

    Raises:
        Rejected: code `trial_key_differs`; the installation has another one.
    """
    first = insert(installation).values(name=FINGERPRINT, value=key.fingerprint).on_conflict_do_nothing()
    stored = select(installation.c.value).where(installation.c.name == FINGERPRINT)
    async with transaction(engine) as connection:
        known = (await connection.execute(stored)).scalar()
        if known is None:
            await connection.execute(first)
            known = (await connection.execute(stored)).scalar_one()
    if known != key.fingerprint:
        raise Rejected(
            "TENURE_TRIAL_KEY is not the key that this installation began with, so nobody's earlier trial would be "
            "found: set that one again; unlike TENURE_SECRET_KEY it is never changed",
            code="trial_key_differs",
        )


async def key_all_marks(engine: AsyncEngine, key: TrialKey) -> int:
    """Gives the key to the marks that earlier releases made without one; returns how many these were.

    Safe to repeat, to interrupt and to run while subscriptions are begun: either kind is found.
    """
    done, last = 0, None
    while True:
        async with transaction(engine) as connection:
            await connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
            rows = await _next(connection, last)
            if rows:
                await key_marks(connection, key, rows)
        if not rows:
            return done
        done, last = done + len(rows), rows[-1].subscription


async def key_marks(connection: AsyncConnection, key: TrialKey, rows: Sequence[Row[Any]]) -> None:
    """Gives the key to rows of `trials` that have none."""
    given = {
        "tenants": [row.tenant for row in rows],
        "kinds": [row.kind for row in rows],
        "plain": [row.digest for row in rows],
        "keyed": [key.keyed(row.digest) for row in rows],
    }
    await connection.execute(_SET_KEYS, given)


async def _next(connection: AsyncConnection, last: UUID | None) -> Sequence[Row[Any]]:
    columns = trials.c.tenant, trials.c.kind, trials.c.digest, trials.c.subscription
    wanted: Select[Any] = select(*columns).where(~trials.c.keyed).order_by(trials.c.subscription).limit(BATCH_SIZE)
    # A subscription's marks may be spread over two batches; those of the first are keyed by then.
    wanted = wanted if last is None else wanted.where(trials.c.subscription >= last)
    rows: Sequence[Row[Any]] = (await connection.execute(wanted)).all()
    return rows
