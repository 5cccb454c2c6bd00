"""Creating and reading subscriptions."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response, status

from api.http.auth import OPERATOR_ROLES, Reader
from api.http.dependencies import WithRepositories
from api.http.fields import Code, ExternalId, Search, SubscriptionId
from api.http.idempotency import IdempotentRoute
from api.http.lists import WithPage, page_request
from api.http.openapi import COMMANDING, READING
from api.subscriptions.command_context import ServiceContext, find
from api.subscriptions.confirmations import CONFIRMING
from api.subscriptions.requests import CreateSubscriptionRequest
from api.subscriptions.sign_up import requested_sign_up
from api.subscriptions.views import SubscriptionList, SubscriptionView, TimelineEntryView, TimelineView, actions
from configuration.mail_addresses import searched_address
from domain.subscription.lifecycle import Status
from storage.db.cursors import PageRequest, Sort
from storage.subscriptions.search import Search as Searched
from storage.subscriptions.subscription_list import Filters

router = APIRouter(prefix="/v1/subscriptions", tags=["Subscriptions"], route_class=IdempotentRoute)

_History = Annotated[PageRequest, Depends(page_request(limit=1000, max_limit=1000, sort=Sort.OLDEST_FIRST))]
"""A history is read whole, as a rule."""


@router.post(
    "",
    operation_id="createSubscription",
    summary="Create a subscription",
    status_code=status.HTTP_201_CREATED,
    responses=COMMANDING | CONFIRMING,
)
async def create(body: CreateSubscriptionRequest, context: ServiceContext, response: Response) -> SubscriptionView:
    requested = requested_sign_up(context, body)
    await context.repositories.sign_up.sign_up(requested)
    response.headers["Location"] = f"/v1/subscriptions/{requested.subscription}"
    return SubscriptionView.of(await context.row(requested.subscription))


def _filters(
    status: Annotated[Status | None, Query()] = None,
    plan: Annotated[Code | None, Query(description="plan code")] = None,
    customer: Annotated[ExternalId | None, Query(description="the customer's external id")] = None,
    q: Annotated[
        Search | None,
        Query(description="part of an email address, name or external id, or the beginning of an id"),
    ] = None,
    blocked: Annotated[
        bool | None,
        Query(description="true for subscriptions with a step that waits for an operator or the end of an outage"),
    ] = None,
) -> Filters:
    search = Searched(q, searched_address(q)) if q else None
    return Filters(status=status, plan=plan, customer=customer, search=search, blocked=blocked)


@router.get("", operation_id="listSubscriptions", summary="List subscriptions", responses=READING)
async def list_subscriptions(
    caller: Reader,
    repositories: WithRepositories,
    filters: Annotated[Filters, Depends(_filters)],
    page: WithPage,
) -> SubscriptionList:
    found = await repositories.subscription_list.find(caller.tenant, filters, page)
    return SubscriptionList(data=[SubscriptionView.of(row) for row in found.rows], next_cursor=found.next_cursor)


@router.get("/{subscription_id}", operation_id="getSubscription", summary="Get a subscription", responses=READING)
async def get(subscription_id: SubscriptionId, caller: Reader, repositories: WithRepositories) -> SubscriptionView:
    row = await find(repositories, caller.tenant, subscription_id)
    if caller.role not in OPERATOR_ROLES:
        return SubscriptionView.of(row)
    return SubscriptionView.of(row, cancel_comment=await repositories.subscriptions.cancel_comment(caller.tenant, row))


@router.get(
    "/{subscription_id}/timeline",
    operation_id="getTimeline",
    summary="Get a subscription's history with causes, and what happens next",
    responses=READING,
)
async def timeline(
    subscription_id: SubscriptionId, caller: Reader, repositories: WithRepositories, page: _History
) -> TimelineView:
    row = await find(repositories, caller.tenant, subscription_id)
    found = await repositories.timeline.past(caller.tenant, subscription_id, page)
    past = [TimelineEntryView.of(entry) for entry in found.rows]
    return TimelineView(past=past, next_cursor=found.next_cursor, next_actions=actions(row))
