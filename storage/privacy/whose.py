"""Whose rows they are: a customer, and by what the rows of each table are found to be theirs."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    LargeBinary,
    Select,
    Table,
    and_,
    bindparam,
    cast,
    func,
    literal_column,
    or_,
    select,
)

from storage.access.web_sessions import WebRole
from storage.schema.access_tables import idempotency_keys
from storage.schema.audit_tables import audit
from storage.schema.event_tables import delivery_attempts, event_deliveries, events
from storage.schema.purchase_tables import purchases
from storage.schema.reconciliation_tables import discrepancies
from storage.schema.tables import sign_up_contacts
from storage.schema.webhook_tables import webhook_inbox

SHORTEST_TOLD = 6
"""Characters of an id that are looked for in the product's keys; shorter ones would be found in many."""


@dataclass(frozen=True)
class Subject:
    """A customer, and by what their rows are found."""

    tenant: str
    customer: UUID
    external_id: str
    email: str
    subscriptions: Sequence[UUID] = ()
    customer_refs: Sequence[str] = ()
    """Their ids at the payment provider, the present one and former ones."""
    agreement_refs: Sequence[str] = ()


def of_tenant(table: Table, by: Callable[[Subject], ColumnElement[bool]]) -> Callable[[Subject], ColumnElement[bool]]:
    return lambda subject: and_(table.c.tenant == subject.tenant, by(subject))


def by_customer(table: Table, column: str = "customer") -> Callable[[Subject], ColumnElement[bool]]:
    return of_tenant(table, lambda subject: table.c[column] == subject.customer)


def by_subscription(table: Table) -> Callable[[Subject], ColumnElement[bool]]:
    return of_tenant(table, lambda subject: table.c.subscription.in_(subject.subscriptions))


def by_external_id(table: Table) -> Callable[[Subject], ColumnElement[bool]]:
    return of_tenant(table, lambda subject: table.c.customer == subject.external_id)


def of_session(table: Table) -> Callable[[Subject], ColumnElement[bool]]:
    is_customers = table.c.kind == WebRole.CUSTOMER.value
    return of_tenant(table, lambda subject: and_(is_customers, table.c.subject == subject.customer))


def pending(subject: Subject) -> ColumnElement[bool]:
    it = sign_up_contacts.c
    return or_(it.customer == subject.customer, it.external_id == subject.external_id)


def purchased(subject: Subject) -> ColumnElement[bool]:
    it = purchases.c
    given = it.sign_up["contact"]["external_id"].astext
    return or_(it.subscription.in_(subject.subscriptions), given == subject.external_id)


def received(subject: Subject) -> ColumnElement[bool]:
    """Of their own tenant. Of events that were found to be nobody's, `storage.privacy.received` knows."""
    it = webhook_inbox.c
    is_ours = it.tenant == subject.tenant
    # Each of the three by an index of its own: without it each would read the whole inbox.
    names_none = it.customer_ref == literal_column("''")
    return and_(
        is_ours,
        or_(
            it.customer_ref.in_(subject.customer_refs),
            and_(names_none, it.object_id.in_(subject.customer_refs)),
            and_(names_none, it.agreement_ref.in_(subject.agreement_refs)),
        ),
    )


def about(subject: Subject) -> ColumnElement[bool]:
    is_target = audit.c.target.in_([str(subject.customer), *(str(each) for each in subject.subscriptions)])
    # Each by an index of its own: what was asked, and what came of it, which alone names whom a sign-up has made.
    return or_(and_(audit.c.settles.is_(None), is_target), and_(audit.c.settles.is_not(None), is_target))


def entries_about(subject: Subject) -> Select[Any]:
    return select(audit.c.id).where(audit.c.tenant == subject.tenant, about(subject))


def found(subject: Subject) -> ColumnElement[bool]:
    it = discrepancies.c
    return or_(it.subscription.in_(subject.subscriptions), it.agreement_ref.in_(subject.agreement_refs))


def delivered(subject: Subject) -> ColumnElement[bool]:
    return event_deliveries.c.event.in_(_events_about(subject))


def attempted(subject: Subject) -> ColumnElement[bool]:
    theirs = select(event_deliveries.c.id).where(event_deliveries.c.tenant == subject.tenant, delivered(subject))
    return delivery_attempts.c.delivery.in_(theirs)


def _events_about(subject: Subject) -> Select[Any]:
    return select(events.c.id).where(events.c.tenant == subject.tenant, events.c.customer == subject.customer)


def answered(subject: Subject) -> ColumnElement[bool]:
    """Answers name the customer or one of their subscriptions; else the product's key may say whose they are.

    Too many do no harm: a repeat is carried out once all the same, since what it began knows it.
    """
    named = [str(subject.customer), *(str(each) for each in subject.subscriptions)]
    fields = (("external_id", subject.external_id), ("customer", subject.external_id), ("email", subject.email))
    named += [f'"{name}":{json.dumps(value, ensure_ascii=False)}' for name, value in fields]
    body, location = idempotency_keys.c.body, idempotency_keys.c.location
    in_location = [location.contains(str(each), autoescape=True) for each in subject.subscriptions]
    told = [each for each in (subject.external_id, subject.email) if len(each) >= SHORTEST_TOLD]
    in_key = [idempotency_keys.c.key.contains(each, autoescape=True) for each in told]
    return or_(*(_contains(body, each) for each in named), *in_location, *in_key)


def _contains(body: ColumnElement[Any], text: str) -> ColumnElement[bool]:
    sought = cast(bindparam(None, text.encode(), LargeBinary), LargeBinary)
    return func.position(sought.op("IN")(body)) > 0
