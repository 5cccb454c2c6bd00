"""Bulk runs in PostgreSQL: rows are fixed when a run is made, and each gets one outcome."""

from dataclasses import replace
from uuid import UUID, uuid4

import pytest

from domain.audit import Actor, ActorKind, AuditedCommand, AuditOutcome, AuditTarget, reference_to
from domain.bulk.actions import ActionKind, BulkAction
from domain.bulk.ports import RowResult
from domain.bulk.previews import Verdict
from domain.bulk.runs import BulkRun, NewRun, RowOutcome, RunState, Tally, command_key
from domain.errors import Malformed, Rejected
from domain.names import DEFAULT_TENANT
from domain.subscription.commands import CancelAt
from domain.subscription.lifecycle import Status
from storage.access.audit import AuditFilter, AuditLog
from storage.bulk import choosing
from storage.bulk.choosing import BulkChoices, Range
from storage.bulk.runs import BulkRuns
from storage.db.cursors import PageRequest
from storage.subscriptions.mail_list import MailList
from storage.subscriptions.subscription_list import Filters
from tests.builders import NOW
from tests.storage.ledger import Ledger, a_mail, a_step, later

ADMIN = Actor(ActorKind.KEY, "5c1f2f0e-7a43-5d0b-9a52-3f0f6f1f8c11", "admin")
EXTEND = BulkAction(ActionKind.EXTEND_TRIAL, days=7)
DONE = RowResult(RowOutcome.DONE)


@pytest.fixture
def runs(ledger: Ledger) -> BulkRuns:
    return BulkRuns(ledger.engine)


async def asked(ledger: Ledger, **changes: object) -> NewRun:
    """A run, noted in the audit with its reason."""
    command = AuditedCommand(DEFAULT_TENANT, ADMIN, "startBulk", AuditTarget("bulk_run"), "req-1", reason="the outage")
    entry = await AuditLog(ledger.engine).ask(command)
    run = NewRun(str(uuid4()), DEFAULT_TENANT, EXTEND, {"status": "trialing"}, None, ADMIN, reference_to(entry), rate=5)
    return replace(run, **changes)  # type: ignore[arg-type]


async def made(ledger: Ledger, waiting: int = 3, refused: int = 1) -> BulkRun:
    """A run of subscriptions that allow its action, and of others that refuse it."""
    run = await asked(ledger)
    subscriptions = await ledger.sign_up_many(waiting + refused)
    codes = [""] * waiting + ["not_in_trial"] * refused
    chosen = [Verdict(one.id, "trialing", code) for one, code in zip(subscriptions, codes, strict=True)]
    assert await BulkRuns(ledger.engine).create(run, chosen)
    return await BulkRuns(ledger.engine).get(DEFAULT_TENANT, run.id)


async def test_a_run_is_read_as_it_was_asked_for_with_its_reason_and_counts(ledger: Ledger, runs: BulkRuns) -> None:
    run = await made(ledger)

    assert (run.state, run.tally, run.refused) == (RunState.STARTING, Tally(refused=1, waiting=3), {"not_in_trial": 1})
    assert (run.action, run.filter, run.actor, run.reason) == (EXTEND, {"status": "trialing"}, ADMIN, "the outage")
    assert await runs.run_of(run.id) == run
    [listed] = (await runs.find(DEFAULT_TENANT, PageRequest())).rows
    assert listed == run


@pytest.mark.parametrize(
    "action",
    [BulkAction(ActionKind.CANCEL, at=CancelAt.NOW), BulkAction(ActionKind.MIGRATE_POLICY, policy="2026-11")],
)
async def test_an_action_keeps_its_parameters(ledger: Ledger, runs: BulkRuns, action: BulkAction) -> None:
    run = await asked(ledger, action=action)
    await runs.create(run, [])

    assert (await runs.get(DEFAULT_TENANT, run.id)).action == action


async def test_a_run_that_is_made_again_keeps_the_rows_of_the_first_time(ledger: Ledger, runs: BulkRuns) -> None:
    run = await made(ledger)
    another = await ledger.sign_up("late")

    assert not await runs.create(run, [Verdict(another.id, "trialing")])

    assert (await runs.get(DEFAULT_TENANT, run.id)).tally.chosen == 4


async def test_rows_are_worked_off_in_order_and_an_outcome_is_written_once(ledger: Ledger, runs: BulkRuns) -> None:
    run = await made(ledger)
    first, second = await runs.waiting(run.id, limit=2)

    assert await runs.settle(run, first, DONE)
    assert not await runs.settle(run, first, RowResult(RowOutcome.UNKNOWN, "still_working"))
    assert await runs.settle(run, second, RowResult(RowOutcome.REFUSED, "subscription_canceled"))

    assert await runs.tally(run.id) == Tally(done=1, refused=2, waiting=1)
    rows = await runs.rows(run, after=0, limit=10)
    assert [row.position for row in rows] == [1, 2, 3, 4]
    assert [row.outcome for row in rows] == [RowOutcome.DONE, RowOutcome.REFUSED, None, RowOutcome.REFUSED]
    assert [row.position for row in await runs.rows(run, after=1, limit=1)] == [2, 3]
    assert [row.position for row in await runs.rows(run, after=0, limit=9, outcome=RowOutcome.REFUSED)] == [2, 4]
    assert [str(one) for one in await runs.subscriptions_done(run)] == [first.subscription]


