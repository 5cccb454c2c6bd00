"""Events as Stripe remembers them: page by page, within a time, and only undelivered ones."""

from datetime import UTC, datetime, timedelta

import pytest

from domain.provider.hints import EventKind
from gateways.stripe import event_history
from gateways.stripe.event_history import StripeEventHistory
from tests.gateways.rig import StripeRig


async def test_relevant_events_come_page_by_page_newest_first(rig: StripeRig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_history, "PAGE", 1)
    history, since = StripeEventHistory(rig.client), datetime.now(UTC) - timedelta(minutes=1)
    wallet, begun = await rig.sold()
    rig.simulator.refund("ada", 100)

    newest = await history.events(since, None, None, undelivered=False)
    oldest = await history.events(since, None, newest.next_cursor, undelivered=False)

    assert oldest.next_cursor is None
    assert begun.invoice is not None
    told = [past.event for page in (newest, oldest) for past in page.events]
    assert [(event.news, event.customer_ref) for event in told] == [
        (EventKind.REFUNDED, wallet.customer_ref),
        (EventKind.INVOICE_PAID, wallet.customer_ref),
    ]
    assert begun.invoice.ref.encode() in oldest.events[0].body
