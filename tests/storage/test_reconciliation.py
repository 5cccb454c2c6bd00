"""Our side as reconciliation reads it, and the list of its findings."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest_asyncio

from domain.notifications.mail_types import Occasion
from domain.reconciliation.differences import DifferenceKind, Discrepancy, Outcome, Projection
from domain.reconciliation.ports import Found
from domain.subscription.lifecycle import Status
from storage.compared_rows import SubscriptionPages
from storage.reconciliation import Reconciliations
from tests.builders import NOW
from tests.storage.ledger import Ledger, a_mail, a_step, an_invoice, later

BEGAN = datetime(2026, 4, 1, tzinfo=UTC)


@pytest_asyncio.fixture
async def ours(ledger: Ledger) -> Reconciliations:
    return Reconciliations(ledger.engine)


def ids(found: Sequence[Projection]) -> list[str]:
    return [each.subscription.id for each in found]


async def test_of_two_with_one_agreement_the_running_one_is_found(ledger: Ledger, ours: Reconciliations) -> None:
    first = await ledger.sign_up("ada", agreement_ref="sub_1", status=Status.CANCELED)
    second = await ledger.sign_up("ada", agreement_ref="sub_1")
    await ledger.sign_up("bob")

    found = await ours.of_agreements(["sub_1", "sub_2", ""])

    assert {ref: each.subscription for ref, each in found.items()} == {"sub_1": second}
    assert first.id not in ids(list(found.values()))
    assert (found["sub_1"].next_action, found["sub_1"].next_action_at) == ("expire_trial", "2026-03-16T12:00:00Z")


async def test_subscriptions_are_found_by_id_and_by_the_providers_customer(
    ledger: Ledger, ours: Reconciliations
) -> None:
    ada, bob = await ledger.sign_up("ada"), await ledger.sign_up("bob")
    await ledger.records.remember_wallet(bob.customer, "cus_bob")

    found = await ours.related([ada.id, "none of ours"], ["cus_bob", "cus_of_nobody"])

    assert set(ids(found)) == {ada.id, bob.id}
    assert {each.customer_ref for each in found} == {"", "cus_bob"}
    assert await ours.related([], []) == []


async def test_mails_that_wait_for_long_are_found_by_subscription(ledger: Ledger, ours: Reconciliations) -> None:
    ada = await ledger.sign_up("ada")
    queued = await ledger.save(a_step(later(ada), a_mail(), a_mail(Occasion.TRIAL_ENDING)))
    await ledger.run("update mails set created_at = created_at - interval '2 hours'")
    await ledger.save(a_step(later(later(ada)), a_mail(Occasion.CANCELED)))

    (found,) = await ours.stuck_mails(None, waiting_for=timedelta(hours=1), limit=10)

    assert (found.subscription, set(found.mails)) == (ada.id, {each.id for each in queued})
    assert await ours.stuck_mails(ada.id, waiting_for=timedelta(hours=1), limit=10) == []
    await ledger.run("update mails set status = 'sent' where occasion = 'trial_ending'")
    assert [each.occasion for each in await ours.queued(found.mails)] == [Occasion.TRIAL_STARTED]


async def test_what_was_found_is_kept_once_with_its_latest_outcome_and_for_a_month(
    ledger: Ledger, ours: Reconciliations
) -> None:
    ada = await ledger.sign_up("ada")
    unheard = Discrepancy(DifferenceKind.PAYMENT_UNHEARD, "bill in_2 is paid", ada.id, "sub_1", "default")
    unknown = Discrepancy(DifferenceKind.UNKNOWN_AGREEMENT, "nothing is known of it", agreement_ref="sub_2")

    await ours.keep("run-1", [Found(unheard), Found(unknown), Found(unheard, Outcome.FAILED, "no answer")])
    await ours.keep("run-1", [Found(replace(unheard), Outcome.HEALED), Found(unknown)])
    await ours.keep("run-1", [])

    found = await ours.of_run("run-1")
    assert [(each.kind, each.subscription, each.outcome, each.why_not) for each in found] == [
        ("payment_unheard", ada.id, "healed", ""),
        ("unknown_agreement", "", "listed", ""),
    ]
    await ledger.run("update discrepancies set found_at = now() - interval '31 days' where agreement_ref = 'sub_2'")
    await ours.forget_old()
    assert [each.kind for each in await ours.of_run("run-1")] == ["payment_unheard"]


async def test_what_is_stored_of_running_subscriptions_is_whether_they_are_over(
    ledger: Ledger, ours: Reconciliations
) -> None:
    live, over = await ledger.sign_up("ada"), await ledger.sign_up("bob", status=Status.CANCELED)
    unknown = str(uuid4())

    assert await ours.ends_of([live.id, over.id, unknown, "none of ours"]) == {live.id: False, over.id: True}
    assert [await ours.knows_customer(each) for each in (live.customer, unknown)] == [True, False]


async def test_a_settled_invoice_that_is_not_recorded_is_missed_until_it_is(
    ledger: Ledger, ours: Reconciliations
) -> None:
    ada = await ledger.sign_up("ada", settled_invoice="in_2", period_start=NOW, created_at=NOW)
    # What was billed before an import is not recorded.
    await ledger.sign_up("bob", settled_invoice="in_3", period_start=NOW - timedelta(days=3), created_at=NOW)
    await ledger.sign_up("cai")

    async def missed() -> set[str]:
        return {
            row.subscription.id
            for row, _ in await SubscriptionPages(ledger.engine).live(None, BEGAN, limit=10)
            if row.lacks_invoice
        }

    assert await missed() == {ada.id}
    await ours.record_invoices(ada, [an_invoice(ref="in_2", status="open")])
    assert await missed() == {ada.id}
    await ours.record_invoices(ada, [an_invoice(ref="in_1"), an_invoice(ref="in_2", paid_at=NOW)])
    assert await missed() == set()
    await ours.record_invoices(ada, [an_invoice(ref="in_2", status="void")])
    rows = await ledger.rows("select ref, status, at from invoices order by ref")
    assert rows == [{"ref": "in_1", "status": "paid", "at": NOW}, {"ref": "in_2", "status": "paid", "at": NOW}]
