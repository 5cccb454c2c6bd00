"""What a bulk run would do now: chosen by a list's filter, or by the run that it undoes."""

from api.bulk.requests import BulkFilter, BulkPreviewRequest, action_of
from api.http.dependencies import Repositories
from domain.bulk.actions import ActionKind, BulkAction, inverse
from domain.bulk.previews import Choice
from domain.errors import Rejected


async def chosen(repositories: Repositories, tenant: str, request: BulkPreviewRequest) -> Choice:
    """Ask of each subscription that a request is about whether it allows the action.

    Raises:
        Malformed: field `filter`; they are too many.
        Rejected: code `unknown_policy`, `unknown_bulk_run` or `no_inverse`.
    """
    if request.of is not None:
        return await undoing(repositories, tenant, request.of)
    assert request.filter is not None and request.action is not None  # noqa: S101, PT018 - as the request checks
    return await by_filter(repositories, tenant, request.filter, action_of(request.action))


async def by_filter(repositories: Repositories, tenant: str, filter_: BulkFilter, action: BulkAction) -> Choice:
    """Ask each subscription that a list with this filter shows; raises as `chosen` does."""
    if action.kind is ActionKind.MIGRATE_POLICY:
        await repositories.policies.published(action.policy)
    verdicts = await repositories.bulk_choices.of_filter(tenant, filter_.filters(), filter_.range(), action)
    return Choice(action, verdicts, filter_.shown())


async def undoing(repositories: Repositories, tenant: str, run: str) -> Choice:
    """Ask each subscription that a run was done for whether it allows the inverse; raises as `chosen` does."""
    undone = await repositories.bulk_runs.get(tenant, run)
    action = inverse(undone.action)
    if action is None:
        raise Rejected(f"nothing undoes {undone.action.kind.replace('_', ' ')}", code="no_inverse")
    ids = await repositories.bulk_runs.subscriptions_done(undone)
    verdicts = await repositories.bulk_choices.of_subscriptions(tenant, ids, action)
    return Choice(action, verdicts, inverse_of=undone.id)
