"""Changes are refused when current use does not fit: nobody loses what they have without having been told."""

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
    """Something of which more is used than there would be."""

    feature: str = Field(examples=["users"])
    name: str = Field(examples=["Users"])
    used: int = Field(examples=[12])
    limit: int = Field(description="what there would be", examples=[3])
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
    """Why a change is refused: current use does not fit it. Of other codes there are no `misfits`."""

    misfits: list[LimitConflictView] = Field(default_factory=list)


class PlanChangePreviewView(ChangeQuoteView):
    """What a change would bill, and when, and what of current use would not fit; nothing has changed."""

    misfits: list[LimitConflictView] = Field(description="for these the change would be refused; empty: it would not")


async def check_fit(context: CommandContext, subscription_id: str, command: ChangePlan, *, accepted: bool) -> None:
    """Refuse a change to what current use does not fit, unless an operator accepts that; all data is kept either way.

    Raises:
        Rejected: code `usage_does_not_fit`, with what is to be done about each feature.
    """
    if accepted:
        require_role(context.caller, *OPERATOR_ROLES, what="have a change that current use does not fit")
        return
    found = await unfit(context, subscription_id, command.to, at_once=True)
    if found and not await _is_at_once(context, subscription_id, command, found):
        found = await unfit(context, subscription_id, command.to, at_once=False)
    if found:
        told = {one.feature.code: one.in_words() for one in found}
        raise Rejected(
            f"current use does not fit {command.to.plan_name}: {'; '.join(told.values())}",
            code="usage_does_not_fit",
            details={"misfits": [LimitConflictView.of(one) for one in found]},
            by_part=told,
        )


async def unfit(
    context: CommandContext, subscription_id: str, to: Selection, *, at_once: bool
) -> tuple[LimitConflict, ...]:
    """What of current use would not fit."""
    row = await context.row(subscription_id)
    if row.status == Status.CANCELED.value:
        return ()
    had, entitlements = (
        state_from_json(dict(row.state)).selection,
        EntitlementLookup(context.dependencies, context.repositories),
    )
    snapshot = await entitlements.of(context.caller.tenant, row.external_id)
    was, will_be = await entitlements.catalog_named(row.catalog), await entitlements.catalog_named(to.catalog)
    return downgrade_fit.unfit(snapshot, (had, was), (to, will_be), at_once=at_once)


async def _is_at_once(
    context: CommandContext, subscription_id: str, command: ChangePlan, found: tuple[LimitConflict, ...]
) -> bool:
    """When the change would take effect; the subscription itself knows by the policy that it lives by."""
    if all(one.feature.window is UsageWindow.GAUGE for one in found):
        return True
    preview = await context.ask(subscription_id, SubscriptionWorkflow.preview_change, command)
    return preview.at is ChangeAt.NOW
