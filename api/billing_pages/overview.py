"""The billing page: plan and status, what to know, usage, the next bill, the card and the latest invoices."""

from dataclasses import replace
from datetime import datetime
from functools import partial

from fastapi import Response

from api.billing_pages.banners import banner_of
from api.billing_pages.buying import can_buy
from api.billing_pages.changes import check_can_change
from api.billing_pages.flows import can
from api.billing_pages.payments import check_leaving, check_pay
from api.billing_pages.usage_bars import reached_limits, usage_bars
from api.billing_pages.visits import Visit
from api.entitlements.lookup import EntitlementLookup
from domain.billing_flows import BillingFlow
from domain.subscription import guards
from domain.subscription.commands import CancelAt
from domain.subscription.policy import SelfService
from domain.subscription.state import Subscription

INVOICES_SHOWN = 5
CONFIRMING_SECONDS, CONFIRMING_ROUNDS = 3, 5
"""How often the page looks again by itself after the customer came back from the provider's page."""


async def show_overview(visit: Visit, *, after: str = "", looks: int = 0) -> Response:
    """Return the billing page. *after* is the step of the subscription before the customer went to pay."""
    account, repositories = visit.account, visit.repositories
    used = await usage_bars(account, EntitlementLookup(visit.dependencies, repositories))
    bars = [replace(bar, name=visit.name_of(bar.code, bar.name)) for bar in used]
    invoices, more = await repositories.billing_accounts.invoices(
        account.tenant, account.customer_id, limit=INVOICES_SHOWN
    )
    it = account.subscription
    waits = bool(after) and it is not None and str(it.sequence) == after
    is_late = looks >= CONFIRMING_ROUNDS
    again = f"{visit.address(BillingFlow.OVERVIEW)}?after={after}&looks={min(looks + 1, CONFIRMING_ROUNDS)}"
    return visit.page(
        "overview.html",
        BillingFlow.OVERVIEW,
        headers={"Refresh": f"{CONFIRMING_SECONDS}; url={again}"} if waits and not is_late else None,
        banner=banner_of(account, reached_limits(bars), visit.dependencies.policy),
        usage=bars,
        invoices=invoices,
        details=await repositories.billing_details.of(account.customer_ref),
        has_more=more is not None,
        may=dict.fromkeys(BillingFlow, False)
        | (possible_flows(it, account.now, visit.offers) if it is not None else {})
        | {BillingFlow.BUY: can_buy(visit)},
        confirming=waits,
        is_late=is_late,
        look_again=again,
    )


def possible_flows(it: Subscription, now: datetime, offers: SelfService) -> dict[BillingFlow, bool]:
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
    return may | {
        BillingFlow.PAUSE: offers.pause and may[BillingFlow.PAUSE] and it.pause is None,
        BillingFlow.CHANGE_PLAN: offers.change and may[BillingFlow.CHANGE_PLAN],
    }
