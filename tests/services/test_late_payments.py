"""Payments of written-off invoices after a subscription's end: what is recorded of them, and what is not."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, cast

import pytest

from domain.errors import GatewayRefused, GatewayUnavailable
from domain.notifications.ports import QueuedMail
from domain.provider.hints import EventHint, EventKind
from domain.provider.payments import AgreementStatus, Charge, ChargeOutcome, ProviderState
from domain.subscription.journal import Step
from domain.subscription.lifecycle import Status
from domain.subscription.state import Subscription
from services.webhooks.late_payments import LatePayments
from tests.builders import NOW, a_paid_charge, a_paid_subscription

OVER = a_paid_subscription(status=Status.CANCELED, waived_invoices=("in_1",))
PAID = EventHint("evt_1", EventKind.INVOICE_PAID, "in_1")


class Outside:
    """The provider, the database and the dispatch of mails."""

    def __init__(self, known: Subscription | None = OVER, charge: Charge | None = None) -> None:
        self.known = known
        self.charge = charge or a_paid_charge("in_1")
        self.is_overwritten = False
        self.steps: list[Step] = []
        self.payments = LatePayments(*cast("tuple[Any, Any, Any, Any]", (self, self, self, self)))

    async def provider_state(self, _customer_ref: str, _agreement_ref: str, invoice_ref: str) -> ProviderState:
        if invoice_ref == "in_unknown":
            raise GatewayRefused("there is no such invoice", code="resource_missing")
        return ProviderState(None, AgreementStatus.ENDED, self.charge)

    async def ended(self, _subscription: str) -> tuple[Subscription, datetime] | None:
        return (self.known, NOW) if self.known is not None else None

    async def save(self, step: Step) -> Sequence[QueuedMail]:
        self.steps.append(step)
        if not self.is_overwritten:
            self.known = step.subscription
        return ()

    async def dispatch(self, mails: Sequence[QueuedMail]) -> None:
        assert not mails


async def test_it_is_recorded_once_however_often_it_is_reported() -> None:
    outside = Outside()

    first, second = [await outside.payments.note(OVER.id, PAID) for _ in range(2)]

    assert first is not None
    assert (first.words, second) == (f"recorded for subscription {OVER.id}, which is over", None)
    [step] = outside.steps
    assert (step.subscription.status, step.subscription.waived_invoices) == (Status.CANCELED, ())
    assert [mail.key for mail in step.mails] == ["receipt/in_1"]


@pytest.mark.parametrize(
    ("known", "hint"),
    [
        pytest.param(None, PAID, id="not over"),
        pytest.param(OVER, replace(PAID, object_id="in_2"), id="another invoice"),
        pytest.param(OVER, replace(PAID, news=EventKind.INVOICE_CLOSED), id="closed"),
    ],
)
async def test_other_news_are_not_its_business(known: Subscription | None, hint: EventHint) -> None:
    outside = Outside(known)

    assert await outside.payments.note(OVER.id, hint) is None
    assert outside.steps == []


async def test_what_the_provider_does_not_have_as_paid_is_not_recorded() -> None:
    outside = Outside(charge=a_paid_charge("in_1", outcome=ChargeOutcome.GONE))

    assert await outside.payments.note(OVER.id, PAID) is None
    assert outside.steps == []


async def test_an_invoice_that_the_provider_does_not_return_is_set_aside() -> None:
    outside = Outside(replace(OVER, waived_invoices=("in_unknown",)))

    noted = await outside.payments.note(OVER.id, replace(PAID, object_id="in_unknown"))

    assert noted is not None
    assert noted.words == "set aside: the provider does not return the invoice (resource_missing)"


async def test_it_is_left_for_later_while_others_write_to_the_same_subscription() -> None:
    outside = Outside()
    outside.is_overwritten = True

    with pytest.raises(GatewayUnavailable):
        await outside.payments.note(OVER.id, PAID)
