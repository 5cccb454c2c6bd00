"""An erasure leaves the books and nothing that names anybody; what comes later does not either."""

from dataclasses import replace
from datetime import datetime
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.errors import GatewayUnavailable, Rejected
from domain.names import DEFAULT_TENANT
from domain.provider.events import Disposition, ProviderEvent, Routing
from domain.provider.hints import EventKind
from domain.provider.payments import Card
from domain.subscription.contact_changes import KnownContact
from domain.subscription.ends import EndKind
from domain.subscription.journal import Cause, CauseKind, Entry, TrialClaim
from domain.subscription.lifecycle import Status
from domain.subscription.policy import TrialMark
from domain.subscription.sign_up import SignUpContact
from domain.subscription.state import Subscription
from storage.compared_rows import SubscriptionPages
from storage.db.cursors import PageRequest
from storage.db.roles import DatabaseRole
from storage.privacy.erasure import Erasures
from storage.privacy.export import Exports
from storage.privacy.whose import Subject, received
from storage.reconciliation import Reconciliations
from storage.schema.webhook_tables import webhook_inbox
from storage.subscriptions.adoptions import Adoptions
from storage.subscriptions.customer_changes import CustomerChanges
from storage.subscriptions.sign_ups import SignUps
from storage.subscriptions.timeline import Timeline
from storage.subscriptions.trials import Trials
from storage.usage.notices import UsageNotices
from storage.webhooks.inbox import Inbox
from tests.builders import CAUSE, NOW
from tests.harness.postgres import Databases
from tests.harness.trial_key import TRIAL_KEY
from tests.storage.ledger import Ledger, a_mail, a_step, an_invoice, later

CARD = Card("pm_1", "visa", "4242", 12, 2031)
WORDS = "because of my divorce"


async def nothing(_at: datetime) -> None:
    """No list outside the database."""


async def gone(ledger: Ledger, name: str = "ada-lovelace", tenant: str = DEFAULT_TENANT) -> Subscription:
    """The canceled subscription of a customer who has said why."""
    ref = f"{len(name)}"
    it = await ledger.newcomer(name, tenant, card=replace(CARD, fingerprint=f"fp_{ref}"))
    await ledger.save(a_step(it, a_mail(), trial=TrialClaim(tuple(TrialMark))))
    await ledger.records.remember_wallet(it.customer, f"cus_{ref}")
    paid = later(it, status=Status.ACTIVE)
    await ledger.save(a_step(paid, invoice=an_invoice(ref=f"in_{ref}")))
    over = later(
        paid,
        status=Status.CANCELED,
        status_reason=WORDS,
        cancel_reason=WORDS,
        end_kind=EndKind.CUSTOMER,
        customer_ref=f"cus_{ref}",
    )
    entry = Entry("canceled", NOW, f"Canceled: {WORDS}", CAUSE, {"reason": WORDS, "end_kind": "customer"})
    await ledger.save(replace(a_step(over), entries=(entry,)))
    return over


async def everything(ledger: Ledger) -> str:
    return str(await ledger.everything())


async def test_the_books_stay_and_nobody_is_named_in_them(ledger: Ledger, erasures: Erasures) -> None:
    it = await gone(ledger)
    invoices = await ledger.rows("select amount, currency, status, number, at from invoices")

    erased = await erasures.erase("default", it.customer, "admin key", before_commit=nothing)

    left = await everything(ledger)
    assert [word for word in ("lovelace", "example.com", WORDS, "4242", "fp_12", "pay.example") if word in left] == []
    assert await ledger.rows("select amount, currency, status, number, at from invoices") == invoices
    assert (erased.customer, erased.subscriptions, erased.customer_ref) == (it.customer, (it.id,), "cus_12")
    [row] = await ledger.rows("select status, status_reason, state from subscriptions")
    assert (row["status"], row["status_reason"]) == ("canceled", "canceled")
    [last] = (await Timeline(ledger.engine).past("default", it.id, PageRequest(1))).rows
    assert (last.kind, last.cause_actor) == ("customer_erased", "admin key")


