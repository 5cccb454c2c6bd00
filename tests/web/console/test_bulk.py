"""Admins run one command for many subscriptions: filter, preview, typed number, progress, undo."""

import csv
from io import StringIO
from urllib.parse import urljoin

import httpx

from sandbox.stack import Stack
from storage.access.api_keys import Role
from storage.access.audit import AuditFilter, AuditLog
from storage.access.operators import OperatorRole, Operators
from storage.db.cursors import PageRequest
from tests.harness.callers import Caller
from tests.harness.patience import until
from tests.web.billing.visitor import forms_of, said
from tests.web.console.visitor import ConsoleVisitor

BULK = "/console/bulk"
MANY = 3
WHY = "the outage of Monday"


async def a_tenant(stack: Stack, name: str, many: int = MANY) -> list[str]:
    """Trials of a tenant of its own, the last of which is suspended."""
    async with Caller.of_role(stack, Role.ADMIN, tenant=name) as admin:
        made = [(await admin.signed_up(f"{name}-{number}"))["id"] for number in range(many)]
        await admin.command(made[-1], "suspend", reason="before")
    return made


def form_to(shown: httpx.Response, ending: str) -> tuple[str, dict[str, str]]:
    """The form of a page that leads there, and what it sends as it stands."""
    action, fields = next(form for form in forms_of(shown.text) if form[0].endswith(ending))
    return urljoin(str(shown.url), action), fields


async def becomes(visitor: ConsoleVisitor, run: str, state: str) -> httpx.Response:
    """The page of a run, once it is in this state."""
    pages: list[httpx.Response] = []

    async def is_so() -> bool:
        pages.append(await visitor.get(run))
        return f"State{state}" in said(pages[-1])

    await until(is_so)
    return pages[-1]


async def test_a_list_is_previewed_started_once_and_undone(stack: Stack, email: str, name: str) -> None:
    made = await a_tenant(stack, name)
    async with ConsoleVisitor.signed_in(stack, email, tenant=name) as ada:
        listed = await ada.get("/console/subscriptions?plan=starter")
        assert "Do something with all of them" in said(listed)
        asked = await ada.get(f"{BULK}/new?plan=starter")
        assert "plan: starter" in said(asked)

        shown = await ada.get(f"{BULK}/preview?plan=starter&kind=suspend")
        assert "3 subscriptions chosen: it would be done for 2, and 1 refuses." in said(shown)
        assert "already_suspended1" in said(shown)
        assert "It can be undone: reactivate" in said(shown)

        action, fields = form_to(shown, BULK)
        wrong = await ada.post(action, fields | {"expected": "3", "reason": WHY})
        assert (wrong.status_code, "2 subscriptions would be changed now" in said(wrong)) == (409, True)
        missing = await ada.post(action, fields | {"expected": "", "reason": "", "rate": "500"})
        assert missing.status_code == 422
        for word in ("Say why", "Enter a whole number", "Enter 1 to 50"):
            assert word in said(missing)

        given = fields | {"expected": "2", "reason": WHY, "rate": "50"}
        started = [await ada.post(action, given) for _ in range(2)]
        assert [answer.status_code for answer in started] == [303, 303]
        assert started[0].headers["Location"] == started[1].headers["Location"]
        run = started[0].headers["Location"]
        done = await becomes(ada, run, "finished")
        assert f"operator {email}" in said(done)
        assert WHY in said(done)
        assert "Statefinished Done2 Refused1 Waiting0" in said(done)
        refused = await ada.get(f"{run}?outcome=refused")
        assert made[-1][:8] in said(refused)
        assert made[0][:8] not in said(refused)
        rows = list(csv.DictReader(StringIO((await ada.get(f"{run}/rows.csv")).text)))
        assert [row["outcome"] for row in rows] == ["done", "done", "refused"]
        assert "suspend finished 2 done, 1 refused, 0 waiting, of 3 chosen" in said(await ada.get(BULK))

        undo = await ada.get(f"{BULK}/preview?of={run.rpartition('/')[2]}")
        assert "2 subscriptions chosen: it would be done for 2" in said(undo)
        action, fields = form_to(undo, BULK)
        undone = await ada.post(action, fields | {"expected": "2", "reason": "it is over", "rate": "50"})
        assert "Statefinished Done2" in said(await becomes(ada, undone.headers["Location"], "finished"))
        page = await ada.get(f"/console/subscriptions/{made[0]}")
        assert "it is over" in said(page)


