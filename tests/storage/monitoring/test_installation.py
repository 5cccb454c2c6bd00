"""What monitoring counts across tenants."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio

from domain.errors import GatewayUnavailable
from domain.notifications.mail_types import Occasion
from domain.provider.events import ProviderEvent
from domain.provider.hints import EventKind
from domain.reconciliation.differences import DifferenceKind, Discrepancy, Outcome
from domain.reconciliation.ports import Found
from domain.reconciliation.runs import RunReport
from domain.subscription.agenda import Action, Due
from domain.subscription.lifecycle import Status
from domain.subscription.state import Blocked, Subscription
from storage.db import engine
from storage.db.engine import transaction
from storage.monitoring.installation import InstallationFigures, Revenue, Waiting
from storage.reconciliation import Reconciliations
from storage.revenue.roll_up import RevenueRollUpRecords
from storage.webhooks.inbox import Inbox
from tests.builders import NOW
from tests.storage.ledger import Ledger, a_mail, a_step, later

A_MINUTE = timedelta(minutes=1)


@pytest_asyncio.fixture
async def figures(ledger: Ledger) -> InstallationFigures:
    return InstallationFigures(ledger.engine)


async def waits_for(
    ledger: Ledger, name: str, action: Action, ago: timedelta, tenant: str = "default", **changes: object
) -> Subscription:
    """A subscription whose next action was due so long ago."""
    it = await ledger.sign_up(name, tenant)
    renewal = Due(NOW, Action.RENEW, "the paid period ends")
    due = Due(datetime.now(UTC) - ago, action, "it is time")
    await ledger.save(a_step(later(it, **changes), ahead=(renewal, due)))
    return it


async def test_what_is_due_is_counted_by_action_and_what_is_blocked_apart(
    ledger: Ledger, figures: InstallationFigures
) -> None:
    blocked = Blocked(NOW, "convert", "stripe_key", "our key", NOW)
    await ledger.run("insert into tenants (id, name) values ('europe', 'Europe') on conflict do nothing")
    await waits_for(ledger, "late", Action.CONVERT, 10 * A_MINUTE)
    await waits_for(ledger, "later", Action.CONVERT, 5 * A_MINUTE, "europe")
    await waits_for(ledger, "now", Action.SEND_REMINDER, timedelta(seconds=1))
    await waits_for(ledger, "ahead", Action.CONVERT, -A_MINUTE)
    await waits_for(ledger, "stuck", Action.CONVERT, 10 * A_MINUTE, blocked=blocked)

    found = await figures.backlog()

    assert {action: (it.due, it.overdue) for action, it in found.actions.items()} == {
        "convert": (2, 2),
        "send_reminder": (1, 0),
    }
    assert 600 <= found.actions["convert"].oldest < 900
    assert found.blocked == {"stripe_key": 1}


async def test_nothing_waits_in_a_new_installation(figures: InstallationFigures) -> None:
    found = await figures.backlog()

    assert (found.actions, found.blocked, found.discrepancies, found.reconciled_at) == ({}, {}, {}, None)
    assert found.waiting == {(what, ""): Waiting(0, 0.0) for what in ("inbox", "usage_notices", "events", "renewals")}
    assert (await figures.business()).revenue == {}


async def test_what_waits_is_told_with_the_time_since_when(ledger: Ledger, figures: InstallationFigures) -> None:
    event = ProviderEvent("evt_1", "invoice.paid", "in_1", "cus_1", EventKind.INVOICE_PAID, "ch_1", "sub_1")
    await Inbox(ledger.engine).receive(event, b"{}", tenant="default")
    await ledger.run("update webhook_inbox set received_at = now() - interval '5 minutes'")
    it = await ledger.sign_up("ada")
    await ledger.save(a_step(later(it), a_mail(Occasion.RECEIPT), a_mail(Occasion.TRIAL_ENDING)))
    await ledger.run("update mails set created_at = now() - interval '1 hour' where occasion = 'receipt'")

    waiting = (await figures.backlog()).waiting

    assert {kind: waiting["mails", kind].number for what, kind in waiting if what == "mails"} == {
        "receipt": 1,
        "trial_ending": 1,
    }
    assert 3600 <= waiting["mails", "receipt"].oldest < 3900
    assert waiting["inbox", ""].number == 1
    assert 300 <= waiting["inbox", ""].oldest < 600


async def test_a_renewal_waits_from_the_end_of_its_period_on_however_often_the_provider_was_asked(
    ledger: Ledger, figures: InstallationFigures
) -> None:
    ended = datetime.now(UTC) - 600 * A_MINUTE
    renewal = Due(ended, Action.RENEW, "the paid period ends")
    asked_again = Due(datetime.now(UTC) + 300 * A_MINUTE, Action.ASK_PROVIDER, "unless it has been reported")
    for name, period_end, ahead in (
        ("unreported", ended, (renewal, asked_again)),
        ("renewed", datetime.now(UTC) + 600 * A_MINUTE, (renewal, asked_again)),
        ("disputed", ended, ()),
    ):
        it = await ledger.sign_up(name)
        await ledger.save(a_step(later(it, status=Status.ACTIVE, period_end=period_end), ahead=ahead))

    found = await figures.backlog()

    assert found.waiting["renewals", ""].number == 1
    assert 36000 <= found.waiting["renewals", ""].oldest < 36300
    assert found.actions == {}


async def test_an_endpoint_that_an_operator_has_disabled_fails_no_more(
    ledger: Ledger, figures: InstallationFigures
) -> None:
    make = "insert into webhook_endpoints (id, tenant, url, types, state, disabled_reason, failing_since) values "
    row = "(gen_random_uuid(), 'default', 'https://acme.com', '{}', '%s', '%s', now() - interval '1 hour')"
    for state, reason in (("enabled", ""), ("disabled", "failing"), ("disabled", "operator")):
        await ledger.run(make + row % (state, reason))

    waiting = (await figures.backlog()).waiting

    assert {state: it.number for (what, state), it in waiting.items() if what == "endpoints"} == {
        "enabled": 1,
        "disabled": 1,
    }


async def test_differences_that_are_open_are_counted_and_when_the_last_run_ended(
    ledger: Ledger, figures: InstallationFigures
) -> None:
    ours, it = Reconciliations(ledger.engine), await ledger.sign_up("ada")
    began = datetime.now(UTC)
    gone = Discrepancy(DifferenceKind.WORKFLOW_MISSING, "gone", it.id, tenant="default")
    differing = Discrepancy(DifferenceKind.ITEMS_DIFFER, "another price", it.id, tenant="default")
    await ours.keep("run", [Found(gone, Outcome.HEALED), Found(differing, Outcome.LISTED)])
    await ours.end_run(RunReport("run", began, heals=True))

    found = await figures.backlog()

    assert found.discrepancies == {("items_differ", "listed"): 1}
    assert found.reconciled_at is not None
    assert began.timestamp() <= found.reconciled_at


async def test_revenue_is_the_same_before_it_is_rolled_up_and_after(
    ledger: Ledger, figures: InstallationFigures
) -> None:
    for name, status in (("ada", Status.ACTIVE), ("grace", Status.PAST_DUE), ("left", Status.CANCELED)):
        it = await ledger.sign_up(name)
        paying = later(it, status=Status.ACTIVE, agreement_ref=f"sub_{name}")
        await ledger.save(a_step(paying))
        await ledger.save(a_step(later(paying, status=status)))
    await ledger.sign_up("trying")

    before = await figures.business()
    await ledger.rewrite("update mrr_movements set recorded_at = now() - interval '1 hour'")
    await RevenueRollUpRecords(ledger.engine, "UTC").roll_up()

    assert before.revenue == {"usd": Revenue(2 * 4900.0, 2)}
    assert (await figures.business()).revenue == before.revenue
    assert before.statuses == {"trialing": 1, "past_due": 1}


async def test_a_count_that_takes_too_long_is_given_up(
    ledger: Ledger, figures: InstallationFigures, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "LISTS_WITHIN", 0.1)
    async with transaction(ledger.engine) as other:
        await other.exec_driver_sql("lock table webhook_inbox")
        with pytest.raises(GatewayUnavailable):
            await asyncio.wait_for(figures.backlog(), 30)
