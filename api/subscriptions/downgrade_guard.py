"""Rejects plan changes that current usage does not fit, so that nobody loses anything unwarned."""

from pydantic import BaseModel, Field

from api.entitlements.lookup import EntitlementLookup
from api.http.auth import OPERATOR_ROLES, require_role
from api.http.errors import Problem
from api.subscriptions.command_context import CommandContext
from api.subscriptions.views import ChangeQuoteView
from domain.catalog.features import UsageWindow
from domain.catalog.plans import Selection
from domain.entitlements import downgrade_fit
from domain.entitlements.downgrade_fit import LimitConflict
from domain.errors import Rejected
from domain.subscription.lifecycle import Status
from domain.subscription.policy import ChangeAt
from storage.db.codec import state_from_json
from workflows.subscription.messages import ChangePlan
from workflows.subscription.workflow import SubscriptionWorkflow


class LimitConflictView(BaseModel):
    """A feature of which more is used than the change would allow."""

    feature: str = Field(examples=["users"])
    name: str = Field(examples=["Users"])
    used: int = Field(examples=[12])
    limit: int = Field(description="the limit after the change", examples=[3])
    excess: int = Field(examples=[9])
    window: UsageWindow | None
    detail: str

    @classmethod
    def of(cls, it: LimitConflict) -> "LimitConflictView":
        return cls(
            feature=it.feature.code,
            name=it.feature.name,
            used=it.counter.used,
            limit=it.allowed,
            excess=it.excess,
            window=it.feature.window,
            detail=it.in_words(),
        )


class LimitConflictProblem(Problem):
    """`usage_does_not_fit`: current usage exceeds the limits after the change. Other codes have no `misfits`."""

    misfits: list[LimitConflictView] = Field(default_factory=list)


class PlanChangePreviewView(ChangeQuoteView):
    """What a change would bill, when, and where current usage would not fit. Nothing has changed."""

    misfits: list[LimitConflictView] = Field(
        description="features for which the change would be rejected; empty if none"
    )


async def check_fit(context: CommandContext, subscription_id: str, command: ChangePlan, *, accepted: bool) -> None:
    """Reject a change that current usage does not fit, unless an operator accepts it. All data is kept either way.

    Raises:
        Rejected: code `usage_does_not_fit`, with what to do about each feature.
    """
    if accepted:
        require_role(context.caller, *OPERATOR_ROLES, what="make a change that current usage does not fit")
        return
    conflicts = await unfit(context, subscription_id, command.to, at_once=True)
    if conflicts and not await _is_at_once(context, subscription_id, command, conflicts):
        conflicts = await unfit(context, subscription_id, command.to, at_once=False)
    if conflicts:
        details = {one.feature.code: one.in_words() for one in conflicts}
        raise Rejected(
            f"current usage does not fit {command.to.plan_name}: {'; '.join(details.values())}",
            code="usage_does_not_fit",
            details={"misfits": [LimitConflictView.of(one) for one in conflicts]},
            by_part=details,
        )


async def unfit(
    context: CommandContext, subscription_id: str, to: Selection, *, at_once: bool
) -> tuple[LimitConflict, ...]:
    """Return where current usage would not fit."""
    row = await context.row(subscription_id)
    if row.status == Status.CANCELED.value:
        return ()
    current, entitlements = (
        state_from_json(dict(row.state)).selection,
        EntitlementLookup(context.dependencies, context.repositories),
    )
    snapshot = await entitlements.of(context.caller.tenant, row.external_id)
    catalog, new_catalog = await entitlements.catalog_named(row.catalog), await entitlements.catalog_named(to.catalog)
    return downgrade_fit.unfit(snapshot, (current, catalog), (to, new_catalog), at_once=at_once)


async def _is_at_once(
    context: CommandContext, subscription_id: str, command: ChangePlan, conflicts: tuple[LimitConflict, ...]
) -> bool:
    """True if the change takes effect at once. Only the subscription knows, by its own policy."""
    if all(one.feature.window is UsageWindow.GAUGE for one in conflicts):
        return True
    preview = await context.send(subscription_id, SubscriptionWorkflow.preview_change, command)
    return preview.at is ChangeAt.NOW
