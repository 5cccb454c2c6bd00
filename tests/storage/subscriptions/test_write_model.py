"""A step is written once and completely, or not at all."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import DBAPIError

from domain.access import Access
from domain.errors import GatewayUnavailable, Rejected
from domain.notifications.mail_types import Occasion
from domain.subscription.agenda import Action, Due
from domain.subscription.journal import Cause, CauseKind, Entry
from domain.subscription.lifecycle import Status
from domain.subscription.state import Subscription
from storage.db.codec import mail_id, state_from_json
from storage.schema.metadata import METADATA
from storage.schema.tenant_tables import OF_THE_INSTALLATION
from storage.subscriptions.read_model import SubscriptionRow, Subscriptions
from tests.builders import CAUSE, NOW, PERIOD_END, TRIAL_END, a_trial
from tests.storage.ledger import TABLES, Ledger, a_mail, a_step, an_invoice, later
from tests.storage.values import any_value

SAME_DATABASE = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
"""Every example signs up a new customer, so that one database serves them all."""

CUSTOMERS = [f"c{number}" for number in range(40)]
"""Enough that a race with a probability of 1 % does occur."""


async def shown(ledger: Ledger, subscription: Subscription) -> SubscriptionRow:
    row = await Subscriptions(ledger.engine).get(subscription.tenant, subscription.id)
    assert row is not None
    return row


async def test_the_projection_shows_what_a_step_has_made_of_the_subscription(ledger: Ledger) -> None:
    subscription = await ledger.sign_up("ada", add_ons={"seat": 2})
    paid = later(
        subscription,
        status=Status.ACTIVE,
        status_reason="paid",
        access=Access.LIMITED,
        period_start=NOW,
        period_end=PERIOD_END,
        cancel_at=PERIOD_END,
    )

    await ledger.save(a_step(paid))

    row = await shown(ledger, subscription)
    assert (row.external_id, row.customer_id, row.plan, row.add_ons) == ("ada", paid.customer, "starter", {"seat": 2})
    assert (row.status, row.status_reason, row.access, row.sequence) == ("active", "paid", "limited", 2)
    assert (row.trial_ends_at, row.period_end, row.cancel_at) == (TRIAL_END, PERIOD_END, PERIOD_END)
    assert row.next_actions == [{"at": "2026-03-16T12:00:00Z", "action": "expire_trial", "why": "the trial ends"}]
    assert state_from_json(dict(row.state)) == paid


@SAME_DATABASE
@given(any_value(Subscription), st.integers(1, 2**31 - 1))
async def test_every_state_comes_back_from_the_database(ledger: Ledger, any_: Subscription, quantity: int) -> None:
    customer = await ledger.customer(str(uuid4()))
    tenant = any_.tenant or "default"
    subscription = replace(any_, id=str(uuid4()), tenant=tenant, customer=customer, quantity=quantity)

    await ledger.save(a_step(subscription))

    row = await shown(ledger, subscription)
    assert state_from_json(dict(row.state)) == subscription
    assert row.created_at == subscription.created_at


@SAME_DATABASE
@given(st.lists(st.integers(1, 6), min_size=1, max_size=12))
async def test_the_newest_step_stays_when_steps_come_late_and_again(ledger: Ledger, order: list[int]) -> None:
    subscription = await ledger.newcomer(str(uuid4()), quantity=99)

    accepted: list[int] = []
    for sequence in order:
        await ledger.save(a_step(replace(subscription, sequence=sequence, quantity=sequence)))
        accepted += [sequence] if sequence > max(accepted, default=0) else []

    row = await shown(ledger, subscription)
    assert (row.sequence, row.quantity) == (max(order), max(order))
    lines = await ledger.rows(
        f"select sequence from journal where subscription = '{subscription.id}' order by sequence, position"  # noqa: S608
    )
    assert [line["sequence"] for line in lines] == [sequence for sequence in accepted for _ in range(2)]


async def test_nothing_changes_when_a_step_is_written_again(ledger: Ledger) -> None:
    subscription = await ledger.newcomer()
    step = a_step(subscription, a_mail(), a_mail(Occasion.RECEIPT), invoice=an_invoice())
    first = await ledger.save(step)
    before = await ledger.everything()

    again = await ledger.save(step)

    assert await ledger.everything() == before
    # A process that died between writing and sending learns again what to send.
    assert {mail.id for mail in again} == {mail.id for mail in first}
    assert {mail.occasion for mail in again} == {Occasion.TRIAL_STARTED, Occasion.RECEIPT}


async def test_a_step_is_there_once_when_it_is_written_by_many_at_once(ledger: Ledger) -> None:
    for customer in CUSTOMERS:
        step = a_step(await ledger.newcomer(customer), a_mail(), invoice=an_invoice(ref=f"in_{customer}"))
        answers = await asyncio.gather(*(ledger.save(step) for _ in range(5)))
        assert [len(answer) for answer in answers] == [1] * 5

    counts = {table: await ledger.count(table) for table in ("subscriptions", "journal", "mails", "invoices")}
    assert counts == {"subscriptions": 40, "journal": 80, "mails": 40, "invoices": 40}


async def test_the_newest_stays_when_different_steps_are_written_at_once(ledger: Ledger) -> None:
    for customer in CUSTOMERS:
        subscription = await ledger.newcomer(customer)
        await asyncio.gather(*(ledger.save(a_step(replace(subscription, sequence=n))) for n in range(1, 6)))
        assert (await shown(ledger, subscription)).sequence == 5


async def test_nothing_of_a_step_stays_when_one_part_of_it_cannot_be_written(ledger: Ledger) -> None:
    subscription = await ledger.sign_up()
    before = await ledger.everything()

    with pytest.raises(DBAPIError):
        await ledger.save(a_step(later(subscription), a_mail(), invoice=an_invoice(attempts=2**31)))

    assert await ledger.everything() == before


@pytest.mark.parametrize("change", ["update journal set summary = 'never'", "delete from journal", "truncate journal"])
async def test_the_journal_refuses_when_a_line_is_to_be_changed_or_removed(ledger: Ledger, change: str) -> None:
    await ledger.sign_up()
    before = await ledger.everything()
    with pytest.raises(DBAPIError, match="the journal is append-only"):
        await ledger.run(change)
    assert await ledger.everything() == before


async def test_the_journal_yields_when_a_customer_is_erased_on_purpose_and_only_then(ledger: Ledger) -> None:
    await ledger.sign_up()
    async with ledger.engine.begin() as connection:
        await connection.exec_driver_sql("set local tenure.erasing = 'yes'")
        await connection.exec_driver_sql("update journal set summary = '' where position = 0")
        await connection.exec_driver_sql("delete from journal where position = 1")
    assert [row["summary"] for row in await ledger.rows("select summary from journal")] == [""]

    with pytest.raises(DBAPIError, match="append-only"):
        await ledger.run("delete from journal")


async def test_every_row_of_a_step_bears_its_tenant(ledger: Ledger) -> None:
    subscription = await ledger.newcomer("ada", "acme")
    await ledger.save(a_step(subscription, a_mail(), invoice=an_invoice()))

    for table in ("customers", "subscriptions", "journal", "mails", "invoices"):
        assert {row["tenant"] for row in await ledger.rows(f"select tenant from {table}")} == {"acme"}  # noqa: S608


def test_no_table_can_hold_a_row_without_a_tenant() -> None:
    assert set(TABLES) == set(METADATA.tables)
    others = {name: table for name, table in METADATA.tables.items() if name not in OF_THE_INSTALLATION}
    assert [name for name, table in others.items() if table.c.tenant.nullable] == []


async def test_of_ten_concurrent_sign_ups_one_is_accepted(ledger: Ledger) -> None:
    newcomers = await asyncio.gather(*(ledger.newcomer("ada") for _ in range(10)))
    assert len({newcomer.customer for newcomer in newcomers}) == 1

    answers = await asyncio.gather(
        *(ledger.save(a_step(newcomer, a_mail())) for newcomer in newcomers), return_exceptions=True
    )

    refused = [answer for answer in answers if isinstance(answer, BaseException)]
    assert [(type(error), getattr(error, "code", "")) for error in refused] == [(Rejected, "already_subscribed")] * 9
    counts = {table: await ledger.count(table) for table in ("customers", "subscriptions", "journal", "mails")}
    assert counts == {"customers": 1, "subscriptions": 1, "journal": 2, "mails": 1}


async def test_a_customer_starts_again_after_a_canceled_subscription(ledger: Ledger) -> None:
    first = await ledger.sign_up("ada")
    with pytest.raises(Rejected, match="already has a live subscription"):
        await ledger.sign_up("ada")
    await ledger.sign_up("ada", tenant="acme")

    await ledger.save(a_step(later(first, status=Status.CANCELED)))
    second = await ledger.sign_up("ada")

    with pytest.raises(Rejected, match="already has a live subscription"):
        await ledger.save(a_step(later(later(first), status=Status.ACTIVE)))
    assert await ledger.customers.live_subscription(tenant="default", external_id="ada") == second.id


async def test_a_step_is_refused_when_its_customer_is_not_known(ledger: Ledger) -> None:
    with pytest.raises(Rejected, match="there is no customer") as caught:
        await ledger.save(a_step(a_trial(customer=str(uuid4()))))
    assert caught.value.code == "unknown_customer"


async def test_a_mail_is_there_once_when_two_steps_decide_it(ledger: Ledger) -> None:
    ada, grace = await ledger.sign_up("ada"), await ledger.sign_up("grace")
    mail = a_mail(Occasion.TRIAL_ENDING, key="trial_ending/1")
    await ledger.save(a_step(later(ada), mail))
    again = await ledger.save(a_step(later(later(ada)), replace(mail, facts={"plan_name": "Other"})))
    await ledger.save(a_step(later(grace), mail))

    assert [queued.id for queued in again] == [str(mail_id(ada.id, mail))]
    rows = await ledger.rows("select subscription::text, facts->>'plan_name' as plan from mails")
    assert sorted((row["subscription"], row["plan"]) for row in rows) == sorted(
        [(ada.id, "Starter"), (grace.id, "Starter")]
    )


async def test_only_waiting_mails_of_these_occasions_are_withdrawn(ledger: Ledger) -> None:
    ada, grace = await ledger.sign_up("ada"), await ledger.sign_up("grace")
    ending = a_mail(Occasion.TRIAL_ENDING)
    for each in (ada, grace):
        await ledger.save(a_step(later(each), ending, a_mail(Occasion.TRIAL_STARTED)))
    another = a_mail(Occasion.TRIAL_ENDING, NOW + timedelta(days=1))

    queued = await ledger.save(a_step(later(later(ada)), another, withdraws=(Occasion.TRIAL_ENDING,)))

    assert [mail.id for mail in queued] == [str(mail_id(ada.id, another))]
    rows = await ledger.rows("select id::text as id from mails where status = 'withdrawn'")
    assert [row["id"] for row in rows] == [str(mail_id(ada.id, ending))]


@pytest.mark.parametrize(
    ("looks", "status"),
    [
        pytest.param(["open", "paid"], "paid", id="paid-in-the-end"),
        pytest.param(["open", "uncollectible"], "uncollectible", id="written-off"),
        pytest.param(["paid", "open"], "paid", id="a-late-look-opens-nothing"),
    ],
)
async def test_an_invoice_is_one_row_with_its_latest_state(ledger: Ledger, looks: list[str], status: str) -> None:
    subscription = await ledger.sign_up()
    for look in looks:
        subscription = later(subscription)
        await ledger.save(a_step(subscription, invoice=an_invoice(status=look, amount=10**12)))
    assert await ledger.rows("select status, amount from invoices") == [{"status": status, "amount": 10**12}]


async def test_an_invoice_voided_with_a_step_is_no_longer_open(ledger: Ledger) -> None:
    subscription = await ledger.newcomer("ada")
    await ledger.save(a_step(subscription, invoice=an_invoice(ref="in_1", status="open")))
    await ledger.save(a_step(later(subscription), invoice=an_invoice(ref="in_2", status="paid"), voided="in_1"))
    await ledger.save(a_step(later(later(subscription)), voided="in_2"))

    rows = await ledger.rows("select ref, status from invoices order by ref")
    assert rows == [{"ref": "in_1", "status": "void"}, {"ref": "in_2", "status": "paid"}]


async def test_the_next_action_is_the_first_that_is_not_left_to_the_provider(ledger: Ledger) -> None:
    renewal = Due(NOW, Action.RENEW, "the paid period ends")
    asked = Due(NOW + timedelta(hours=3), Action.ASK_PROVIDER, "unless the provider has reported it")
    subscription = await ledger.sign_up("ada")

    await ledger.save(a_step(later(subscription), ahead=(renewal, asked)))
    assert await ledger.rows("select next_action_at from subscriptions") == [{"next_action_at": asked.at}]

    await ledger.save(a_step(later(later(subscription)), ahead=(renewal,)))
    assert await ledger.rows("select next_action_at from subscriptions") == [{"next_action_at": None}]


def of_kind(kind: str, cause: Cause = CAUSE) -> tuple[Entry, ...]:
    return (Entry(kind, NOW, kind, cause),)


async def test_a_step_that_is_taken_again_changes_nothing_and_one_in_its_place_is_refused(ledger: Ledger) -> None:
    subscription = await ledger.sign_up("ada")
    second, third = later(subscription), later(later(subscription))
    asked = Cause(CauseKind.COMMAND, "key-1", "somebody")
    await ledger.save(a_step(second, entries=of_kind("card_replaced", asked)))
    await ledger.save(a_step(third, entries=of_kind("converted")))

    # A worker has ended before Temporal knew of them.
    for again in (a_step(second, entries=of_kind("card_replaced", asked)), a_step(third, entries=of_kind("converted"))):
        await ledger.save(again)
    other_command = of_kind("card_replaced", replace(asked, ref="key-2"))
    for step in (a_step(second, entries=of_kind("trial_ending")), a_step(second, entries=other_command)):
        with pytest.raises(GatewayUnavailable) as refused:
            await ledger.save(step)
        assert refused.value.code == "workflow_behind"

    kinds = [row["kind"] for row in await ledger.rows("select kind from journal where sequence > 1 order by sequence")]
    assert kinds == ["card_replaced", "converted"]
    assert (await shown(ledger, subscription)).sequence == 3


async def test_another_renewal_in_the_place_of_one_is_refused(ledger: Ledger) -> None:
    second = later(await ledger.sign_up("ada"))
    first_bill, other_bill = (
        tuple(replace(one, details={"invoice_number": number}) for one in of_kind("renewed"))
        for number in ("T-1", "T-2")
    )
    await ledger.save(a_step(second, entries=first_bill))

    await ledger.save(a_step(second, entries=first_bill))
    with pytest.raises(GatewayUnavailable) as refused:
        await ledger.save(a_step(second, entries=other_bill))

    assert refused.value.code == "workflow_behind"
