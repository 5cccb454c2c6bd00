"""Reconciliation: the differences that are open, healing one, the runs, and running it now."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field

from api.http.auth import Analyst, InstallationAnalyst, InstallationOperator, Operator
from api.http.dependencies import WithRepositories
from api.http.idempotency import IdempotentRoute
from api.http.lists import NextCursor, WithPage
from api.http.openapi import READING, USING
from api.schedules.views import ScheduleView
from api.subscriptions.requests import ReasonRequest
from domain.names import reconcile_schedule_id
from domain.reconciliation.differences import DifferenceKind, Outcome
from domain.reconciliation.passes import SHARDS, Scope
from domain.reconciliation.runs import EndedRun, StoredDiscrepancy

router = APIRouter(prefix="/v1", tags=["Operations"], route_class=IdempotentRoute)


class DiscrepancyView(BaseModel):
    """A difference between the provider, the database and the workflows."""

    id: str = Field(description="each run that finds the discrepancy gives it a new id; earlier ids keep working")
    kind: DifferenceKind
    details: str = Field(examples=["invoice in_1T2b3C of 49.00 is paid, but not known here"])
    subscription: str | None = Field(description="the subscription's id; null if no subscription is known")
    agreement: str | None = Field(description="the provider's subscription, if one is involved")
    since: datetime = Field(description="when it was first found")
    found_at: datetime = Field(description="when it was last found")
    outcome: Outcome = Field(description="`listed`: nothing was tried; `failed`: healing has not helped; `healed`")
    why_not: str | None = Field(description="why it is not healed")
    closed_at: datetime | None = Field(description="when it was healed, or found no longer; null while it is open")
    is_healable: bool = Field(description="false: no rule can decide it, an operator has to")
    remedy: str = Field(
        description="what healing does, or what an operator has to do", examples=["the payment is taken over"]
    )

    @classmethod
    def of(cls, stored: StoredDiscrepancy) -> "DiscrepancyView":
        it = stored.discrepancy
        return cls(
            id=stored.id,
            kind=it.kind,
            details=it.details,
            subscription=it.subscription or None,
            agreement=it.agreement_ref or None,
            since=stored.since,
            found_at=stored.found_at,
            outcome=stored.outcome,
            why_not=stored.why_not or None,
            closed_at=stored.closed_at,
            is_healable=it.is_healable,
            remedy=stored.remedy,
        )


class DiscrepancyList(BaseModel):
    """One page of differences."""

    data: list[DiscrepancyView]
    next_cursor: NextCursor


class ReconciliationRunView(BaseModel):
    """A reconciliation run that has come to its end."""

    run: str = Field(description="its run in Temporal")
    began_at: datetime
    ended_at: datetime
    heals: bool = Field(description="false: it only listed what differs")
    scope: Scope = Field(description="`whole`: everything; `part`: what has changed since the last run, and `shards`")
    shards: list[int] = Field(
        description=f"the shards of everything, of {SHARDS}, that a `part` compared in full", examples=[[7]]
    )
    agreements: int = Field(description="the provider's subscriptions that were compared")
    subscriptions: int = Field(description="our subscriptions that were compared with their workflows")
    not_ours: int = Field(description="the provider's subscriptions that have nothing to do with Tenure")
    under_way: int = Field(description="differences of busy subscriptions, which the next run looks at")
    events_fetched: int = Field(description="events of the provider that had never arrived")
    differences: int
    healed: int
    failed: int
    restored: int = Field(description="lost workflows that were restarted")
    found: dict[str, dict[str, int]] = Field(description="the number of differences by kind and outcome")
    not_compared: str | None = Field(description="why the provider's subscriptions were not compared")
    not_heard: str | None = Field(description="why some events may be missing")

    @classmethod
    def of(cls, ended: EndedRun) -> "ReconciliationRunView":
        report = ended.report
        return cls(
            run=report.run,
            began_at=report.began_at,
            ended_at=ended.ended_at,
            heals=report.heals,
            scope=report.scope,
            shards=list(report.shards),
            agreements=report.agreements,
            subscriptions=report.subscriptions,
            not_ours=report.not_ours,
            under_way=report.under_way,
            events_fetched=report.unheard,
            differences=report.count(),
            healed=report.count(Outcome.HEALED),
            failed=report.count(Outcome.FAILED),
            restored=report.restored,
            found={kind: dict(outcomes) for kind, outcomes in report.found.items()},
            not_compared=report.not_compared or None,
            not_heard=report.not_heard or None,
        )


class ReconciliationRunList(BaseModel):
    """One page of runs."""

    data: list[ReconciliationRunView]
    next_cursor: NextCursor


SubscriptionText = Annotated[str | None, Query(max_length=100, pattern="^[ -~]*$", description="a subscription's id")]


@router.get(
    "/discrepancies", operation_id="listDiscrepancies", summary="List the differences that are open", responses=READING
)
async def list_discrepancies(
    caller: Analyst, repositories: WithRepositories, page: WithPage, subscription: SubscriptionText = None
) -> DiscrepancyList:
    """What the latest run that compared them has found and not healed, the newest first.

    Differences that belong to none of our subscriptions are of tenant `default`. `created_from` and `created_to` are
    about when each was first found.
    """
    found = await repositories.discrepancies.open(caller.tenant, page, subscription=subscription)
    return DiscrepancyList(data=[DiscrepancyView.of(one) for one in found.rows], next_cursor=found.next_cursor)


@router.post(
    "/discrepancies/{discrepancy_id}/heal",
    operation_id="healDiscrepancy",
    summary="Heal a difference now (operators)",
    responses=USING,
)
async def heal(
    discrepancy_id: Annotated[str, Path(max_length=20, examples=["4711"])],
    caller: Operator,
    repositories: WithRepositories,
    _body: ReasonRequest,
) -> DiscrepancyView:
    """As the hourly run does, through the subscription's workflow: what is right stays as it is.

    `remedy` says before what is done, the answer what came of it: `healed`, or `failed` and why.
    """
    return DiscrepancyView.of(await repositories.single_healing.heal(caller.tenant, discrepancy_id))


@router.get(
    "/reconciliation/runs",
    operation_id="listReconciliationRuns",
    summary="List the reconciliation runs of the last 30 days",
    responses=READING,
)
async def list_runs(
    caller: InstallationAnalyst, repositories: WithRepositories, page: WithPage
) -> ReconciliationRunList:
    """For callers of tenant `default`: a run compares the subscriptions of all tenants. The newest first.

    Runs in progress, and those that failed, are shown by `GET /v1/schedules`.
    """
    found = await repositories.discrepancies.runs(caller.tenant, page)
    data = [ReconciliationRunView.of(run) for run in found.rows]
    return ReconciliationRunList(data=data, next_cursor=found.next_cursor)


@router.post(
    "/reconciliation/run", operation_id="runReconciliation", summary="Reconcile now (operators)", responses=USING
)
async def run_now(_caller: InstallationOperator, repositories: WithRepositories, _body: ReasonRequest) -> ScheduleView:
    """For callers of tenant `default`. Runs the Schedule `reconcile` once, which heals what it finds.

    It compares what has changed since the last run, and one shard of everything; `tenure reconcile` compares all.
    While a run is in progress, no other is started.
    """
    return ScheduleView.of(await repositories.schedules.trigger(reconcile_schedule_id()))
