"""Payments after the end of a subscription, of invoices that were written off: recorded and receipted, nothing else."""

from domain.errors import GatewayRefused
from domain.notifications.ports import MailDispatcher
from domain.provider.events import Disposition, Routing
from domain.provider.hints import EventHint, EventKind
from domain.provider.payments import Charge
from domain.provider.ports import Billing
from domain.subscription import payments_received
from domain.subscription.hints import pays_waived
from domain.subscription.journal import Cause, CauseKind
from domain.subscription.ports import EndedSubscriptions, Records
from domain.subscription.state import Subscription
from services.webhooks.answers import in_time
from services.webhooks.ended import attempts


class LatePayments:
    """Records such payments. Safe to repeat: each is recorded once."""

    def __init__(
        self, provider: Billing, subscriptions: EndedSubscriptions, records: Records, mail_dispatcher: MailDispatcher
    ) -> None:
        self._provider = provider
        self._subscriptions = subscriptions
        self._records = records
        self._mail_dispatcher = mail_dispatcher

    async def note(self, subscription: str, hint: EventHint) -> Routing | None:
        """Record the payment that *hint* reports; returns the outcome, None if it is not about such an invoice.

        Raises:
            GatewayUnavailable: the provider did not respond, or it could not be recorded; retry later.
        """
        found = await self._subscriptions.ended(subscription) if hint.news is EventKind.INVOICE_PAID else None
        if found is None or not pays_waived(found[0], hint):
            return None
        try:
            charge = await self._invoice(found[0], hint.object_id)
        except GatewayRefused as error:
            why = f"set aside: the provider does not return the invoice ({error.code})"
            return Routing(Disposition.SET_ASIDE, why)
        if charge is None or not payments_received.pays_waived(found[0], charge):
            return None
        await self._record(subscription, charge, Cause(CauseKind.WEBHOOK, hint.event))
        return Routing(Disposition.DELIVERED, f"recorded for subscription {subscription}, which is over")

    async def _record(self, subscription: str, charge: Charge, cause: Cause) -> None:
        async for ended, now in attempts(self._subscriptions, subscription):
            if not payments_received.pays_waived(ended, charge):
                return
            step = payments_received.paid_after_waiver(ended, charge, now, cause)
            await self._mail_dispatcher.dispatch(await self._records.save(step))

    async def _invoice(self, ended: Subscription, invoice_ref: str) -> Charge | None:
        asked = self._provider.provider_state(ended.customer_ref, ended.agreement_ref, invoice_ref)
        return (await in_time(asked, "the invoice")).latest
