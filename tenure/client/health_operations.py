"""How the engine is; reading requires an API key of role `read_only`, `operator` or `admin`, acting of the last two.

Each operation is defined once here; `Tenure` and `AsyncTenure` have it as a method of the same name, without `core`.
"""

from typing import TypeVar, Unpack

from tenure.client.core import Core, Steps, new_key
from tenure.client.health import (
    Discrepancy,
    DiscrepancyPage,
    InboxEvent,
    InboxPage,
    InboxSummary,
    Mail,
    MailPage,
    MailSummary,
    ReconciliationRun,
    ReconciliationRunPage,
    Schedule,
    ScheduleList,
    System,
)
from tenure.client.paging import PAGE_SIZE, Listing, Pages
from tenure.client.requests import Call, body_of, step_of
from tenure.client.values import InboxState, MailState

T = TypeVar("T")


def list_inbox(
    core: Core,
    *,
    state: InboxState | None = None,
    type: str | None = None,  # noqa: A002 - its name in the API
    subscription: str | None = None,
    cursor: str | None = None,
    limit: int | None = None,
    **part: Unpack[Listing],
) -> Steps[InboxPage]:
    """Return one page of the payment provider's events, newest first."""
    query = body_of(state=state, type=type, subscription=subscription, cursor=cursor, limit=limit, **part)
    return core.ask(Call("GET", "/v1/inbox", InboxPage, query=query))


def inbox(
    core: Core,
    *,
    state: InboxState | None = None,
    type: str | None = None,  # noqa: A002 - its name in the API
    subscription: str | None = None,
    **part: Unpack[Listing],
) -> Pages[InboxEvent]:
    """Iterate over the payment provider's events, newest first; pages are fetched as needed."""
    return lambda cursor: list_inbox(
        core, state=state, type=type, subscription=subscription, cursor=cursor, limit=PAGE_SIZE, **part
    )


def inbox_summary(core: Core) -> Steps[InboxSummary]:
    """Return how far behind the delivery of events is."""
    return core.ask(Call("GET", "/v1/inbox/summary", InboxSummary))


def replay_event(core: Core, event: str, reason: str, *, key: str | None = None) -> Steps[InboxEvent]:
    """Deliver an event again, and return it with its new outcome; nothing is booked twice.

    Raises:
        NotFound: code `unknown_event`.
        Conflict: code `not_deliverable`: nothing can take it now.
    """
    return _act(core, f"/v1/inbox/{step_of('event', event)}/replay", InboxEvent, reason, key)


def list_discrepancies(
    core: Core,
    *,
    subscription: str | None = None,
    cursor: str | None = None,
    limit: int | None = None,
    **part: Unpack[Listing],
) -> Steps[DiscrepancyPage]:
    """Return one page of the differences that are open, newest first."""
    query = body_of(subscription=subscription, cursor=cursor, limit=limit, **part)
    return core.ask(Call("GET", "/v1/discrepancies", DiscrepancyPage, query=query))


def discrepancies(core: Core, *, subscription: str | None = None, **part: Unpack[Listing]) -> Pages[Discrepancy]:
    """Iterate over the differences that are open, newest first; pages are fetched as needed."""
    return lambda cursor: list_discrepancies(core, subscription=subscription, cursor=cursor, limit=PAGE_SIZE, **part)


def heal_discrepancy(core: Core, discrepancy: str, reason: str, *, key: str | None = None) -> Steps[Discrepancy]:
    """Heal a difference now, and return it with what came of it: closed, or why it still differs.

    Raises:
        NotFound: code `unknown_discrepancy`.
        Conflict: code `discrepancy_closed`, or `not_healable`: an operator has to decide it.
    """
    path = f"/v1/discrepancies/{step_of('discrepancy', discrepancy)}/heal"
    return _act(core, path, Discrepancy, reason, key)


