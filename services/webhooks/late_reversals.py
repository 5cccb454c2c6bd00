"""Refunds and disputes after the end of a subscription: recorded and mailed, nothing else."""

from dataclasses import replace

from domain.errors import GatewayRefused
from domain.notifications.ports import MailDispatcher
from domain.provider.events import Disposition, Routing
from domain.provider.hints import MONEY_WENT_BACK, EventHint, EventKind
from domain.provider.payments import Reversal, ReversalKind
from domain.provider.ports import Reversals
from domain.subscription import reversals
from domain.subscription.journal import Cause, CauseKind
from domain.subscription.ports import CommandReasons, EndedSubscriptions, Records
from services.webhooks.answers import in_time
from services.webhooks.ended import attempts


class LateReversals:
    """Records refunds and disputes after a subscription's end. Safe to repeat: each is recorded once."""

    def __init__(
        self,
        provider: Reversals,
        subscriptions: EndedSubscriptions,
        records: Records,
        mail_dispatcher: MailDispatcher,
        reasons: CommandReasons,
    ) -> None:
        self._provider = provider
        self._subscriptions = subscriptions
        self._records = records
        self._mail_dispatcher = mail_dispatcher
        self._reasons = reasons

    async def note(self, subscription: str, hint: EventHint) -> Routing | None:
        """Record what *hint* points to; returns the outcome, None if the subscription is not over.

        Raises:
            GatewayUnavailable: the provider did not respond, or it could not be recorded; retry later.
        """
        if hint.news not in MONEY_WENT_BACK:
            if await self._subscriptions.ended(subscription) is None:
                return None
            return Routing(Disposition.PASSED_OVER, f"passed over: subscription {subscription} is over")
        try:
            reversal = await self._reversal(hint)
        except GatewayRefused as error:
            why = f"set aside: the provider does not return it ({error.code})"
            return Routing(Disposition.SET_ASIDE, why)
        if not await self.record(subscription, reversal, Cause(CauseKind.WEBHOOK, hint.event)):
            return None
        return Routing(Disposition.DELIVERED, f"recorded for subscription {subscription}, which is over")

    async def record(self, subscription: str, reversal: Reversal, cause: Cause) -> bool:
        """Record a refund or dispute once; False: the subscription is not over.

        The provider may report our own refund before its own command has recorded it: both write the same.

        Raises:
            GatewayUnavailable: it could not be recorded; retry later.
        """
        reason = await self._reasons.reason_of(subscription, reversal.command) if reversal.command else ""
        async for ended, now in attempts(self._subscriptions, subscription):
            why = reversals.cause_of(ended, reversal, cause)
            step = reversals.after_the_end(ended, reversal, now, why, reason if why.ref == reversal.command else "")
            is_known = reversals.is_known(ended, reversal)
            if is_known:
                # Its queued mails alone, which may not have been dispatched: recorded it is, with this step or another.
                step = replace(step, subscription=ended, entries=())
            await self._mail_dispatcher.dispatch(await self._records.save(step))
            if is_known:
                return True
        return False

    async def _reversal(self, hint: EventHint) -> Reversal:
        kind = ReversalKind.REFUND if hint.news is EventKind.REFUNDED else ReversalKind.DISPUTE
        return await in_time(self._provider.reversal(kind, hint.object_id), "the refund or dispute")
