"""Creating and reading subscriptions."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response, status

from api.http.auth import Reader
from api.http.dependencies import WithRepositories
from api.http.fields import Code, ExternalId, Search, SubscriptionId
from api.http.idempotency import IdempotentRoute
from api.http.openapi import COMMANDING, READING
from api.subscriptions.command_context import ServiceContext, find
from api.subscriptions.confirmations import CONFIRMING
from api.subscriptions.requests import CreateSubscriptionRequest
from api.subscriptions.sign_up import requested_sign_up
from api.subscriptions.views import SubscriptionList, SubscriptionView, TimelineEntryView, TimelineView, actions
from configuration.mail_addresses import searched_address
from domain.subscription.lifecycle import Status
from storage.subscriptions.read_model import Filters

router = APIRouter(prefix="/v1/subscriptions", tags=["Subscriptions"], route_class=IdempotentRoute)

Limit = Annotated[int, Query(ge=1, le=100, description="page size")]
Cursor = Annotated[str | None, Query(max_length=500, description="`next_cursor` of the previous page")]


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
        Search | None, Query(description="part of an email address, name or external id, or the beginning of an id")
    ] = None,
    blocked: Annotated[
        bool | None,
        Query(description="true for subscriptions with a step that waits for an operator or the end of an outage"),
    ] = None,
) -> Filters:
    return Filters(
        status=status, plan=plan, customer=customer, q=q, q_address=searched_address(q or ""), blocked=blocked
    )


@router.get("", operation_id="listSubscriptions", summary="List subscriptions, newest first", responses=READING)
async def list_subscriptions(
    caller: Reader,
    repositories: WithRepositories,
    filters: Annotated[Filters, Depends(_filters)],
    cursor: Cursor = None,
    limit: Limit = 20,
) -> SubscriptionList:
    page = await repositories.subscriptions.find(caller.tenant, filters, cursor=cursor, limit=limit)
    return SubscriptionList(data=[SubscriptionView.of(row) for row in page.rows], next_cursor=page.next_cursor)


@router.get("/{subscription_id}", operation_id="getSubscription", summary="Get a subscription", responses=READING)
async def get(subscription_id: SubscriptionId, caller: Reader, repositories: WithRepositories) -> SubscriptionView:
    return SubscriptionView.of(await find(repositories, caller.tenant, subscription_id))


@router.get(
    "/{subscription_id}/timeline",
    operation_id="getTimeline",
    summary="Get a subscription's history with causes, and what happens next",
    responses=READING,
)
async def timeline(subscription_id: SubscriptionId, caller: Reader, repositories: WithRepositories) -> TimelineView:
    row = await find(repositories, caller.tenant, subscription_id)
    past = await repositories.timeline.past(caller.tenant, subscription_id)
    return TimelineView(past=[TimelineEntryView.of(entry) for entry in past], next_actions=actions(row))
