"""What the contract of the database needs: its ports, sign-ups that wait, and what is found stored afterwards."""

from dataclasses import dataclass, replace
from typing import Any, Protocol, cast
from uuid import uuid4

from domain.names import DEFAULT_TENANT
from domain.notifications.ports import Mails
from domain.subscription.ports import Records, RenewalRecords
from domain.subscription.sign_up import SignUpContact
from domain.subscription.state import Subscription
from storage.db.codec import state_from_json
from storage.subscriptions.mails import MailRecords
from storage.subscriptions.renewals import RenewalRecords as PostgresRenewalRecords
from storage.subscriptions.sign_ups import SignUps
from tests.builders import a_trial
from tests.contracts.in_memory.records import InMemoryRecords
from tests.harness.trial_key import TRIAL_KEY
from tests.storage.ledger import Ledger, a_step


@dataclass(frozen=True)
class Stored:
    """All that is stored, in the order in which keys sort."""

    subscriptions: dict[str, Subscription]
    journal: list[tuple[str, int, int, str]]
    """Subscription, sequence, position and kind."""
    mails: dict[str, tuple[str, str]]
    """By id: status and message id."""
    invoices: dict[str, tuple[str, int]]
    """By reference: status and amount."""
    movements: list[tuple[str, int, int, str, int, int]]
    """Subscription, sequence, position, kind, annual amount before and after."""
    customers: dict[str, str]
    """By external id: address."""
    pending: set[str]
    """Subscriptions that are signed up for and not decided."""
    events: list[tuple[str, int, str]]
    """What products are told: subscription, sequence and type."""


class Database(Protocol):
    """A database with one tenant."""

    @property
    def records(self) -> Records: ...
    @property
    def renewals(self) -> RenewalRecords: ...
    @property
    def mails(self) -> Mails: ...
    async def wait(self, subscription: str, external_id: str, email: str, **said: Any) -> str:
        """Keep what a sign-up says of its customer; returns the customer's id."""
        ...

    async def stored(self) -> Stored: ...


class InMemoryDatabase:
    def __init__(self, records: InMemoryRecords | None = None) -> None:
        self._rows = records or InMemoryRecords()
        self.records: Records = self._rows
        self.renewals: RenewalRecords = self._rows
        self.mails: Mails = self._rows

    async def wait(self, subscription: str, external_id: str, email: str, **said: Any) -> str:
        return await self._rows.wait(subscription, DEFAULT_TENANT, SignUpContact(external_id, email, **said))

    async def stored(self) -> Stored:
        rows = self._rows
        return Stored(
            {id_: step.subscription for id_, step in rows.steps.items()},
            sorted((*key, entry.kind) for key, entry in rows.journal.items()),
            {id_: (mail.status, mail.message_id) for id_, mail in rows.mails.items()},
            {ref: (invoice.status, invoice.amount) for (_, ref), (_, invoice) in rows.invoices.items()},
            sorted((*key, each.kind.value, each.before, each.after) for key, each in rows.movements.items()),
            {each.contact.external_id: each.contact.email for each in rows.customers.values()},
            set(rows.pending),
            sorted((str(each.subscription), each.sequence or 0, each.type.value) for each in rows.events.values()),
        )


class PostgresDatabase:
    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self.records = ledger.records
        self.renewals = PostgresRenewalRecords(ledger.engine, TRIAL_KEY)
        self.mails = MailRecords(ledger.engine)

    async def wait(self, subscription: str, external_id: str, email: str, **said: Any) -> str:
        contact = SignUpContact(external_id, email, **said)
        return await SignUps(self._ledger.engine).wait(subscription, DEFAULT_TENANT, contact)

    async def stored(self) -> Stored:
        rows = self._ledger.rows
        return Stored(
            {
                str(row["id"]): state_from_json(cast("dict[str, Any]", row["state"]))
                for row in await rows("select id, state from subscriptions")
            },
            [
                (str(row["id"]), row["sequence"], row["position"], row["kind"])  # type: ignore[misc]  # of a row
                for row in await rows(
                    "select subscription::text id, sequence, position, kind from journal order by 1, 2, 3"
                )
            ],
            {
                str(row["id"]): (str(row["status"]), str(row["message_id"] or ""))
                for row in await rows("select id, status, message_id from mails")
            },
            {
                str(row["ref"]): (str(row["status"]), row["amount"])  # type: ignore[misc]  # of a row
                for row in await rows("select ref, status, amount from invoices")
            },
            [
                tuple(row.values())  # type: ignore[misc]  # of a row
                for row in await rows(
                    "select subscription::text, sequence, position, kind, before, after from mrr_movements"
                    " order by 1, 2, 3"
                )
            ],
            {
                str(row["external_id"]): str(row["email"])
                for row in await rows("select external_id, email from customers")
            },
            {str(row["id"]) for row in await rows("select subscription id from sign_up_contacts")},
            sorted(
                (str(row["subscription"]), row["sequence"], row["type"])  # type: ignore[misc]  # of a row
                for row in await rows("select subscription, sequence, type from events where sequence is not null")
            ),
        )


async def asked(database: Database, external_id: str = "ada", **changes: object) -> Subscription:
    """A subscription that is signed up for, and not decided."""
    id_ = str(uuid4())
    customer = await database.wait(id_, external_id, f"{id_}@new.example")
    return replace(a_trial(id=id_, customer=customer), **changes)  # type: ignore[arg-type]  # told by name


async def signed_up(database: Database, external_id: str = "ada", **changes: object) -> Subscription:
    """A subscription whose first step is stored."""
    it = await asked(database, external_id, **changes)
    await database.records.save(a_step(it))
    return it
