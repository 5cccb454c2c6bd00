"""Customers, identified by the product's own id."""

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated
from uuid import uuid4

from fastapi import APIRouter, HTTPException, Query, Request
from pydantic import BaseModel, Field

from api.entitlements.lookup import EntitlementLookup, WithEntitlements
from api.entitlements.routes import CustomerId
from api.entitlements.views import PlanRef
from api.http.audit import AuditedRoute
from api.http.auth import Caller, Reader, Service
from api.http.dependencies import AppDependencies, Repositories, WithDependencies, WithRepositories
from api.http.fields import Search
from api.http.idempotency import idempotency_key
from api.http.lists import NextCursor, WithPage
from api.http.openapi import COMMANDING, READING
from api.subscriptions.requests import ChangeCustomerRequest
from api.subscriptions.views import SubscriberView, SubscriptionView
from configuration.mail_addresses import searched_address, shown_address
from domain.access import Basis
from domain.errors import GatewayUnavailable, Rejected
from domain.subscription.command_keys import hashed
from domain.subscription.journal import Cause, CauseKind
from domain.subscription.lifecycle import Status
from domain.subscription.trial import used
from services.customer_dispatcher import start_customer_sync
from storage.subscriptions.customer_list import ListedCustomer
from storage.subscriptions.customers import CustomerRow
from storage.subscriptions.search import Search as Searched

_log = logging.getLogger("tenure.api")

router = APIRouter(prefix="/v1/customers", tags=["Customers"], route_class=AuditedRoute, responses=READING)


class TrialEligibilityView(BaseModel):
    """Whether a new subscription may start with a trial."""

    eligible: bool
    reason: str | None = Field(description="why not; null if it may")


class LatestSubscriptionView(BaseModel):
    """The live subscription, or else the last one."""

    id: str
    status: Status
    plan: str = Field(examples=["starter"])


class CustomerSummaryView(SubscriberView):
    """A customer in a list."""

    metadata: dict[str, str]
    created_at: datetime
    subscription: LatestSubscriptionView | None

    @classmethod
    def of(cls, row: ListedCustomer) -> "CustomerSummaryView":
        has = row.subscription
        return cls(
            id=row.id,
            external_id=row.external_id,
            email=shown_address(row.email),
            name=row.name,
            timezone=row.timezone,
            locale=row.locale,
            metadata=dict(row.metadata),
            created_at=row.created_at,
            subscription=LatestSubscriptionView(id=has, status=Status(row.status), plan=row.plan) if has else None,
        )


class CustomerList(BaseModel):
    """One page of customers."""

    data: list[CustomerSummaryView]
    next_cursor: NextCursor


class CustomerView(SubscriberView):
    """A customer, their entitlements' source and whether they may have a trial."""

    metadata: dict[str, str]
    plan: PlanRef | None = Field(description="the plan that entitles them; null if there is none")
    basis: Basis
    subscription: SubscriptionView | None = Field(
        description="the live one, or else the last; null if there never was one"
    )
    trial: TrialEligibilityView


@router.get("", operation_id="listCustomers", summary="List customers")
async def list_customers(
    caller: Reader,
    repositories: WithRepositories,
    page: WithPage,
    q: Annotated[Search | None, Query(description="part of an email address, name or external id")] = None,
) -> CustomerList:
    search = Searched(q, searched_address(q)) if q else None
    found = await repositories.customer_list.find(caller.tenant, search, page)
    return CustomerList(data=[CustomerSummaryView.of(row) for row in found.rows], next_cursor=found.next_cursor)


@router.api_route("/", methods=["GET", "PATCH", "DELETE"], include_in_schema=False)
async def no_customer() -> None:
    """Without an id this is an unknown path, not a customer without a name."""
    raise HTTPException(404)


@router.patch("/{external_id:path}", operation_id="updateCustomer", summary="Update a customer", responses=COMMANDING)
async def update_customer(
    external_id: CustomerId,
    body: ChangeCustomerRequest,
    request: Request,
    caller: Service,
    dependencies: WithDependencies,
    repositories: WithRepositories,
    entitlements: WithEntitlements,
) -> CustomerView:
    key = idempotency_key(request)
    hashed_key = str(uuid4()) if key is None else hashed(key)
    await change_customer(external_id, body.given, hashed_key, caller, dependencies, repositories)
    return await _view(external_id, caller, dependencies, repositories, entitlements)


@router.get("/{external_id:path}", operation_id="getCustomer", summary="Get a customer")
async def get_customer(
    external_id: CustomerId,
    caller: Reader,
    dependencies: WithDependencies,
    repositories: WithRepositories,
    entitlements: WithEntitlements,
) -> CustomerView:
    return await _view(external_id, caller, dependencies, repositories, entitlements)


async def change_customer(
    external_id: str,
    given: Mapping[str, object],
    key: str,
    caller: Caller,
    dependencies: AppDependencies,
    repositories: Repositories,
) -> None:
    """Change a customer's contact data, once for each *key*, and have it carried to the provider."""
    cause = Cause(CauseKind.COMMAND, key, caller.actor)
    changed = await repositories.customer_changes.change(
        tenant=caller.tenant, external_id=external_id, given=dict(given), cause=cause
    )
    if changed is not None and changed.is_news:
        try:
            await start_customer_sync(dependencies.client, changed.customer)
        except GatewayUnavailable as error:
            # The change is stored; the next sweep notifies the subscriptions.
            _log.warning("change of customer %s is left to the next sweep: %s", changed.customer, error)


async def _view(
    external_id: str,
    caller: Caller,
    dependencies: AppDependencies,
    repositories: Repositories,
    entitlements: EntitlementLookup,
) -> CustomerView:
    row = await repositories.customers.get(tenant=caller.tenant, external_id=external_id)
    if row is None:
        raise Rejected(f"there is no customer {external_id!r}", code="unknown_customer")
    snapshot = await entitlements.of(caller.tenant, external_id)
    had = snapshot.standing.subscription
    found = await repositories.subscriptions.get(caller.tenant, had) if had is not None else None
    subscription = SubscriptionView.of(found) if found is not None else None
    return CustomerView(
        id=row.id,
        external_id=row.external_id,
        email=shown_address(row.email),
        name=row.name,
        timezone=row.timezone,
        locale=row.locale,
        metadata=dict(row.metadata),
        plan=PlanRef.of(snapshot),
        basis=snapshot.standing.basis,
        subscription=subscription,
        trial=await _trial(row, caller.tenant, dependencies, repositories, subscription),
    )


async def _trial(
    customer: CustomerRow,
    tenant: str,
    dependencies: AppDependencies,
    repositories: Repositories,
    subscription: SubscriptionView | None,
) -> TrialEligibilityView:
    """Whether a sign-up may start with a trial; the card is only checked once it is given."""
    if subscription is not None and subscription.status != "canceled":
        return TrialEligibilityView(
            eligible=False, reason=f"the customer already has a subscription: {subscription.id}"
        )
    default = dependencies.policy.trial.days
    if not any(
        plan.trial_days if plan.trial_days is not None else default
        for plan in dependencies.catalog.for_sale
        if not plan.is_free
    ):
        return TrialEligibilityView(eligible=False, reason="no plan offers a trial")
    mark = await repositories.trials.used(
        tenant=tenant, external_id=customer.external_id, email=customer.email, one_per=dependencies.policy.trial.one_per
    )
    return TrialEligibilityView(eligible=mark is None, reason=None if mark is None else used(mark).message)