async def test_a_run_is_paused_resumed_and_stopped(stack: Stack, email: str, name: str) -> None:
    await a_tenant(stack, name, 8)
    async with ConsoleVisitor.signed_in(stack, email, tenant=name) as ada:
        shown = await ada.get(f"{BULK}/preview?kind=extend_trial&days=7")
        assert "It cannot be undone." in said(shown)
        action, fields = form_to(shown, BULK)
        run = (await ada.post(action, fields | {"expected": "7", "reason": WHY, "rate": "1"})).headers["Location"]

        running = await becomes(ada, run, "running")
        assert (await ada.post(*form_to(running, "/pause"))).status_code == 303
        paused = await ada.get(run)
        assert ("Statepaused" in said(paused), "Refresh" in paused.headers) == (True, False)
        assert (await ada.post(*form_to(paused, "/resume"))).status_code == 303
        running = await ada.get(run)
        assert ("Staterunning" in said(running), "Refresh" in running.headers) == (True, True)
        assert "Refresh" not in (await ada.get(f"{run}?still=1")).headers
        assert (await ada.post(*form_to(running, "/stop"))).status_code == 303

        over = await ada.get(run)
        assert "Statestopped" in said(over)
        assert "Stop for good" not in said(over)
        late = await ada.post(*form_to(running, "/pause"))
        assert (late.status_code, "bulk_run_over" in said(late)) == (409, True)


async def test_a_wrong_choice_is_said_on_the_form(stack: Stack, email: str) -> None:
    async with ConsoleVisitor.signed_in(stack, email) as ada:
        for query, word in (
            ("", "Choose what is to be done"),
            ("kind=extend_trial&days=many", "Enter a whole number"),
            ("kind=extend_trial&days=400", "Enter 1 to 90 days"),
            ("kind=migrate_policy", "Enter the version of a published policy"),
            ("kind=suspend&status=lost", "Choose one of the list"),
        ):
            wrong = await ada.get(f"{BULK}/preview?{query}")
            assert (wrong.status_code, word in said(wrong)) == (422, True), query
        unknown = await ada.get(f"{BULK}/preview?kind=migrate_policy&policy=never")
        assert (unknown.status_code, "unknown_policy" in said(unknown)) == (409, True)


async def test_whoever_is_no_admin_sees_runs_and_starts_none(stack: Stack, email: str, name: str) -> None:
    await a_tenant(stack, name)
    async with ConsoleVisitor.signed_in(stack, email, OperatorRole.OPERATOR, tenant=name) as grace:
        shown = await grace.get(BULK)
        assert (shown.status_code, "New run" in said(shown)) == (200, False)
        assert "Do something with all of them" not in said(await grace.get("/console/subscriptions"))
        assert (await grace.get(f"{BULK}/preview?kind=suspend")).status_code == 403
        csrf = forms_of(shown.text)[0][1]["csrf"]
        given = {"csrf": csrf, "key": "k" * 32, "kind": "suspend", "expected": "2", "reason": WHY, "rate": "5"}
        assert (await grace.post(BULK, given)).status_code == 403

    grace_id = (await Operators(stack.engine).active(email, tenant=name)).id
    found = await AuditLog(stack.engine).find(name, AuditFilter(actor=grace_id, action="startBulk"), PageRequest(10))
    assert [entry.outcome for entry in found.rows] == ["refused", "refused"]
