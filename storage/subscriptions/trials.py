"""Who has had a trial: one row per mark of each, under a unique key. Marks name nobody, and only the key makes them."""

import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from sqlalchemy import func, literal, select, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.notifications.mailboxes import canonical_mail
from domain.subscription.journal import Step
from domain.subscription.lifecycle import Status
from domain.subscription.policy import TrialMark
from domain.subscription.trial import used
from storage.db.engine import transaction
from storage.schema.tables import customers, trials

_FINGERPRINT = b"tenure/trial-key/fingerprint/1"


def plain_digest(tenant: str, mark: TrialMark, value: str) -> str:
    """A digest without a key, as releases up to 0.1.0 stored it: anybody can compare it with that of an address."""
    return hashlib.sha256("\0".join((tenant, mark.value, value)).encode()).hexdigest()


class TrialKey:
    """Makes the marks of trials. One key for the whole life of an installation: another one finds none of them."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()

    @property
    def fingerprint(self) -> str:
        """Identifies the key without revealing it."""
        return hmac.new(self._secret, _FINGERPRINT, hashlib.sha256).hexdigest()[:32]

    def digest(self, tenant: str, mark: TrialMark, value: str) -> str:
        """Stored in place of the value: the same for equal values within a tenant only."""
        return self.keyed(plain_digest(tenant, mark, value))

    def keyed(self, plain: str) -> str:
        """The mark of a digest that was made without a key."""
        return hmac.new(self._secret, plain.encode(), hashlib.sha256).hexdigest()


def values_of_customer(external_id: str, email: str) -> dict[TrialMark, str]:
    """What a customer's marks are made of."""
    return {TrialMark.CUSTOMER: external_id, TrialMark.EMAIL: canonical_mail(email)}


class Trials:
    """Finds out who has had a trial."""

    def __init__(self, engine: AsyncEngine, key: TrialKey) -> None:
        self._engine = engine
        self._key = key

    async def used(
        self, *, tenant: str, external_id: str, email: str, one_per: Sequence[TrialMark], besides: str | None = None
    ) -> TrialMark | None:
        """The first mark under which the customer has had a trial, other than that of subscription *besides*."""
        values = values_of_customer(external_id, email)
        found = select(trials.c.kind).where(
            trials.c.tenant == tenant,
            tuple_(trials.c.kind, trials.c.digest).in_([*_keyed(self._key, tenant, values), *_plain(tenant, values)]),
        )
        if besides is not None:
            found = found.where(trials.c.subscription != UUID(besides))
        async with transaction(self._engine, tenant) as connection:
            taken = set((await connection.execute(found)).scalars())
        return next((mark for mark in one_per if mark.value in taken), None)


async def keep_marks(connection: AsyncConnection, key: TrialKey, step: Step) -> None:
    """Records the marks of a trial with the step that starts it, or of a card with the step that brings it.

    Marks that no rule asks for are recorded too, so that a later rule finds them.

    Raises:
        Rejected: code `trial_used`; the step must not be written.
    """
    it = step.subscription
    values = _values_of_card(step)
    if step.trial is not None:
        values |= await _values_of(connection, it.customer)
    if not values:
        return
    at = step.entries[-1].at if step.entries else it.created_at
    taken = await _taken_before(connection, it.tenant, values)
    rows = [
        {
            "tenant": it.tenant,
            "kind": mark.value,
            "digest": key.digest(it.tenant, mark, values[mark]),
            "keyed": True,
            "subscription": UUID(it.id),
            "at": at,
        }
        for mark in TrialMark  # always in this order, to avoid deadlocks
        if mark in values.keys() - taken
    ]
    fresh: set[str] = set()
    if rows:
        kept = insert(trials).values(rows).on_conflict_do_nothing().returning(trials.c.kind)
        fresh = set((await connection.execute(kept)).scalars())
    all_taken = values.keys() - {TrialMark(kind) for kind in fresh}
    refused = next((mark for mark in step.trial.one_per if mark in all_taken), None) if step.trial else None
    if refused is not None:
        raise used(refused)


async def keep_mark_of_address(
    connection: AsyncConnection, key: TrialKey, tenant: str, external_id: str, email: str
) -> None:
    """Records the customer's new address for the trial they had."""
    values = values_of_customer(external_id, email)
    of_customer = {TrialMark.CUSTOMER: external_id}
    had = (
        select(
            literal(tenant),
            literal(TrialMark.EMAIL.value),
            literal(key.digest(tenant, TrialMark.EMAIL, values[TrialMark.EMAIL])),
            literal(True),
            trials.c.subscription,
            func.now(),
        )
        .where(
            trials.c.tenant == tenant,
            tuple_(trials.c.kind, trials.c.digest).in_(
                [*_keyed(key, tenant, of_customer), *_plain(tenant, of_customer)]
            ),
        )
        .limit(1)
    )
    columns = ["tenant", "kind", "digest", "keyed", "subscription", "at"]
    await connection.execute(insert(trials).from_select(columns, had).on_conflict_do_nothing())


def _keyed(key: TrialKey, tenant: str, values: Mapping[TrialMark, str]) -> Iterable[tuple[str, str]]:
    return ((mark.value, key.digest(tenant, mark, value)) for mark, value in values.items())


def _plain(tenant: str, values: Mapping[TrialMark, str]) -> Iterable[tuple[str, str]]:
    """As rows without a key have them: those of an earlier release that is still running while this one starts."""
    return ((mark.value, plain_digest(tenant, mark, value)) for mark, value in values.items())


async def _taken_before(connection: AsyncConnection, tenant: str, values: Mapping[TrialMark, str]) -> set[TrialMark]:
    """The marks that are known by a digest without a key."""
    wanted = select(trials.c.kind).where(
        trials.c.tenant == tenant, tuple_(trials.c.kind, trials.c.digest).in_([*_plain(tenant, values)])
    )
    return {TrialMark(kind) for kind in (await connection.execute(wanted)).scalars()}


async def _values_of(connection: AsyncConnection, customer: str) -> dict[TrialMark, str]:
    named = select(customers.c.external_id, customers.c.email).where(customers.c.id == UUID(customer))
    row = (await connection.execute(named)).one()
    return values_of_customer(row.external_id, row.email)


def _values_of_card(step: Step) -> dict[TrialMark, str]:
    """None without a trial: a paid start is `trialing` too until its first payment."""
    it = step.subscription
    is_on_trial = it.status is Status.TRIALING and it.trial_ends_at is not None
    if it.card is None or not it.card.fingerprint or not is_on_trial:
        return {}
    return {TrialMark.CARD: it.card.fingerprint}
