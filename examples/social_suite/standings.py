"""The product's own copy of what its users have, kept by Tenure's events.

Pages that only show it ask nobody. What must be exact, such as a limit, is still asked of Tenure.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from fastapi import APIRouter, HTTPException, Request, Response

from examples.social_suite.people import User
from tenure.client import (
    AsyncTenure,
    EventCustomer,
    EventSubscription,
    InvalidSignature,
    TenureEvent,
    verified_event,
)


@dataclass(frozen=True)
class StandingCopy:
    """What a user has, as of an event."""

    plan: str
    status: str
    access: str
    sequence: int
    """Of the event."""


@dataclass(frozen=True)
class _Kept:
    customer: EventCustomer
    subscription: EventSubscription
    at: datetime


class Standings:
    """Copies by user. A real product keeps them in its database, with the sequence in the condition of the update."""

    def __init__(self) -> None:
        self._by_subscription: dict[str, _Kept] = {}
        self._erased: set[str] = set()
        """Tenure's ids of customers who were erased: what comes late must not bring them back."""

    def take(self, event: TenureEvent) -> str | None:
        """Take an event in; returns the user whose standing has changed.

        Events come more than once and in any order. Each tells the whole subscription after it, and `sequence` grows
        with each step: the greatest one tells what is so, and what is older or was taken before says nothing new.
        """
        customer, told = event.data.customer, event.data.subscription
        if customer is None or customer.id in self._erased:
            return None
        if event.type == "customer.erased":
            return self._forget(customer.id)
        if told is None:
            return None  # it is about something else
        known = self._by_subscription.get(told.id)
        if known is not None and known.subscription.sequence >= told.sequence:
            return None
        self._by_subscription[told.id] = _Kept(customer, told, event.timestamp)
        return customer.external_id

    def of(self, user: str) -> StandingCopy | None:
        """Return what a user has: of the subscription that is not over, or else of the last one."""
        theirs = [kept for kept in self._by_subscription.values() if kept.customer.external_id == user]
        if not theirs:
            return None
        now = max(theirs, key=lambda kept: (kept.subscription.status != "canceled", kept.at)).subscription
        return StandingCopy(now.plan, now.status, now.access, now.sequence)

    def _forget(self, customer: str) -> str | None:
        self._erased.add(customer)
        mine = [kept for kept in self._by_subscription.values() if kept.customer.id == customer]
        for kept in mine:
            del self._by_subscription[kept.subscription.id]
        return mine[0].customer.external_id if mine else None


def hooks(tenure: AsyncTenure, standings: Standings, secrets: Sequence[str]) -> APIRouter:
    """Return where Tenure sends its events, and where a user sees the copy."""
    router = APIRouter()

    @router.post("/hooks/tenure", status_code=204, include_in_schema=False)
    async def receive(request: Request) -> Response:
        try:
            event = verified_event(await request.body(), request.headers, secrets)
        except InvalidSignature as error:
            raise HTTPException(400, error.message) from error
        user = standings.take(event)
        if user is not None:
            # What the client remembers of this user is older than the event.
            tenure.invalidate(user)
        return Response(status_code=204)

    @router.get("/plan/standing", tags=["Plan"])
    def standing(user: User) -> StandingCopy:
        found = standings.of(user)
        if found is None:
            raise HTTPException(404, "nothing is known of your subscription yet")
        return found

    return router
