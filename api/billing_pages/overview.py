"""The billing page: plan and status, what to know, usage, the next bill, the card and the latest invoices."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from fastapi import Response

from api.billing_pages.banners import ReachedLimit, banner_of
from api.billing_pages.changes import check_can_change
from api.billing_pages.flows import can
from api.billing_pages.payments import check_leaving, check_pay
from api.billing_pages.visits import Visit
from api.entitlements.lookup import EntitlementLookup
from domain.billing_flows import BillingFlow
from domain.entitlements.snapshot import EntitlementSnapshot
from domain.entitlements.usage import UsageLevel, grace_ends, share
from domain.errors import GatewayUnavailable
from domain.notifications.tones import LIMIT_IS_NEAR, Tone, of_reached_limit
from domain.subscription import guards
from domain.subscription.commands import CancelAt
from domain.subscription.state import Subscription

INVOICES_SHOWN = 5
CONFIRMING_ROUNDS = 5
"""How often the page looks again by itself after the customer came back from the provider's page."""

_TONES = {
    UsageLevel.HINT: LIMIT_IS_NEAR,
    UsageLevel.WARNED: LIMIT_IS_NEAR,
    UsageLevel.GRACE: of_reached_limit(goes_on=True),
    UsageLevel.OVERAGE: of_reached_limit(goes_on=True),
    UsageLevel.REACHED: of_reached_limit(goes_on=False),
}


@dataclass(frozen=True)
class UsageBar:
    """What was used of one feature."""

    code: str
    name: str
    used: int
    limit: int | None
    """None: there is none."""
    percent: int | None
    tone: Tone
    level: UsageLevel
    resets_at: datetime | None
    grace_ends_at: datetime | None


async def show_overview(visit: Visit, *, after: str = "", looks: int = 0) -> Response:
    """Return the billing page. *after* is the step of the subscription before the customer went to pay."""
    account, repositories = visit.account, visit.repositories
    bars = await _usage(visit)
    invoices, more = await repositories.billing_accounts.invoices(
        account.tenant, account.customer_id, limit=INVOICES_SHOWN
    )
    it = account.subscription
    reached = tuple(
        ReachedLimit(bar.name, bar.grace_ends_at)
        for bar in bars
        if bar.level in (UsageLevel.GRACE, UsageLevel.REACHED)
        and (bar.grace_ends_at or bar.level is UsageLevel.REACHED)
    )
    waits = bool(after) and it is not None and str(it.sequence) == after
    return visit.page(
        "overview.html",
        BillingFlow.OVERVIEW,
        banner=banner_of(account, reached),
        usage=bars,
        invoices=invoices,
        has_more=more is not None,
        may=dict.fromkeys(BillingFlow, False) | (_may(it, account.now) if it is not None else {}),
        confirming=waits,
        look_again=f"{visit.address(BillingFlow.OVERVIEW)}?after={after}&looks={looks + 1}"
        if waits and looks < CONFIRMING_ROUNDS
        else "",
    )


def _may(it: Subscription, now: datetime) -> dict[BillingFlow, bool]:
    """Return what the customer can do, by the name of the page."""
    checks = {
        BillingFlow.CANCEL: partial(guards.check_cancel, it, CancelAt.PERIOD_END),
        BillingFlow.UNDO_CANCEL: partial(guards.check_uncancel, it),
        BillingFlow.PAUSE: partial(guards.check_pause, it, None, now),
        BillingFlow.RESUME: partial(guards.check_resume, it),
        BillingFlow.PAY: partial(check_pay, it),
        BillingFlow.PAYMENT_METHOD: partial(check_leaving, it),
        BillingFlow.WITHDRAW_CHANGE: partial(guards.check_withdraw_change, it),
        BillingFlow.CHANGE_PLAN: partial(check_can_change, it, now),
    }
    may = {flow: not can(check) for flow, check in checks.items()}
    return may | {BillingFlow.PAUSE: may[BillingFlow.PAUSE] and it.pause is None}


async def _usage(visit: Visit) -> Sequence[UsageBar]:
    account = visit.account
    try:
        snapshot = await EntitlementLookup(visit.dependencies, visit.repositories).of(
            account.tenant, account.external_id
        )
    except GatewayUnavailable as error:
        if error.code == "catalog_unpublished":
            return ()
        raise
    return tuple(_bars(snapshot))


def _bars(snapshot: EntitlementSnapshot) -> Sequence[UsageBar]:
    found = []
    for feature in snapshot.features.values():
        if feature.window is None:
            continue
        counter = snapshot.counter(feature)
        if counter.included == 0 and not counter.used:
            continue
        level = snapshot.level(counter, feature)
        is_billed = snapshot.overage(feature) is not None
        found.append(
            UsageBar(
                feature.code,
                feature.name,
                counter.used,
                counter.included,
                share(counter.used, counter.included),
                _TONES.get(level, Tone.CALM),
                level,
                counter.ends,
                None if is_billed or level is not UsageLevel.GRACE else grace_ends(counter.over_since, feature.limit),
            )
        )
    return found