async def test_an_erasure_is_repeatable_and_found_by_what_the_customer_was_called(
    ledger: Ledger, erasures: Erasures
) -> None:
    it = await gone(ledger)
    assert await erasures.known("default", "ada-lovelace") == it.customer
    first = await erasures.erase("default", it.customer, "admin", before_commit=nothing)
    left = await ledger.everything()

    again = await erasures.erase("default", it.customer, "admin", before_commit=nothing)

    assert again == first
    assert await ledger.everything() == left
    assert await erasures.known("default", "ada-lovelace") == it.customer
    assert await erasures.known("another", "ada-lovelace") is None


async def test_a_live_subscription_is_not_cut_off(ledger: Ledger, erasures: Erasures) -> None:
    it = await ledger.sign_up("ada")
    before = await ledger.everything()

    with pytest.raises(Rejected) as refused:
        await erasures.erase("default", it.customer, "admin", before_commit=nothing)

    assert refused.value.code == "live_subscription"
    assert await ledger.everything() == before


async def test_nothing_is_erased_unless_it_is_listed_for_restores(ledger: Ledger, erasures: Erasures) -> None:
    it = await gone(ledger)
    before = await ledger.everything()

    async def full(_at: datetime) -> None:
        raise GatewayUnavailable("the disk is full")

    with pytest.raises(GatewayUnavailable):
        await erasures.erase("default", it.customer, "admin", before_commit=full)

    assert await ledger.everything() == before


async def test_others_are_left_as_they_are(ledger: Ledger, erasures: Erasures) -> None:
    other = await gone(ledger, "grace")
    before = await ledger.rows(f"select * from journal where subscription = '{other.id}' order by sequence, position")  # noqa: S608

    it = await gone(ledger)
    await erasures.erase("default", it.customer, "admin", before_commit=nothing)

    assert await ledger.rows("select email from customers where external_id = 'grace'") != []
    assert before == await ledger.rows(
        f"select * from journal where subscription = '{other.id}' order by sequence, position"  # noqa: S608
    )


async def test_their_trial_is_remembered(ledger: Ledger, erasures: Erasures) -> None:
    it = await gone(ledger)

    await erasures.erase("default", it.customer, "admin", before_commit=nothing)

    is_used = Trials(ledger.engine, TRIAL_KEY).used
    asked = {"tenant": "default", "external_id": "ada-lovelace", "email": "ada-lovelace@example.com"}
    assert await is_used(**asked, one_per=tuple(TrialMark)) is TrialMark.CUSTOMER
    assert await is_used(**asked | {"external_id": "new"}, one_per=tuple(TrialMark)) is TrialMark.EMAIL


async def test_usage_goes_on_to_be_theirs_under_a_name_that_says_nothing(ledger: Ledger, erasures: Erasures) -> None:
    it = await gone(ledger)
    await ledger.run(
        "insert into usage (tenant, customer, feature, period_start, used) "
        "values ('default', 'ada-lovelace', 'runs', '2026-01-01Z', 3)"
    )
    await ledger.run(
        "insert into usage_events (tenant, key, customer, meter, action, quantity, at, reason) values "
        "('default', 'upload of ada', 'ada-lovelace', 'runs', 'consume', 3, '2026-01-01Z', 'ada asked')"
    )

    await erasures.erase("default", it.customer, "admin", before_commit=nothing)

    [counter] = await ledger.rows("select customer, used from usage")
    assert counter == {"customer": f"erased-{it.customer}", "used": 3}
    for table in ("usage_events", "usage_log"):
        [event] = await ledger.rows(f"select customer, key, quantity, reason from {table}")  # noqa: S608
        assert (event["customer"], event["quantity"], event["reason"]) == (f"erased-{it.customer}", 3, "")
        assert "upload" not in str(event["key"])


async def used(ledger: Ledger, name: str, *, key: str, tenant: str = "default") -> None:
    """A use of the free plan, as the product reports it for anybody."""
    await ledger.run(
        "insert into usage (tenant, customer, feature, period_start, used) "  # noqa: S608
        f"values ('{tenant}', '{name}', 'runs', '2026-01-01Z', 3)"
    )
    await ledger.run(
        "insert into usage_log (tenant, key, customer, meter, action, quantity, at, reason) values "  # noqa: S608
        f"('{tenant}', '{key}', '{name}', 'runs', 'consume', 3, '2026-01-01Z', '{WORDS}')"
    )


