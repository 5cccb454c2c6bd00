"""Customers by the product's own id for them."""

from fastapi import APIRouter
from pydantic import BaseModel, Field

from api.auth import Reader
from api.docs import READING
from api.entitlement_views import PlanRef
from api.entitlements import CustomerId
from api.holdings import HasHoldings
from api.parts import HasParts, HasStores, Parts, Stores
from api.views import CustomerView, SubscriptionView
from configuration.mail_addresses import shown_address
from domain.entitlements import Basis
from domain.errors import Rejected
from domain.trial import used
from storage.customers import CustomerRow

router = APIRouter(prefix="/v1/customers", tags=["Customers"], responses=READING)


class TrialView(BaseModel):
    """Whether a new subscription may begin with a trial."""

    eligible: bool
    reason: str | None = Field(description="why not; null: it may")


class WholeCustomerView(CustomerView):
    """A customer, what they have, and whether they may try something."""

    metadata: dict[str, str]
    plan: PlanRef | None = Field(description="what entitles them; null: nothing does")
    basis: Basis
    subscription: SubscriptionView | None = Field(description="the live one, else the last; null: there never was one")
    trial: TrialView


@router.get("/{external_id:path}", operation_id="getCustomer", summary="Get a customer")
async def get_customer(
    external_id: CustomerId, caller: Reader, parts: HasParts, stores: HasStores, holdings: HasHoldings
) -> WholeCustomerView:
    row = await stores.customers.get(tenant=caller.tenant, external_id=external_id)
    if row is None:
        raise Rejected(f"there is no customer {external_id!r}", code="unknown_customer")
    holding = await holdings.of(caller.tenant, external_id)
    had = holding.standing.subscription
    found = await stores.subscriptions.get(caller.tenant, had) if had is not None else None
    subscription = SubscriptionView.of(found) if found is not None else None
    return WholeCustomerView(
        id=row.id,
        external_id=row.external_id,
        email=shown_address(row.email),
        name=row.name,
        timezone=row.timezone,
        locale=row.locale,
        metadata=dict(row.metadata),
        plan=PlanRef.of(holding),
        basis=holding.standing.basis,
        subscription=subscription,
        trial=await _trial(row, caller.tenant, parts, stores, subscription),
    )


async def _trial(
    customer: CustomerRow, tenant: str, parts: Parts, stores: Stores, subscription: SubscriptionView | None
) -> TrialView:
    """Whether a sign-up would be let begin with a trial; a card is seen only once it is given."""
    if subscription is not None and subscription.status != "canceled":
        return TrialView(eligible=False, reason=f"there is a subscription already: {subscription.id}")
    default = parts.policy.trial.days
    if not any(
        plan.trial_days if plan.trial_days is not None else default
        for plan in parts.catalog.plans.values()
        if not plan.is_free
    ):
        return TrialView(eligible=False, reason="no plan has a trial")
    mark = await stores.trials.used(
        tenant=tenant, external_id=customer.external_id, email=customer.email, one_per=parts.policy.trial.one_per
    )
    return TrialView(eligible=mark is None, reason=None if mark is None else used(mark).message)