def list_reconciliation_runs(
    core: Core, *, cursor: str | None = None, limit: int | None = None, **part: Unpack[Listing]
) -> Steps[ReconciliationRunPage]:
    """Return one page of the reconciliation runs, newest first; for keys of tenant `default`."""
    query = body_of(cursor=cursor, limit=limit, **part)
    return core.ask(Call("GET", "/v1/reconciliation/runs", ReconciliationRunPage, query=query))


def reconciliation_runs(core: Core, **part: Unpack[Listing]) -> Pages[ReconciliationRun]:
    """Iterate over the reconciliation runs, newest first; for keys of tenant `default`."""
    return lambda cursor: list_reconciliation_runs(core, cursor=cursor, limit=PAGE_SIZE, **part)


def run_reconciliation(core: Core, reason: str, *, key: str | None = None) -> Steps[Schedule]:
    """Reconcile now, and return the Schedule that does; for keys of tenant `default`."""
    return _act(core, "/v1/reconciliation/run", Schedule, reason, key)


def schedules(core: Core) -> Steps[ScheduleList]:
    """Return the Temporal Schedules with their latest runs; for keys of tenant `default`."""
    return core.ask(Call("GET", "/v1/schedules", ScheduleList))


def trigger_schedule(core: Core, schedule: str, reason: str, *, key: str | None = None) -> Steps[Schedule]:
    """Run a Schedule now, unless a run is in progress; for keys of tenant `default`.

    Raises:
        NotFound: code `unknown_schedule`.
    """
    return _act(core, f"/v1/schedules/{step_of('schedule', schedule)}/trigger", Schedule, reason, key)


def pause_schedule(core: Core, schedule: str, reason: str, *, key: str | None = None) -> Steps[Schedule]:
    """Pause a Schedule; requires a key of role `admin` of tenant `default`.

    Raises:
        NotFound: code `unknown_schedule`.
    """
    return _act(core, f"/v1/schedules/{step_of('schedule', schedule)}/pause", Schedule, reason, key)


def resume_schedule(core: Core, schedule: str, reason: str, *, key: str | None = None) -> Steps[Schedule]:
    """Resume a Schedule; requires a key of role `admin` of tenant `default`.

    Raises:
        NotFound: code `unknown_schedule`.
    """
    return _act(core, f"/v1/schedules/{step_of('schedule', schedule)}/resume", Schedule, reason, key)


def list_mails(
    core: Core,
    *,
    state: MailState | None = None,
    cursor: str | None = None,
    limit: int | None = None,
    **part: Unpack[Listing],
) -> Steps[MailPage]:
    """Return one page of the mails that wait (`queued`) or were given up (`refused`), newest first."""
    query = body_of(state=state, cursor=cursor, limit=limit, **part)
    return core.ask(Call("GET", "/v1/mails", MailPage, query=query))


def mails(core: Core, *, state: MailState | None = None, **part: Unpack[Listing]) -> Pages[Mail]:
    """Iterate over the mails that wait or were given up, newest first; pages are fetched as needed."""
    return lambda cursor: list_mails(core, state=state, cursor=cursor, limit=PAGE_SIZE, **part)


def mail_summary(core: Core) -> Steps[MailSummary]:
    """Return how many mails did not go out."""
    return core.ask(Call("GET", "/v1/mails/summary", MailSummary))


def retry_mail(core: Core, mail: str, reason: str, *, key: str | None = None) -> Steps[Mail]:
    """Have a mail sent that waits or was given up, and return it; one that was sent is not sent again.

    Raises:
        NotFound: code `unknown_mail`.
        Conflict: code `mail_not_retriable`, or `customer_erased`.
    """
    return _act(core, f"/v1/mails/{step_of('mail', mail)}/retry", Mail, reason, key)


def system(core: Core) -> Steps[System]:
    """Return how database, Temporal, workers and offer are; for keys of tenant `default`."""
    return core.ask(Call("GET", "/v1/system", System))


def _act(core: Core, path: str, kind: type[T], reason: str, key: str | None) -> Steps[T]:
    call = Call("POST", path, kind, body={"reason": reason}, key=key or new_key(), takes_time=True)
    return core.ask(call)
