"""Bulk runs; to start and control them it requires an API key of role `admin`, to look at them also lesser ones.

Each operation is defined once here; `Tenure` and `AsyncTenure` have it as a method of the same name, without `core`.
"""

from collections.abc import Mapping
from typing import Any, Unpack

from tenure.client.bulk import BulkAction, BulkPreview, BulkRow, BulkRowPage, BulkRun, BulkRunPage
from tenure.client.core import Core, Steps, new_key
from tenure.client.paging import PAGE_SIZE, Listing, Pages
from tenure.client.requests import Call, body_of, step_of
from tenure.client.values import BulkOutcome

Filter = Mapping[str, Any]
"""The parameters of `subscriptions`; empty: all."""


def preview_bulk(
    core: Core,
    action: BulkAction | None = None,
    filter: Filter | None = None,  # noqa: A002 - the field's name
    *,
    of: str | None = None,
) -> Steps[BulkPreview]:
    """Return what a bulk run would do, without doing it.

    Args:
        core: the client's core.
        action: what is done to each subscription.
        filter: which subscriptions, as `subscriptions` takes it.
        of: in place of both: the inverse of this run, for those that it was done for.

    """
    body = _body(action, filter, of)
    return core.ask(Call("POST", "/v1/bulk/preview", BulkPreview, body=body, key=new_key(), takes_time=True))


def start_bulk(
    core: Core,
    action: BulkAction | None = None,
    filter: Filter | None = None,  # noqa: A002 - the field's name
    *,
    expected: int,
    reason: str,
    of: str | None = None,
    rate: int | None = None,
    key: str | None = None,
) -> Steps[BulkRun]:
    """Start a bulk run, as it was previewed; its subscriptions are fixed now.

    Args:
        core: the client's core.
        action: as in the preview.
        filter: as in the preview.
        expected: `would_be_done` of the preview.
        reason: for the audit, and each subscription's timeline.
        of: as in the preview.
        rate: subscriptions a second.
        key: identifies the run: a repeat starts none again.

    Raises:
        Conflict: code `bulk_changed`; the number of subscriptions differs. `problem` has `would_be_done`.

    """
    body = _body(action, filter, of) | body_of(expected=expected, reason=reason, rate=rate)
    return core.ask(Call("POST", "/v1/bulk", BulkRun, body=body, key=key or new_key(), takes_time=True))


def bulk_run(core: Core, run: str) -> Steps[BulkRun]:
    """Return a bulk run.

    Raises:
        NotFound: there is none with this id.
    """
    return core.ask(Call("GET", _path(run), BulkRun))


def list_bulk_runs(
    core: Core, *, cursor: str | None = None, limit: int | None = None, **part: Unpack[Listing]
) -> Steps[BulkRunPage]:
    """Return one page of bulk runs, newest first."""
    return core.ask(Call("GET", "/v1/bulk", BulkRunPage, query=body_of(cursor=cursor, limit=limit, **part)))


def bulk_runs(core: Core, **part: Unpack[Listing]) -> Pages[BulkRun]:
    """Iterate over bulk runs, newest first; pages are fetched as needed."""
    return lambda cursor: list_bulk_runs(core, cursor=cursor, limit=PAGE_SIZE, **part)


def list_bulk_rows(
    core: Core,
    run: str,
    *,
    outcome: BulkOutcome | None = None,
    cursor: str | None = None,
    limit: int | None = None,
) -> Steps[BulkRowPage]:
    """Return one page of a run's subscriptions, in the order in which they are worked off."""
    query = body_of(outcome=outcome, cursor=cursor, limit=limit)
    return core.ask(Call("GET", f"{_path(run)}/rows", BulkRowPage, query=query))


def bulk_rows(core: Core, run: str, *, outcome: BulkOutcome | None = None) -> Pages[BulkRow]:
    """Iterate over a run's subscriptions, in the order in which they are worked off."""
    return lambda cursor: list_bulk_rows(core, run, outcome=outcome, cursor=cursor, limit=PAGE_SIZE)


def pause_bulk(core: Core, run: str, *, key: str | None = None) -> Steps[BulkRun]:
    """Pause a bulk run; none of its subscriptions is in progress then."""
    return _command(core, run, "pause", key)


def resume_bulk(core: Core, run: str, *, key: str | None = None) -> Steps[BulkRun]:
    """Let a bulk run go on, or begin."""
    return _command(core, run, "resume", key)


def stop_bulk(core: Core, run: str, *, key: str | None = None) -> Steps[BulkRun]:
    """End a bulk run: subscriptions that wait are skipped, what was done stays done."""
    return _command(core, run, "stop", key)


def _command(core: Core, run: str, name: str, key: str | None) -> Steps[BulkRun]:
    return core.ask(Call("POST", f"{_path(run)}/{name}", BulkRun, body={}, key=key or new_key(), takes_time=True))


def _path(run: str) -> str:
    return f"/v1/bulk/{step_of('run', run)}"


def _body(action: BulkAction | None, filter_: Filter | None, of: str | None) -> dict[str, Any]:
    told = None if action is None else body_of(**vars(action))
    chosen = {} if filter_ is None and of is None else filter_
    return body_of(action=told, filter=None if chosen is None else body_of(**chosen), of=of)
