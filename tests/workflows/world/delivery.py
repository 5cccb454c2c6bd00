"""The provider's messages on their way to subscriptions: the real delivery on tables in memory."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from temporalio.client import Client

from domain.notifications.ports import MailDispatcher
from domain.provider.events import Address, Directory, KeptEvent, PastEvent, Routing
from domain.subscription.state import Subscription
from services.webhooks.delivery import Delivery
from services.webhooks.late_payments import LatePayments
from services.webhooks.late_reversals import LateReversals
from services.webhooks.routing import FIRST_PAYMENT_GRACE
from tests.contracts.in_memory.records import InMemoryRecords
from tests.workflows.world.provider import WorldProvider


class Post:
    """Inbox, routing index and ended subscriptions, as `Delivery` and `LateReversals` ask for them."""

    def __init__(
        self, client: Client, records: InMemoryRecords, provider: WorldProvider, mails: MailDispatcher
    ) -> None:
        self._records = records
        self.outcomes: dict[str, Routing] = {}
        self.reasons: dict[str, str] = {}
        """Why commands were given, by their key."""
        self.late_reversals = LateReversals(provider.ports.reversals, self, records, mails, self)
        late_payments = LatePayments(provider.ports.billing, self, records, mails)
        self._delivery = Delivery(
            client, self, self, provider.ports.owners, self.late_reversals, late_payments=late_payments
        )

    async def deliver(self, events: list[PastEvent], *, redelivered: bool = False) -> list[PastEvent]:
        """Deliver messages; returns those that are not taken yet."""
        # A life settles first, so none of them waits for what is just being recorded.
        kept = [KeptEvent(each.event, datetime.now(UTC) - FIRST_PAYMENT_GRACE) for each in events]
        delivered = await self._delivery.deliver(kept, redelivered=redelivered)
        left = {each.event.id for each in delivered.left}
        return [each for each in events if each.event.id in left]

    async def waiting(self, *, limit: int, after: KeptEvent | None) -> Sequence[KeptEvent]:
        return ()

    async def mark_handled(self, verdicts: Mapping[str, Routing], *, redelivered: bool = False) -> None:
        self.outcomes |= verdicts

    async def look_up(self, customer_refs: Iterable[str], agreement_refs: Iterable[str]) -> Directory:
        customers, agreements = set(customer_refs), set(agreement_refs)
        by_customer: dict[str, list[Address]] = {}
        by_agreement: dict[str, Address] = {}
        for step in self._records.steps.values():
            it, known = step.subscription, self._records.customers[step.subscription.customer]
            settled = "" if it.is_over or it.settled_invoice in it.waived_invoices else it.settled_invoice
            address = Address(it.id, it.agreement_ref, it.customer, it.tenant, settled)
            for ref in customers & {known.contact.customer_ref, *known.former_refs}:
                by_customer.setdefault(ref, []).append(address)
            if it.agreement_ref in agreements:
                by_agreement[it.agreement_ref] = address
        return Directory(by_customer, by_agreement)

    async def reason_of(self, subscription: str, key: str) -> str:
        return self.reasons.get(key, "")

    async def ended(self, subscription: str) -> tuple[Subscription, datetime] | None:
        it = self._records.steps[subscription].subscription
        times = [entry.at for (of, _, _), entry in self._records.journal.items() if of == subscription]
        return (it, max(times)) if it.is_over else None