async def test_the_usage_of_somebody_who_never_signed_up_is_exported_and_erased(
    ledger: Ledger, erasures: Erasures, engine: AsyncEngine
) -> None:
    await used(ledger, "mary-somerville", key="upload of mary")
    await used(ledger, "mary-somerville", key="mary of another", tenant="another")
    await used(ledger, "grace", key="upload of grace")

    found = await Exports(engine).of_usage("default", "mary-somerville")
    erased = await erasures.erase_usage("default", "mary-somerville")

    assert found is not None
    assert found.customer == ""
    assert {name: len(rows) for name, rows in found.tables.items() if rows} == {"usage": 1, "usage_log": 1}
    assert erased
    for table in ("usage", "usage_log"):
        rows = await ledger.rows(f"select * from {table} where tenant = 'default' order by customer")  # noqa: S608
        assert [str(row["customer"])[:7] for row in rows] == ["erased-", "grace"]
        assert [word for word in ("mary", WORDS) if word in str(rows[0])] == []
    assert await ledger.rows("select used from usage where customer = 'mary-somerville'") == [{"used": 3}]
    assert not await erasures.erase_usage("default", "mary-somerville")
    assert await Exports(engine).of_usage("default", "mary-somerville") is None


async def test_what_is_counted_under_the_id_of_somebody_erased_is_erased_by_a_repeat(
    ledger: Ledger, erasures: Erasures, engine: AsyncEngine
) -> None:
    it = await gone(ledger)
    await used(ledger, "ada-lovelace", key="upload of ada")
    await erasures.erase("default", it.customer, "admin", before_commit=nothing, asked="ada-lovelace")
    await used(ledger, "ada-lovelace", key="a later one of ada")
    assert await Exports(engine).of_usage("default", "ada-lovelace") is not None

    await erasures.erase("default", it.customer, "admin", before_commit=nothing, asked="ada-lovelace")

    assert [word for word in ("lovelace", "of ada", WORDS) if word in await everything(ledger)] == []
    assert await ledger.rows("select used from usage") == [{"used": 3}, {"used": 3}]
    assert await Exports(engine).of_usage("default", "ada-lovelace") is None


async def test_the_usage_of_whoever_signed_up_under_the_id_since_is_left_alone(
    ledger: Ledger, erasures: Erasures
) -> None:
    it = await gone(ledger)
    await erasures.erase("default", it.customer, "admin", before_commit=nothing)
    await ledger.sign_up("ada-lovelace")
    await used(ledger, "ada-lovelace", key="hers")

    await erasures.erase("default", it.customer, "admin", before_commit=nothing, asked="ada-lovelace")

    assert not await erasures.erase_usage("default", "ada-lovelace")
    assert await ledger.rows("select customer from usage") == [{"customer": "ada-lovelace"}]


async def test_a_limit_that_was_nearly_reached_is_told_to_nobody_after_the_erasure(
    ledger: Ledger, erasures: Erasures, engine: AsyncEngine
) -> None:
    it = await gone(ledger)
    await ledger.run(
        "insert into usage_notices (tenant, customer, feature, period_start, threshold, included, used, plan, catalog,"
        " is_billed) values ('default', 'ada-lovelace', 'runs', now(), 80, 10, 8, 'starter', 'manufacturing_v1', false)"
    )
    await erasures.erase("default", it.customer, "admin", before_commit=nothing)
    mails, events = await ledger.count("mails"), await ledger.count("events")

    sent = await UsageNotices(engine).write(limit=10)

    assert (sent.notices, sent.mails) == (1, ())
    assert (await ledger.count("mails"), await ledger.count("events")) == (mails, events)
    assert await ledger.rows("select 1 from usage_notices where told_at is null") == []


async def test_answers_that_name_them_or_were_asked_for_under_their_name_are_forgotten(
    ledger: Ledger, erasures: Erasures
) -> None:
    it = await gone(ledger)
    for key, body in (
        ("1", f'{{"id":"{it.id}"}}'),
        ("2", '{"customer":{"external_id":"ada-lovelace"}}'),
        ("3", '{"url":"https://pay.example/portal","customer":"ada-lovelace"}'),
        ("portal for ada-lovelace", '{"url":"https://pay.example/portal"}'),
        ("another's", '{"customer":{"external_id":"ada-lovelace-2"}}'),
    ):
        values = f"('default', '{key.replace(chr(39), chr(39) * 2)}', 'f', 201, convert_to('{body}', 'UTF8'))"
        await ledger.run(f"insert into idempotency_keys (tenant, key, fingerprint, status, body) values {values}")  # noqa: S608

    await erasures.erase("default", it.customer, "admin", before_commit=nothing)

    assert await ledger.rows("select key from idempotency_keys") == [{"key": "another's"}]


