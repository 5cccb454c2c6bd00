"""What operators see of the engine on pages, and do about it: a form each, which says first what will happen."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import uuid4

import httpx
import pytest

from domain.names import report_usage_schedule_id
from domain.reconciliation.differences import DifferenceKind, Discrepancy
from domain.reconciliation.ports import Found
from sandbox.stack import Stack
from services.system import Backlog, Queues, QueueStatus, Routing
from services.worker_deployments import VersionId
from storage.access.operators import OperatorRole
from storage.reconciliation import Reconciliations
from tests.api.inbox.test_inbox import set_aside
from tests.harness.callers import Caller
from tests.web.billing.visitor import forms_of, said, title
from tests.web.console.visitor import ConsoleVisitor

SECTIONS = ("webhooks", "reconciliation", "schedules", "mails", "system")
REPORTS = report_usage_schedule_id()


@pytest.fixture
async def grace(stack: Stack, email: str) -> AsyncIterator[ConsoleVisitor]:
    async with ConsoleVisitor.signed_in(stack, email, OperatorRole.OPERATOR) as visitor:
        yield visitor


async def submit(visitor: ConsoleVisitor, address: str, **chosen: str) -> httpx.Response:
    """Press the button of the page's own form: the first one signs out."""
    shown = await visitor.get(address)
    assert shown.status_code == 200, shown.text
    action, fields = forms_of(shown.text)[-1]
    return await visitor.post(action, fields | chosen)


@pytest.mark.parametrize("section", SECTIONS)
async def test_every_page_is_shown_to_whoever_may_only_read_without_anything_to_press(
    stack: Stack, email: str, section: str
) -> None:
    async with ConsoleVisitor.signed_in(stack, email, OperatorRole.READ_ONLY) as reader:
        shown = await reader.get(f"/console/{section}")
        assert shown.status_code == 200, shown.text
        assert len(shown.content) < 60_000
        assert "/replay" not in shown.text
        assert "/heal" not in shown.text
        assert "/trigger" not in shown.text


async def test_a_webhook_that_was_set_aside_is_found_and_delivered_again_once(
    stack: Stack, admin: Caller, grace: ConsoleVisitor, email: str
) -> None:
    made = await admin.signed_up(email.partition("@")[0], payment_method="pm_card_visa")
    event = await set_aside(stack, made["id"])
    assert "/console/webhooks?state=set_aside" in (await grace.get("/console")).text
    listed = f"/console/webhooks?state=set_aside&subscription={made['id']}"
    assert event in said(await grace.get(listed))
    form = f"/console/webhooks/{event}/replay"
    shown = await grace.get(form)
    assert title(shown) == "Deliver a webhook again"
    assert "Nothing is booked twice" in said(shown)
    assert (await submit(grace, form)).status_code == 422

    action, fields = forms_of(shown.text)[-1]
    answers = [await grace.post(action, fields | {"reason": "known since"}) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [303, 303]
    assert event not in said(await grace.get(listed))
    assert f"delivered to subscription {made['id']}" in said(
        await grace.get(f"/console/webhooks?subscription={made['id']}")
    )
    noted = (await admin.get("/v1/audit", target=event)).json()["data"]
    assert {(one["actor"]["kind"], one["reason"]) for one in noted} == {("operator", "known since")}


async def test_a_difference_is_shown_with_what_healing_does_and_healed(
    stack: Stack, admin: Caller, grace: ConsoleVisitor, email: str
) -> None:
    made = await admin.signed_up(email.partition("@")[0], payment_method="pm_card_visa")
    differs = Discrepancy(DifferenceKind.REVENUE_DIFFERS, "its movements do not add up", made["id"], tenant="default")
    by_hand = Discrepancy(DifferenceKind.ITEMS_DIFFER, "1 x a here, 2 x a there", made["id"], tenant="default")
    await Reconciliations(stack.engine).keep(str(uuid4()), [Found(differs), Found(by_hand)])
    found = (await admin.get("/v1/discrepancies", subscription=made["id"])).json()["data"]
    ids = {one["kind"]: one["id"] for one in found}
    home = await grace.get("/console")
    assert "its movements do not add up" in said(home)
    assert "/console/reconciliation" in home.text
    shown = said(await grace.get("/console/reconciliation"))
    assert "Healing: the missing movement is recorded" in shown
    assert "You: decide which is right" in shown

    refused = await submit(grace, f"/console/reconciliation/{ids['items_differ']}/heal", reason="a test")
    healed = await submit(grace, f"/console/reconciliation/{ids['revenue_differs']}/heal", reason="figures are wrong")

    assert refused.status_code == 409
    assert "No rule can decide this one" in said(refused)
    assert healed.status_code == 303, healed.text
    left = (await admin.get("/v1/discrepancies", subscription=made["id"])).json()["data"]
    assert [one["kind"] for one in left] == ["items_differ"]


async def test_an_operator_runs_a_schedule_and_an_admin_pauses_it(
    stack: Stack, grace: ConsoleVisitor, email: str
) -> None:
    assert (await submit(grace, f"/console/schedules/{REPORTS}/trigger", reason="a test")).status_code == 303
    assert (await grace.get(f"/console/schedules/{REPORTS}/pause")).status_code == 403
    async with ConsoleVisitor.signed_in(stack, f"admin-{email}") as ada:
        paused = await submit(ada, f"/console/schedules/{REPORTS}/pause", reason="maintenance")
        try:
            assert paused.status_code == 303
            assert f"{REPORTS} paused" in said(await ada.get("/console/schedules"))
        finally:
            assert (await submit(ada, f"/console/schedules/{REPORTS}/resume", reason="over")).status_code == 303
        assert f"{REPORTS} active" in said(await ada.get("/console/schedules"))
        assert (await ada.get("/console/schedules/nightly/pause")).status_code == 404


async def test_what_concerns_every_tenant_is_not_for_operators_of_another(stack: Stack, email: str) -> None:
    async with ConsoleVisitor.signed_in(stack, email, OperatorRole.ADMIN, "umbrella") as ada:
        home = await ada.get("/console")
        assert "/console/webhooks" in home.text
        for path in ("schedules", "system"):
            assert f"/console/{path}" not in home.text
            assert (await ada.get(f"/console/{path}")).status_code == 403
        assert (await ada.get("/console/reconciliation/run")).status_code == 403
        assert "Latest runs" not in said(await ada.get("/console/reconciliation"))


async def test_the_system_page_shows_workers_and_what_is_in_force(grace: ConsoleVisitor) -> None:
    shown = said(await grace.get("/console/system"))
    assert "Databaseok" in shown
    assert "Temporalok" in shown
    assert re.search(r"Catalog\w+_v\d+, revision \d+, since", shown)
    assert shown.count("Task queue") == 5
    assert "Last asked for work" in shown


async def test_the_system_page_shows_which_build_gets_the_work(
    grace: ConsoleVisitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    routing = Routing(VersionId("tenure", "B"), VersionId("tenure", "C"), 12.5)

    async def all_queues(_self: Queues) -> list[QueueStatus]:
        return [QueueStatus("mail", True, backlog=Backlog(0, timedelta()), routing=routing)]

    monkeypatch.setattr(Queues, "all", all_queues)

    assert "New work goes to build B, 12.5 % of it to build C." in said(await grace.get("/console/system"))


@pytest.mark.parametrize("path", ["webhooks/evt_none/replay", "reconciliation/0/heal", "mails/no-id/retry"])
async def test_what_is_not_there_is_not_found(grace: ConsoleVisitor, path: str) -> None:
    assert (await grace.get(f"/console/{path}")).status_code == 404
