"""Money that goes back when the subscription is over already: written down and told, nothing else."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Protocol

from domain.errors import GatewayRefused, GatewayUnavailable
from domain.notifications.ports import Post
from domain.provider.events import Disposition, Routing
from domain.provider.hints import MONEY_WENT_BACK, EventHint, EventKind
from domain.provider.payments import Reversal, ReversalKind
from domain.subscription import reversals
from domain.subscription.journal import Cause, CauseKind
from domain.subscription.ports import Records
from domain.subscription.state import Subscription

ANSWER_TIMEOUT = 5.0
"""Seconds in which the provider must tell how money that went back stands."""
TRIES = 3
"""Of writing it down, while others write about the same subscription."""


class Past(Protocol):
    """What is known of subscriptions that are over."""

    async def ended(self, subscription: str) -> tuple[Subscription, datetime] | None:
        """A canceled subscription and when the last thing happened to it; None: it is not canceled."""
        ...


class LateReversals:
    """Takes note of refunds and disputes after a subscription's end. Safe to repeat: each is written down once."""

    def __init__(
        self, look: Callable[[ReversalKind, str], Awaitable[Reversal]], past: Past, records: Records, post: Post
    ) -> None:
        self._look = look
        self._past = past
        self._records = records
        self._post = post

    async def note(self, subscription: str, hint: EventHint) -> Routing | None:
        """Write down what *hint* points to; returns what came of it, None when the subscription is not over.

        Raises:
            GatewayUnavailable: the provider did not answer, or it could not be written down; to be tried again.
        """
        if hint.news not in MONEY_WENT_BACK:
            if await self._past.ended(subscription) is None:
                return None
            return Routing(Disposition.PASSED_OVER, f"passed over: subscription {subscription} is over")
        try:
            reversal = await self._reversal(hint)
        except GatewayRefused as error:
            words = f"set aside: the provider does not tell how it stands ({error.code})"
            return Routing(Disposition.SET_ASIDE, words)
        for _ in range(TRIES):
            found = await self._past.ended(subscription)
            if found is None:
                return None
            ended, last = found
            # Never before what has happened already: in the sandbox a life's clock is ahead of ours.
            now = max(datetime.now(UTC), last)
            step = reversals.after_the_end(ended, reversal, now, Cause(CauseKind.WEBHOOK, hint.event))
            is_known = reversals.is_known(ended, reversal)
            if is_known:
                # Of a step that is written already only the mails that still wait come back: they may lack their post.
                step = replace(step, subscription=ended)
            await self._post.dispatch(await self._records.save(step))
            if is_known:
                words = f"written down for subscription {subscription}, which is over"
                return Routing(Disposition.DELIVERED, words)
        raise GatewayUnavailable(f"others write about subscription {subscription}", code="busy")

    async def _reversal(self, hint: EventHint) -> Reversal:
        kind = ReversalKind.REFUND if hint.news is EventKind.REFUNDED else ReversalKind.DISPUTE
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT):
                return await self._look(kind, hint.object_id)
        except TimeoutError as error:
            raise GatewayUnavailable("the provider did not tell in time how it stands") from error