async def test_each_rows_command_is_in_the_audit_once_with_the_run_as_its_cause(ledger: Ledger, runs: BulkRuns) -> None:
    run = await made(ledger)
    [row] = await runs.waiting(run.id, limit=1)

    await runs.settle(run, row, DONE)
    await runs.settle(run, row, DONE)

    found = await AuditLog(ledger.engine).find(DEFAULT_TENANT, AuditFilter(target=row.subscription), PageRequest())
    [entry] = found.rows
    assert (entry.action, entry.actor, entry.outcome) == ("extendTrial", ADMIN, AuditOutcome.DONE)
    assert entry.request_id == f"bulk/{run.id}"
    assert entry.after is not None
    [kept] = await ledger.rows("select key from audit where action = 'extendTrial'")
    assert kept["key"] == command_key(run.id, row.subscription)


async def test_a_stopped_run_skips_what_waits_and_knows_when_it_ended(ledger: Ledger, runs: BulkRuns) -> None:
    run = await made(ledger)
    [row] = await runs.waiting(run.id, limit=1)
    await runs.settle(run, row, DONE)

    assert await runs.enter(run.id, RunState.STOPPED) == Tally(done=1, refused=1, skipped=2)

    stopped = await runs.get(DEFAULT_TENANT, run.id)
    assert (stopped.state, stopped.ended_at is not None) == (RunState.STOPPED, True)
    await runs.enter(run.id, RunState.STOPPED)
    assert (await runs.get(DEFAULT_TENANT, run.id)).ended_at == stopped.ended_at
    assert await runs.waiting(run.id, limit=1) == []
    await runs.enter(run.id, RunState.RUNNING)
    assert (await runs.get(DEFAULT_TENANT, run.id)).state is RunState.STOPPED, "it is over"


async def test_another_tenants_run_is_unknown(ledger: Ledger, runs: BulkRuns) -> None:
    run = await made(ledger)

    for tenant, id_ in (("acme", run.id), (DEFAULT_TENANT, str(uuid4())), (DEFAULT_TENANT, "no id")):
        with pytest.raises(Rejected) as refused:
            await runs.get(tenant, id_)
        assert refused.value.code == "unknown_bulk_run"
    assert (await runs.find("acme", PageRequest())).rows == []


# Choosing


async def test_a_filter_chooses_what_the_list_shows_oldest_first_with_each_verdict(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choosing, "_PAGE", 2)
    subscriptions = await ledger.sign_up_many(5)
    await ledger.save(a_step(later(subscriptions[1], cancel_at=NOW)))
    await ledger.save(a_step(later(subscriptions[2], status=Status.ACTIVE)))
    await ledger.sign_up("acme", tenant="acme")
    choices = BulkChoices(ledger.engine)

    everything = await choices.of_filter(DEFAULT_TENANT, Filters(), Range(), EXTEND)
    trials = await choices.of_filter(DEFAULT_TENANT, Filters(status="trialing"), Range(), EXTEND)
    early = await choices.of_filter(DEFAULT_TENANT, Filters(), Range(created_to=subscriptions[1].created_at), EXTEND)

    codes = {one.subscription: one.code for one in everything}
    assert list(codes.values()).count("") == 3
    assert codes[subscriptions[1].id] == "cancellation_scheduled"
    assert codes[subscriptions[2].id] == "not_in_trial"
    assert {one.subscription for one in trials} == {one.id for one in subscriptions} - {subscriptions[2].id}
    assert [one.subscription for one in early] == [subscriptions[0].id]


async def test_more_than_a_run_may_choose_are_refused(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choosing, "MOST_ROWS", 2)
    await ledger.sign_up_many(3)

    with pytest.raises(Malformed) as refused:
        await BulkChoices(ledger.engine).of_filter(DEFAULT_TENANT, Filters(), Range(), EXTEND)

    assert (refused.value.code, refused.value.field) == ("too_many_rows", "filter")


async def test_the_rows_of_a_run_are_chosen_as_they_are_now(ledger: Ledger) -> None:
    one, two = await ledger.sign_up_many(2)
    await ledger.save(a_step(later(two, status=Status.SUSPENDED)))
    elsewhere = await ledger.sign_up("acme", tenant="acme")
    action = BulkAction(ActionKind.REACTIVATE)

    found = await BulkChoices(ledger.engine).of_subscriptions(
        DEFAULT_TENANT, [UUID(each.id) for each in (two, one, elsewhere)], action
    )

    assert found == [Verdict(two.id, "suspended"), Verdict(one.id, "trialing", "not_suspended")]


async def test_mails_that_were_given_up_are_chosen_by_their_subscriptions(ledger: Ledger) -> None:
    given_up, sent = await ledger.sign_up_many(2)
    for one in (given_up, sent):
        await ledger.save(a_step(later(one), a_mail()))
    await ledger.run(f"update mails set status = 'refused' where subscription = '{given_up.id}'")  # noqa: S608 - an id
    mails = MailList(ledger.engine)

    found = await BulkChoices(ledger.engine).of_filter(
        DEFAULT_TENANT, Filters(), Range(), BulkAction(ActionKind.RETRY_MAILS)
    )

    assert {one.subscription: one.code for one in found} == {given_up.id: "", sent.id: "no_mail_given_up"}
    assert len(await mails.undelivered_of(DEFAULT_TENANT, given_up.id)) == 1
    assert await mails.given_up_of("acme") == frozenset()
