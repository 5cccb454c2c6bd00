"""What a bulk run would do now: chosen by a list's filter, or by the run that it undoes."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from api.bulk.requests import BulkPreviewRequest, action_of, kept_of
from api.http.dependencies import Repositories
from domain.bulk.actions import ActionKind, BulkAction, inverse
from domain.bulk.previews import Choice
from domain.errors import Rejected
from storage.bulk.choosing import Range
from storage.subscriptions.subscription_list import Filters

ANY_TIME: Final = Range()


async def chosen(repositories: Repositories, tenant: str, request: BulkPreviewRequest) -> Choice:
    """Ask of each subscription that a request is about whether it allows the action.

    Raises:
        Malformed: field `filter`; they are too many.
        Rejected: code `unknown_policy`, `unknown_bulk_run` or `no_inverse`.
    """
    if request.of is not None:
        return await undoing(repositories, tenant, request.of)
    assert request.filter is not None and request.action is not None  # noqa: S101, PT018 - as the request checks
    asked, action = request.filter, action_of(request.action)
    return await by_filter(repositories, tenant, action, asked.filters(), asked.range(), asked.shown())


async def by_filter(
    repositories: Repositories,
    tenant: str,
    action: BulkAction,
    filters: Filters,
    created: Range = ANY_TIME,
    shown: Mapping[str, object] = MappingProxyType({}),
) -> Choice:
    """Ask each subscription that a list with these filters shows, of which *shown* is kept; raises as `chosen` does."""
    if action.kind is ActionKind.MIGRATE_POLICY:
        await repositories.policies.published(action.policy)
    verdicts = await repositories.bulk_choices.of_filter(tenant, filters, created, action)
    return Choice(action, verdicts, kept_of(shown))


async def undoing(repositories: Repositories, tenant: str, run: str) -> Choice:
    """Ask each subscription that a run was done for whether it allows the inverse; raises as `chosen` does."""
    undone = await repositories.bulk_runs.get(tenant, run)
    action = inverse(undone.action)
    if action is None:
        raise Rejected(f"nothing undoes {undone.action.kind.replace('_', ' ')}", code="no_inverse")
    ids = await repositories.bulk_runs.subscriptions_done(undone)
    verdicts = await repositories.bulk_choices.of_subscriptions(tenant, ids, action)
    return Choice(action, verdicts, inverse_of=undone.id)