async def test_a_later_step_is_recorded_without_what_would_name_them(ledger: Ledger, erasures: Erasures) -> None:
    it = await gone(ledger)
    await erasures.erase("default", it.customer, "admin", before_commit=nothing)
    entry = Entry("blocked", NOW, f"Blocked: {WORDS}", CAUSE, {"code": "x", "reason": WORDS})

    await ledger.save(
        replace(a_step(later(it, card=CARD)), entries=(entry,), mails=(a_mail(key="late"),), invoice=an_invoice())
    )

    left = await everything(ledger)
    assert [word for word in ("lovelace", WORDS, "4242", "pay.example") if word in left] == []
    assert await ledger.rows("select status from mails where key = 'late'") == []
    assert await ledger.rows("select sequence from subscriptions") == [{"sequence": it.sequence + 1}]


async def test_they_begin_nothing_again(ledger: Ledger, erasures: Erasures) -> None:
    it = await gone(ledger)
    await erasures.erase("default", it.customer, "admin", before_commit=nothing)
    again = str(uuid4())
    nobody = SignUpContact(f"erased-{it.customer}", "ada@example.com")

    for refused in (
        SignUps(ledger.engine).wait(again, "default", nobody),
        ledger.save(a_step(replace(it, id=again, sequence=1, status=Status.ACTIVE))),
    ):
        with pytest.raises(Rejected) as refusal:
            await refused
        assert refusal.value.code == "customer_erased"
    with pytest.raises(Rejected):
        await Adoptions(ledger.engine, "default").check_customer("ada-lovelace", "cus_12")
    assert await ledger.count("sign_up_contacts") == 0
    assert await ledger.count("subscriptions") == 1


async def test_the_payment_provider_is_told_and_asked_nothing_of_them(
    ledger: Ledger, erasures: Erasures, engine: AsyncEngine
) -> None:
    it, changes = await gone(ledger), CustomerChanges(engine, TRIAL_KEY)
    await changes.change(tenant="default", external_id="ada-lovelace", given={"name": "Ada"}, cause=CAUSE)
    await erasures.erase("default", it.customer, "admin", before_commit=nothing)
    nobody = f"erased-{it.customer}"
    was = KnownContact("cus_12", f"{nobody}@erased.invalid", None, False)
    found = KnownContact("cus_12", "ada@example.com", "Ada", False)

    await changes.adopt(it.customer, was, found, Cause(CauseKind.WEBHOOK, "evt_1"), "")

    assert await changes.known(it.customer) is None
    assert await changes.unsynced(it.customer) is None
    for refused in (
        changes.change(tenant="default", external_id=nobody, given={"name": "Ada"}, cause=CAUSE),
        ledger.records.contact(it.customer),
        ledger.records.take_turn(it.customer, str(uuid4())),
    ):
        with pytest.raises(Rejected) as refusal:
            await refused
        assert refusal.value.code == "customer_erased"
    await ledger.records.replace_wallet(it.customer, "cus_12", "cus_new")
    assert await ledger.rows("select customer_ref, name from customers") == [{"customer_ref": "cus_12", "name": None}]


async def test_the_events_of_a_customer_are_found_by_indexes_alone(ledger: Ledger) -> None:
    theirs = received(Subject("default", uuid4(), "ada", "", (), ("cus_1", "cus_2"), ("sub_1", "sub_2")))
    wanted = select(webhook_inbox.c.event_id).where(theirs)
    query = wanted.compile(ledger.engine.sync_engine, compile_kwargs={"literal_binds": True})
    await ledger.run(
        "insert into webhook_inbox (event_id, tenant, type, object_id, customer_ref, agreement_ref, body)"
        " select 'evt_' || n, 'default', 'invoice.paid', 'in_' || n, case when n % 2 = 0 then 'cus_' || n else '' end,"
        " 'sub_' || n, '' from generate_series(1, 20000) n"
    )
    async with ledger.engine.begin() as connection:
        await connection.exec_driver_sql("analyze webhook_inbox")
        plan = "\n".join(row[0] for row in await connection.exec_driver_sql(f"explain (costs off) {query}"))

    for name in ("customer_ref_received_at_event_id", "object_id", "agreement_ref"):
        assert f"ix_webhook_inbox_{name}" in plan, plan
    assert "Seq Scan" not in plan, plan


