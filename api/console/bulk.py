"""Bulk runs: from a list's filter by what is to be done and a preview to a typed number, and each run's progress."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final
from urllib.parse import quote, urlencode

from fastapi import APIRouter, HTTPException, Query, Response
from pydantic import TypeAdapter, ValidationError

from api.bulk.choosing import by_filter, undoing
from api.bulk.requests import BulkActionRequest, action_of
from api.bulk.rows import as_csv
from api.console import subscriptions
from api.console.forms import new_key, reason_in, whole_number
from api.console.sessions import ConsoleRoute, WithSent, WithVisit
from api.console.subscriptions import WithQuery, filters_of
from api.console.visits import Visit
from api.http.audit import KINDS, actor_of
from api.http.auth import ADMIN_ROLES
from domain.audit import AuditTarget
from domain.bulk.actions import ActionKind, BulkAction, inverse
from domain.bulk.previews import Choice
from domain.bulk.runs import DEFAULT_RATE, HIGHEST_RATE, BulkRun, Order, RowOutcome, RunState
from domain.errors import GatewayUnavailable, Malformed, Rejected
from domain.names import bulk_workflow_id
from services.bulk.runs import in_words
from storage.db.cursors import PageRequest

PATH: Final = "/console/bulk"
PAGE_SIZE: Final = 20
RUN: Final = KINDS["run_id"]
REFRESH_SECONDS: Final = 2
ACTION_FIELDS: Final = ("kind", "days", "policy")
OPERATIONS: Final = {"pause": "pauseBulk", "resume": "resumeBulk", "stop": "stopBulk"}

router = APIRouter(prefix=PATH, include_in_schema=False, route_class=ConsoleRoute)

_ACTION: TypeAdapter[Any] = TypeAdapter(BulkActionRequest)
_Text = Annotated[str, Query(max_length=200)]


@dataclass(frozen=True)
class Asked:
    """What a form asks for: what is to be done to which subscriptions, or the run to be undone."""

    query: Mapping[str, str]
    """The parameters of the list."""
    given: Mapping[str, str]
    """The fields of the action."""
    of: str = ""

    @property
    def fields(self) -> dict[str, str]:
        """The fields that carry it from page to page."""
        return {"of": self.of} if self.of else {**self.query, **self.given}

    async def choice(self, visit: Visit) -> Choice:
        """Ask each subscription whether it allows the action.

        Raises:
            Malformed: a field is wrong.
            Rejected: there is no such policy or run, or nothing undoes it.
        """
        if self.of:
            return await undoing(visit.repositories, visit.tenant, self.of)
        filters, errors = filters_of(dict(self.query))
        if errors:
            raise Malformed(next(iter(errors.values())), field="filter")
        shown = {name: value for name, value in self.query.items() if name != "sort"}
        return await by_filter(visit.repositories, visit.tenant, _action_of(self.given), filters, shown=shown)


@router.get("")
async def list_runs(visit: WithVisit, cursor: Annotated[str, Query(max_length=500)] = "") -> Response:
    try:
        found = await visit.repositories.bulk_runs.find(visit.tenant, PageRequest(PAGE_SIZE, cursor or None))
    except Malformed:
        return visit.to(PATH)
    return visit.page(
        "bulk/runs.html",
        runs=[(run, in_words(run.action)) for run in found.rows],
        people=await visit.repositories.people.of(visit.tenant, [run.actor.id for run in found.rows]),
        may_start=visit.may(*ADMIN_ROLES),
        older=f"{visit.at(PATH)}?{urlencode({'cursor': found.next_cursor})}" if found.next_cursor else "",
        first=visit.at(PATH) if cursor else "",
    )


@router.get("/new")
async def ask_what(visit: WithVisit, query: WithQuery) -> Response:
    """Ask what is to be done to the subscriptions of a list."""
    await visit.require("startBulk", *ADMIN_ROLES, target=AuditTarget(RUN))
    return _what(visit, Asked(query, {}))


@router.get("/preview")
async def show_preview(
    visit: WithVisit, query: WithQuery, kind: _Text = "", days: _Text = "", policy: _Text = "", of: _Text = ""
) -> Response:
    """Show what would be done, and ask for the number and the reason."""
    await visit.require("startBulk", *ADMIN_ROLES, target=AuditTarget(RUN))
    asked = Asked(query, {"kind": kind, "days": days, "policy": policy}, of)
    return await _preview(visit, asked)


@router.post("")
async def start(form: WithSent) -> Response:
    """Start a run, once for each form."""
    visit, fields = form.visit, form.fields
    await visit.require("startBulk", *ADMIN_ROLES, target=AuditTarget(RUN))
    query = subscriptions.given_query(fields)
    asked = Asked(query, {name: fields.get(name, "") for name in ACTION_FIELDS}, fields.get("of", ""))
    reason, errors = reason_in(fields)
    numbers: dict[str, int] = {}
    for name, most in (("expected", None), ("rate", HIGHEST_RATE)):
        try:
            numbers[name] = _number(fields, name, most)
        except Malformed as error:
            errors[name] = error.message
    if errors:
        return await _preview(visit, asked, given=fields, errors=errors, status=422)
    try:
        async with visit.command("startBulk", fields, target=AuditTarget(RUN), reason=reason) as command:
            order = Order(actor_of(visit.caller), command.key, command.context.reference, **numbers)
            run = await visit.repositories.bulk.start(visit.tenant, order, lambda: asked.choice(visit))
            command.made(run.id)
    except Rejected as error:
        return await _preview(visit, asked, given=fields, problem=f"{error.message} ({error.code})", status=409)
    return visit.to(f"{PATH}/{run.id}")


@router.get("/{run_id}")
async def show(run_id: str, visit: WithVisit, outcome: _Text = "", after: _Text = "", still: _Text = "") -> Response:
    run = await visit.repositories.bulk_runs.get(visit.tenant, run_id)
    return await _run(visit, run, outcome=outcome, after=after, is_still=bool(still))


@router.get("/{run_id}/rows.csv")
async def rows_as_csv(run_id: str, visit: WithVisit) -> Response:
    return await as_csv(visit.repositories, await visit.repositories.bulk_runs.get(visit.tenant, run_id))


@router.post("/{run_id}/{name}")
async def press(run_id: str, name: str, form: WithSent) -> Response:
    """Pause, resume or stop a run."""
    visit, bulk = form.visit, form.visit.repositories.bulk
    if name not in OPERATIONS:
        raise HTTPException(404)
    run = await visit.repositories.bulk_runs.get(visit.tenant, run_id)
    target = AuditTarget(RUN, run.id)
    await visit.require(OPERATIONS[name], *ADMIN_ROLES, target=target)
    press_it = {"pause": bulk.pause, "resume": bulk.resume, "stop": bulk.stop}[name]
    try:
        async with visit.command(OPERATIONS[name], form.fields, target=target):
            await press_it(visit.tenant, run.id)
    except GatewayUnavailable:
        raise
    except Rejected as error:
        again = await visit.repositories.bulk_runs.get(visit.tenant, run.id)
        return await _run(visit, again, problem=f"{error.message} ({error.code})", status=409)
    return visit.to(f"{PATH}/{run.id}")


def _action_of(given: Mapping[str, str]) -> BulkAction:
    """Return the action that a form asks for.

    Raises:
        Malformed: the field that is wrong.
    """
    kind = given.get("kind", "")
    body: dict[str, object] = {"kind": kind}
    if kind == "extend_trial":
        body["days"] = whole_number(given, "days")
    elif kind == "cancel_now":
        body |= {"kind": "cancel", "at": "now"}
    elif kind == "migrate_policy":
        body["policy"] = given.get("policy", "").strip()
    try:
        return action_of(_ACTION.validate_python(body))
    except ValidationError as error:
        where = str(error.errors(include_url=False, include_context=False)[0]["loc"][-1])
        said = {"days": "Enter 1 to 90 days.", "policy": "Enter the version of a published policy."}
        raise Malformed(
            said.get(where, "Choose what is to be done."), field=where if where in said else "kind"
        ) from None


def _number(fields: Mapping[str, str], name: str, most: int | None) -> int:
    number = whole_number(fields, name)
    if number < 1 or (most is not None and number > most):
        raise Malformed(f"Enter 1 to {most}." if most else "Enter the number.", field=name)
    return number


def _what(visit: Visit, asked: Asked, *, status: int = 200, **shown: Any) -> Response:
    return visit.page(
        "bulk/new.html",
        status=status,
        query=dict(asked.query),
        given={"kind": "", "days": "", "policy": ""} | dict(asked.given),
        listed=f"{visit.at(subscriptions.PATH)}?{urlencode(asked.query)}",
        policy=visit.dependencies.policy,
        **shown,
    )


async def _preview(
    visit: Visit, asked: Asked, *, given: Mapping[str, str] | None = None, status: int = 200, **shown: Any
) -> Response:
    try:
        choice = await asked.choice(visit)
    except Malformed as error:
        return _what(visit, asked, errors={error.field: error.message}, status=422)
    except Rejected as error:
        if asked.of:
            raise
        return _what(visit, asked, problem=f"{error.message} ({error.code})", status=409)
    undoing_it = inverse(choice.action)
    again = f"{PATH}/{asked.of}" if asked.of else f"{PATH}/new?{urlencode(asked.query)}"
    return visit.page(
        "bulk/preview.html",
        status=status,
        action=visit.at(PATH),
        label="Start",
        back=visit.at(again),
        kept=asked.fields,
        found=choice.preview,
        what=in_words(choice.action),
        undone_by=in_words(undoing_it) if undoing_it is not None else "",
        ends_some_at_once=choice.action == BulkAction(ActionKind.CANCEL),
        key=new_key(),
        given={"expected": "", "reason": "", "rate": str(DEFAULT_RATE)} | dict(given or {}),
        most=HIGHEST_RATE,
        **shown,
    )


async def _run(
    visit: Visit,
    run: BulkRun,
    *,
    outcome: str = "",
    after: str = "",
    is_still: bool = False,
    status: int = 200,
    **shown: Any,
) -> Response:
    wanted = RowOutcome(outcome) if outcome in set(RowOutcome) else None
    position = int(after) if after.isascii() and after.isdigit() and len(after) < 10 else 0
    rows = await visit.repositories.bulk_runs.rows(run, after=position, limit=PAGE_SIZE, outcome=wanted)
    here, part = visit.at(f"{PATH}/{run.id}"), {"outcome": outcome} if wanted else {}
    goes_on = run.state in (RunState.STARTING, RunState.RUNNING)
    refreshes = goes_on and not is_still and not position
    undoing_it, may = inverse(run.action), visit.may(*ADMIN_ROLES)
    next_page = (
        here + "?" + urlencode(part | {"after": str(rows[PAGE_SIZE - 1].position)}) if len(rows) > PAGE_SIZE else ""
    )
    return visit.page(
        "bulk/run.html",
        status=status,
        headers={"Refresh": str(REFRESH_SECONDS)} if refreshes else None,
        run=run,
        what=in_words(run.action),
        people=await visit.repositories.people.of(visit.tenant, [run.actor.id]),
        rows=rows[:PAGE_SIZE],
        outcome=outcome if wanted else "",
        outcomes=[(each.value, each.value) for each in RowOutcome],
        older=next_page,
        first=f"{here}?{urlencode(part)}" if position else "",
        refreshes=refreshes,
        buttons=_buttons(run) if may else [],
        undo=f"{visit.at(PATH)}/preview?of={run.id}" if may and undoing_it is not None and run.tally.done else "",
        undone_by=in_words(undoing_it) if undoing_it is not None else "",
        temporal=_in_temporal(visit, run),
        key=new_key(),
        **shown,
    )


def _buttons(run: BulkRun) -> list[tuple[str, str, str]]:
    """Return what can be pressed now: name, label and kind."""
    if run.state.is_over:
        return []
    resume, pause = ("resume", "Resume", "primary"), ("pause", "Pause", "primary")
    first = pause if run.state is RunState.RUNNING else resume
    return [first, ("stop", "Stop for good", "danger")]


def _in_temporal(visit: Visit, run: BulkRun) -> str:
    ui, dependencies = visit.dependencies.temporal_ui_url.rstrip("/"), visit.dependencies
    workflow = quote(bulk_workflow_id(run.id), safe="")
    return f"{ui}/namespaces/{dependencies.client.namespace}/workflows/{workflow}" if ui else ""
