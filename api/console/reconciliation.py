"""Reconciliation: the differences that are open, healing one, the runs, and running it now."""

from typing import Final

from fastapi import APIRouter, HTTPException, Response

from api.console.engine_acts import EngineAct, act_once, ask
from api.console.lists import PAGE_SIZE, Cursor, page_links
from api.console.sessions import ConsoleRoute, WithSent, WithVisit
from api.console.visits import Visit
from api.http.auth import OPERATOR_ROLES
from api.web.wording import as_sentence
from domain.audit import AuditTarget
from domain.errors import Malformed
from domain.names import DEFAULT_TENANT, reconcile_schedule_id
from domain.reconciliation.differences import Outcome
from domain.reconciliation.passes import SHARDS, Scope
from storage.db.cursors import PageRequest

PATH: Final = "/console/reconciliation"
RUNS_SHOWN: Final = 10

router = APIRouter(prefix=PATH, include_in_schema=False, route_class=ConsoleRoute)


@router.get("")
async def overview(visit: WithVisit, cursor: Cursor = "") -> Response:
    stored = visit.repositories.discrepancies
    try:
        found = await stored.open(visit.tenant, PageRequest(PAGE_SIZE, cursor or None))
    except Malformed:
        return visit.to(PATH)
    return visit.page(
        "reconciliation.html",
        differences=found.rows,
        # Of tenant `default`: a run compares the subscriptions of all.
        runs=(await stored.runs(visit.tenant, PageRequest(RUNS_SHOWN))).rows,
        whole=Scope.WHOLE,
        shard_count=SHARDS,
        healed=Outcome.HEALED,
        failed=Outcome.FAILED,
        may_act=visit.may(*OPERATOR_ROLES),
        may_run=visit.may(*OPERATOR_ROLES) and visit.tenant == DEFAULT_TENANT,
        links=page_links(visit, PATH, {}, cursor, found.next_cursor),
    )


@router.get("/run")
async def ask_to_run(visit: WithVisit) -> Response:
    return await ask(visit, _RUN)


@router.post("/run")
async def run(form: WithSent) -> Response:
    schedules = form.visit.repositories.schedules
    return await act_once(form.visit, form.fields, _RUN, lambda: schedules.trigger(reconcile_schedule_id()))


@router.get("/{discrepancy_id}/heal")
async def ask_to_heal(discrepancy_id: str, visit: WithVisit) -> Response:
    return await ask(visit, await _heal(visit, discrepancy_id))


@router.post("/{discrepancy_id}/heal")
async def heal(discrepancy_id: str, form: WithSent) -> Response:
    visit = form.visit
    act = await _heal(visit, discrepancy_id)
    healing = visit.repositories.single_healing
    return await act_once(visit, form.fields, act, lambda: healing.heal(visit.tenant, discrepancy_id))


async def _heal(visit: Visit, discrepancy_id: str) -> EngineAct:
    found = await visit.repositories.discrepancies.current(visit.tenant, discrepancy_id)
    if found is None:
        raise HTTPException(404)
    it = found.discrepancy
    why_not = "" if found.closed_at is None else "It is healed, or the latest run has not found it any more."
    if not why_not and not it.is_healable:
        why_not = f"No rule can decide this one: {found.remedy}."
    remedy = f"{as_sentence(found.remedy)} What is right by now stays as it is."
    return EngineAct(
        "healDiscrepancy",
        AuditTarget("discrepancy", discrepancy_id),
        f"{PATH}/{discrepancy_id}/heal",
        PATH,
        f"Heal: {it.kind.replace('_', ' ')}",
        "Heal now",
        (remedy,) if it.is_healable else (),
        (("What differs", it.details), ("Subscription", it.subscription), ("At the provider", it.agreement_ref)),
        why_not=why_not,
    )


_RUN: Final = EngineAct(
    "runReconciliation",
    AuditTarget("schedule", reconcile_schedule_id()),
    f"{PATH}/run",
    PATH,
    "Reconcile now",
    "Reconcile now",
    (
        "What has changed since the last run is compared between provider, database and workflows.",
        f"So is one of {SHARDS} shards of everything; `tenure reconcile --fix` compares all.",
        "What differs is healed if it can be.",
        "It runs by itself every hour. While a run is in progress, no other is started.",
    ),
    is_of_installation=True,
)
