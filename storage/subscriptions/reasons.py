"""Puts what people wrote where it is read: workflows, and so their histories, know it by a reference alone."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from uuid import UUID

from sqlalchemy import ARRAY, Uuid, bindparam, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.audit import references_in, with_reasons
from domain.subscription.journal import Step
from storage.schema.audit_tables import audit_details


async def read_out(connection: AsyncConnection, step: Step) -> Step:
    """The step with each reference to a reason replaced by the reason. Most have none, and ask for nothing."""
    wanted = references_in(_texts(step))
    return _with(step, await _reasons(connection, step.subscription.tenant, wanted)) if wanted else step


async def read_text(connection: AsyncConnection, tenant: str, text: str) -> str | None:
    """The text with each reference replaced by the reason; None: it was erased."""
    reasons = await _reasons(connection, tenant, references_in([text]))
    return with_reasons(text, reasons) if all(reasons.values()) and reasons else None


async def _reasons(connection: AsyncConnection, tenant: str, wanted: Collection[UUID]) -> dict[UUID, str]:
    ids = bindparam(None, list(wanted), type_=ARRAY(Uuid))
    found = select(audit_details.c.audit_id, audit_details.c.reason).where(
        audit_details.c.tenant == tenant, audit_details.c.audit_id == func.any(ids)
    )
    return {row.audit_id: row.reason or "" for row in await connection.execute(found)}


def _texts(step: Step) -> Iterator[str]:
    it = step.subscription
    yield it.status_reason
    yield it.cancel_reason
    for due in step.ahead:
        yield due.why
    for entry in step.entries:
        yield entry.summary
        yield from entry.details.values()
    for mail in step.mails:
        yield from mail.facts.values()


def _with(step: Step, reasons: Mapping[UUID, str]) -> Step:
    def read(text: str) -> str:
        return with_reasons(text, reasons)

    def read_all(texts: Mapping[str, str]) -> dict[str, str]:
        return {name: read(text) for name, text in texts.items()}

    it = step.subscription
    return replace(
        step,
        subscription=replace(it, status_reason=read(it.status_reason), cancel_reason=read(it.cancel_reason)),
        ahead=tuple(replace(due, why=read(due.why)) for due in step.ahead),
        entries=tuple(
            replace(entry, summary=read(entry.summary), details=read_all(entry.details)) for entry in step.entries
        ),
        mails=tuple(replace(mail, facts=read_all(mail.facts)) for mail in step.mails),
    )