async def test_a_late_event_is_delivered_and_its_body_is_not_kept(ledger: Ledger, erasures: Erasures) -> None:
    it, inbox = await gone(ledger), Inbox(ledger.engine)
    of_them = ProviderEvent("evt_1", "charge.refunded", "ch_1", "cus_12", EventKind.REFUNDED, "ch_1", "")
    await inbox.receive(of_them, b'{"email": "ada"}', tenant="default")
    await erasures.erase("default", it.customer, "admin", before_commit=nothing)

    await inbox.receive(replace(of_them, id="evt_2"), b'{"email": "ada"}', tenant="default")
    await inbox.receive(replace(of_them, id="evt_3", customer_ref="cus_x"), b'{"email": "x"}', tenant="default")

    bodies = await ledger.rows("select event_id, body from webhook_inbox order by event_id")
    assert [row["body"] for row in bodies] == [b"", b"", b'{"email": "x"}']
    assert {each.event.id for each in await inbox.waiting()} == {"evt_1", "evt_2", "evt_3"}


async def test_an_event_that_was_found_to_be_nobodys_is_exported_and_emptied_for_every_tenant(
    ledger: Ledger, databases: Databases, database_url: str
) -> None:
    inbox, api = Inbox(ledger.engine), databases.engine(database_url, DatabaseRole.APPLICATION)
    it = await gone(ledger, tenant="eu")
    early = ProviderEvent("evt_1", "customer.updated", "cus_12", "", EventKind.REFUNDED, "", "")
    for number, event in enumerate((early, replace(early, object_id="ch", customer_ref="cus_12"))):
        await inbox.receive(replace(event, id=f"evt_{number}"), b'{"email": "ada"}')
    await inbox.receive(replace(early, id="evt_x", object_id="cus_x"), b'{"email": "x"}')
    nobodys = Routing(Disposition.SET_ASIDE, "there is no such customer", "")
    await inbox.mark_handled({"evt_0": nobodys, "evt_x": nobodys})

    exported = await Exports(api).of("eu", it.customer)
    await Erasures(api, TRIAL_KEY).erase("eu", it.customer, "admin", before_commit=nothing)
    again = await Exports(api).of("eu", it.customer)

    assert exported is not None
    assert [row["body"] for row in exported.tables["webhook_inbox"]] == [{"email": "ada"}] * 2
    bodies = await ledger.rows("select event_id, body from webhook_inbox order by event_id")
    assert [row["body"] for row in bodies] == [b"", b"", b'{"email": "x"}']
    assert again is not None
    assert again.tables["webhook_inbox"] == []


async def test_a_reconciliation_does_not_compare_them(ledger: Ledger, erasures: Erasures) -> None:
    it = await gone(ledger)
    await erasures.erase("default", it.customer, "admin", before_commit=nothing)
    # As after a restore, when the row stands as it did before.
    await ledger.run(f"update subscriptions set status = 'active' where id = '{it.id}'")  # noqa: S608

    comparison = Reconciliations(ledger.engine)
    projection = await comparison.one(it.id)

    assert await SubscriptionPages(ledger.engine).live(None, NOW, limit=10) == []
    assert projection is not None
    assert projection.is_erased


async def test_what_is_left_elsewhere_is_remembered_until_it_is_gone(ledger: Ledger, erasures: Erasures) -> None:
    it = await gone(ledger)
    erased = await erasures.erase("default", it.customer, "admin", before_commit=nothing)
    assert list(await erasures.unfinished(10)) == [erased]

    await erasures.mark_deleted_at_provider(erased)
    assert [each.customer_ref for each in await erasures.unfinished(10)] == [""]
    await erasures.mark_finished(erased)

    assert list(await erasures.unfinished(10)) == []
    assert UUID(it.customer) == (await ledger.rows("select customer from erasures"))[0]["customer"]
