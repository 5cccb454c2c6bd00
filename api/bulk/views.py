"""Bulk runs as the API shows them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from api.http.lists import NextCursor
from domain.audit import ActorKind
from domain.bulk.actions import ActionKind, BulkAction, inverse
from domain.bulk.previews import BulkPreview, Verdict
from domain.bulk.runs import BulkRow, BulkRun, RowOutcome, RunState, Tally
from domain.names import bulk_workflow_id
from domain.subscription.commands import CancelAt


class BulkActionView(BaseModel):
    """What is done to each subscription."""

    kind: ActionKind
    days: int | None = Field(default=None, description="of `extend_trial`")
    at: CancelAt | None = Field(default=None, description="of `cancel`")
    policy: str | None = Field(default=None, description="of `migrate_policy`: its version")

    @classmethod
    def of(cls, action: BulkAction) -> "BulkActionView":
        return cls(
            kind=action.kind,
            days=action.days or None,
            at=action.at if action.kind is ActionKind.CANCEL else None,
            policy=action.policy or None,
        )


class BulkStatusCounts(BaseModel):
    """Of the subscriptions in one status."""

    would_be_done: int
    refused: int


class BulkExample(BaseModel):
    """A subscription, and why it would refuse."""

    subscription: str
    status: str
    code: str | None = Field(description="null: it would be done")

    @classmethod
    def of(cls, verdict: Verdict) -> "BulkExample":
        return cls(subscription=verdict.subscription, status=verdict.status, code=verdict.code or None)


class BulkPreviewView(BaseModel):
    """What a run would do if it were started now."""

    action: BulkActionView
    chosen: int = Field(description="subscriptions that the filter finds")
    would_be_done: int = Field(description="subscriptions that would be changed: pass this as `expected`")
    refused: dict[str, int] = Field(description="subscriptions that would refuse, by error code")
    by_status: dict[str, BulkStatusCounts]
    examples: list[BulkExample] = Field(description="a few that would be done, and a few of each code")
    inverse: BulkActionView | None = Field(description="what would undo it; null: nothing does")

    @classmethod
    def of(cls, action: BulkAction, found: BulkPreview) -> "BulkPreviewView":
        return cls(
            action=BulkActionView.of(action),
            chosen=found.chosen,
            would_be_done=found.would_be_done,
            refused=found.refused,
            by_status={
                status: BulkStatusCounts(would_be_done=counts.would_be_done, refused=counts.refused)
                for status, counts in found.by_status.items()
            },
            examples=[BulkExample.of(each) for each in found.examples],
            inverse=inverse_view(action),
        )


class BulkCounts(BaseModel):
    """Number of subscriptions by outcome."""

    done: int
    refused: int = Field(description="when it was started or since; nothing was changed")
    unknown: int = Field(description="it may have been carried out: the timeline says")
    skipped: int = Field(description="the run was stopped before")
    waiting: int

    @classmethod
    def of(cls, tally: Tally) -> "BulkCounts":
        return cls(
            done=tally.done,
            refused=tally.refused,
            unknown=tally.unknown,
            skipped=tally.skipped,
            waiting=tally.waiting,
        )


class BulkActorView(BaseModel):
    """Who has asked for it."""

    kind: ActorKind
    id: str
    role: str


class BulkRunView(BaseModel):
    """A bulk run."""

    id: str
    action: BulkActionView
    filter: Mapping[str, Any] = Field(description="what was searched for and whose is `(not kept)`")
    of: str | None = Field(description="the run that it undoes")
    reason: str | None = Field(description="null: it was erased")
    actor: BulkActorView
    state: RunState = Field(
        description="`starting` if its workflow has not begun: repeat the request under its key, or resume it"
    )
    rate: int = Field(description="subscriptions a second")
    chosen: int
    counts: BulkCounts
    refused: dict[str, int] = Field(description="refused subscriptions by code")
    created_at: datetime
    ended_at: datetime | None
    inverse: BulkActionView | None = Field(description="what undoes it, with `of`; null: nothing does")
    workflow_id: str = Field(examples=["bulk/5c1f2f0e-7a43-5d0b-9a52-3f0f6f1f8c11"])

    @classmethod
    def of_run(cls, run: BulkRun) -> "BulkRunView":
        return cls(
            id=run.id,
            action=BulkActionView.of(run.action),
            filter=run.filter,
            of=run.inverse_of,
            reason=run.reason or None,
            actor=BulkActorView(kind=run.actor.kind, id=run.actor.id, role=run.actor.role),
            state=run.state,
            rate=run.rate,
            chosen=run.tally.chosen,
            counts=BulkCounts.of(run.tally),
            refused=dict(run.refused),
            created_at=run.created_at,
            ended_at=run.ended_at,
            inverse=inverse_view(run.action),
            workflow_id=bulk_workflow_id(run.id),
        )


class BulkRunList(BaseModel):
    """One page of bulk runs."""

    data: list[BulkRunView]
    next_cursor: NextCursor


class BulkRowView(BaseModel):
    """One subscription of a run."""

    subscription: str
    status: str = Field(description="when it was chosen")
    outcome: RowOutcome | None = Field(description="null: it waits for its turn")
    code: str | None = Field(description="why it was refused, or is not known")
    at: datetime | None = Field(description="when its outcome was written")

    @classmethod
    def of(cls, row: BulkRow) -> "BulkRowView":
        return cls(
            subscription=row.subscription, status=row.status, outcome=row.outcome, code=row.code or None, at=row.at
        )


class BulkRowList(BaseModel):
    """One page of a run's subscriptions, in the order in which they are worked off."""

    data: list[BulkRowView]
    next_cursor: NextCursor


def inverse_view(action: BulkAction) -> BulkActionView | None:
    undoing = inverse(action)
    return None if undoing is None else BulkActionView.of(undoing)
