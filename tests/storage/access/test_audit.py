"""The audit on PostgreSQL: rows are added, paged and settled, and never changed."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from domain.audit import Actor, ActorKind, AuditedCommand, AuditOutcome, AuditTarget, reference_to
from domain.names import DEFAULT_TENANT
from domain.subscription.journal import Cause, CauseKind, Entry
from domain.subscription.lifecycle import Status
from storage.access.audit import AuditFilter, AuditLog
from storage.db.cursors import PageRequest, Sort
from storage.db.engine import transaction
from tests.builders import NOW
from tests.storage.ledger import Ledger, a_step, later

KEY = Actor(ActorKind.KEY, "5c1f2f0e-7a43-5d0b-9a52-3f0f6f1f8c11", "operator")
ALL = AuditFilter()


@pytest.fixture
def log(ledger: Ledger) -> AuditLog:
    return AuditLog(ledger.engine)


def a_command(target: str = "", **changes: object) -> AuditedCommand:
    command = AuditedCommand(DEFAULT_TENANT, KEY, "suspendSubscription", AuditTarget("subscription", target), "req-1")
    return replace(command, **changes)  # type: ignore[arg-type]


async def test_a_command_and_its_outcome_are_read_as_one_line(log: AuditLog, ledger: Ledger) -> None:
    ada = await ledger.sign_up()
    command = a_command(ada.id, reason="chargeback", address="192.0.2.7")

    asked = await log.ask(command)
    [under_way] = (await log.find(DEFAULT_TENANT, ALL, PageRequest())).rows
    await ledger.save(a_step(later(ada, status=Status.ACTIVE)))
    await log.settle(asked, command, AuditOutcome.DONE)
    [entry] = (await log.find(DEFAULT_TENANT, ALL, PageRequest())).rows

    assert (under_way.outcome, under_way.settled_at, under_way.after) == (AuditOutcome.ASKED, None, None)
    assert (entry.id, entry.outcome, entry.code) == (str(asked), AuditOutcome.DONE, "")
    assert (entry.reason, entry.address, entry.actor) == ("chargeback", "192.0.2.7", KEY)
    assert entry.before is not None
    assert entry.after is not None
    assert (entry.before["status"], entry.after["status"]) == ("trialing", "active")
    assert entry.settled_at is not None
    assert entry.settled_at >= entry.at


async def test_a_refusal_keeps_its_code_and_nothing_of_the_target(log: AuditLog, ledger: Ledger) -> None:
    ada = await ledger.sign_up()
    asked = await log.ask(a_command(ada.id))

    await log.settle(asked, a_command(ada.id), AuditOutcome.REFUSED, "not_suspended")

    [entry] = (await log.find(DEFAULT_TENANT, ALL, PageRequest())).rows
    assert (entry.outcome, entry.code, entry.after) == (AuditOutcome.REFUSED, "not_suspended", None)


async def test_entries_come_in_pages_and_by_what_they_are_about(log: AuditLog) -> None:
    targets = [str(UUID(int=number)) for number in range(5)]
    for number, target in enumerate(targets):
        action = "extendTrial" if number % 2 else "suspendSubscription"
        await log.note(a_command(target, action=action), AuditOutcome.DONE)
    first = await log.find(DEFAULT_TENANT, ALL, PageRequest(2))
    second = await log.find(DEFAULT_TENANT, ALL, PageRequest(2, first.next_cursor))
    oldest = await log.find(DEFAULT_TENANT, ALL, PageRequest(2, sort=Sort.OLDEST_FIRST))
    about = await log.find(DEFAULT_TENANT, AuditFilter(target=targets[3]), PageRequest())
    extended = await log.find(DEFAULT_TENANT, AuditFilter(action="extendTrial"), PageRequest())

    assert [entry.target.id for entry in (*first.rows, *second.rows)] == targets[:0:-1]
    assert [entry.target.id for entry in oldest.rows] == targets[:2]
    assert [entry.action for entry in about.rows] == ["extendTrial"]
    assert [entry.target.id for entry in extended.rows] == [targets[3], targets[1]]
    assert (await log.find("another", ALL, PageRequest())).rows == []


@pytest.mark.parametrize("table", ["audit", "audit_details"])
@pytest.mark.parametrize("change", ["delete from {}", "update {} set tenant = 'other'", "truncate {}"])
async def test_nothing_is_changed_or_removed(log: AuditLog, ledger: Ledger, table: str, change: str) -> None:
    await log.ask(a_command(reason="chargeback"))

    with pytest.raises(DBAPIError, match=r"append-only|permission denied"):
        await ledger.run(change.format(table))

    assert await ledger.count(table) == 1


@pytest.mark.parametrize("role", ["tenure_app", "tenure_system"])
async def test_no_role_may_change_the_audit_even_on_purpose(log: AuditLog, ledger: Ledger, role: str) -> None:
    await log.ask(a_command(reason="chargeback"))

    for change in ("delete from audit", "update audit_details set reason = ''", "delete from audit_others"):
        with pytest.raises(DBAPIError, match="permission denied"):
            await _change_as(role, ledger, change)


async def _change_as(role: str, ledger: Ledger, change: str) -> None:
    async with ledger.engine.begin() as connection:
        await connection.execute(text(f"set local role {role}"))
        await connection.execute(text("set local tenure.erasing = 'yes'"))
        await connection.execute(text(change))


async def test_erasing_empties_what_was_written_about_a_target_and_keeps_who_did_what(
    log: AuditLog, ledger: Ledger
) -> None:
    ada, grace = await ledger.sign_up("ada"), await ledger.sign_up("grace")
    for one in (ada, grace):
        await log.ask(a_command(one.id, reason=f"about {one.id}", address="192.0.2.7"))

    async with transaction(ledger.engine, DEFAULT_TENANT) as connection:
        erased = await connection.scalar(
            text("select tenure_erase_audit(:tenant, :targets)"), {"tenant": DEFAULT_TENANT, "targets": [ada.id]}
        )

    found = {entry.target.id: entry for entry in (await log.find(DEFAULT_TENANT, ALL, PageRequest())).rows}
    assert erased == 1
    assert (found[ada.id].reason, found[ada.id].address, found[ada.id].before) == (None, None, None)
    assert found[grace.id].reason == f"about {grace.id}"
    assert found[ada.id].actor == KEY


async def test_what_a_stopped_process_left_is_settled_by_the_journal(log: AuditLog, ledger: Ledger) -> None:
    ada = await ledger.sign_up()
    carried_out, lost = a_command(ada.id, key="key-1"), a_command(ada.id, key="key-2", action="extendTrial")
    for command in (carried_out, lost):
        await log.ask(command)
    cause = Cause(CauseKind.COMMAND, "key-1", "operator")
    await ledger.save(a_step(later(ada), entries=(Entry("suspended", NOW + timedelta(days=400), "it is", cause),)))
    assert await log.settle_left(timedelta(hours=1)) == 0

    assert await log.settle_left(timedelta()) == 2
    assert await log.settle_left(timedelta()) == 0

    found = {entry.action: entry for entry in (await log.find(DEFAULT_TENANT, ALL, PageRequest())).rows}
    assert found["suspendSubscription"].outcome is AuditOutcome.DONE
    assert (found["extendTrial"].outcome, found["extendTrial"].code) == (AuditOutcome.UNKNOWN, "not_settled")


async def test_a_step_is_written_with_the_reason_and_its_state_with_the_reference(
    log: AuditLog, ledger: Ledger
) -> None:
    ada = await ledger.sign_up()
    reference = reference_to(await log.ask(a_command(ada.id, reason="chargeback")))
    cause = Cause(CauseKind.COMMAND, "key-1", "operator")
    entry = Entry("suspended", NOW, f"Suspended: {reference}", cause, {"reason": reference})

    await ledger.save(a_step(later(ada, cancel_reason=reference, status_reason=reference), entries=(entry,)))

    [line] = await ledger.rows("select summary, details->>'reason' as reason from journal where kind = 'suspended'")
    [row] = await ledger.rows("select status_reason, state->>'cancel_reason' as kept from subscriptions")
    assert line == {"summary": "Suspended: chargeback", "reason": "chargeback"}
    assert row == {"status_reason": "chargeback", "kept": reference}


async def test_there_are_partitions_for_two_years(ledger: Ledger) -> None:
    [found] = await ledger.rows(
        "select count(*)::int as n from pg_inherits where inhparent = 'audit'::regclass and inhrelid::regclass::text "
        "~ '^audit_[0-9]{4}_[0-9]{2}$'"
    )
    assert found["n"] == 25
