"""Schedules as the API shows them."""

from datetime import datetime

from pydantic import BaseModel, Field

from services.schedules import RunStatus, ScheduledRun, ScheduleState, ScheduleStatus


class ScheduledRunView(BaseModel):
    """A run of a Schedule."""

    workflow: str = Field(description="its workflow in Temporal", examples=["reconcile-2027-01-01T00:37:00Z"])
    run: str
    status: RunStatus
    started_at: datetime
    ended_at: datetime | None

    @classmethod
    def of(cls, run: ScheduledRun) -> "ScheduledRunView":
        return cls(
            workflow=run.workflow, run=run.run, status=run.status, started_at=run.started_at, ended_at=run.ended_at
        )


class ScheduleView(BaseModel):
    """A Temporal Schedule."""

    id: str = Field(examples=["reconcile"])
    state: ScheduleState = Field(
        description="`missing`: workers make it when they start; `unknown`: Temporal does not respond"
    )
    note: str = Field(description="how it is run manually")
    every_seconds: int | None = Field(description="how often it runs", examples=[3600])
    next_times: list[datetime] = Field(description="when it runs next; empty while it is paused")
    runs: list[ScheduledRunView] = Field(description="the latest, the newest first")

    @classmethod
    def of(cls, status: ScheduleStatus) -> "ScheduleView":
        return cls(
            id=status.id,
            state=status.state,
            note=status.note,
            every_seconds=None if status.every is None else round(status.every.total_seconds()),
            next_times=list(status.next_times),
            runs=[ScheduledRunView.of(run) for run in status.runs],
        )


class ScheduleList(BaseModel):
    """All Schedules."""

    data: list[ScheduleView]
