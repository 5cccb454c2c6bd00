"""Where provider events go by what is recorded: what a workflow has recorded itself is not told to it again."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import accumulate

import pytest

from api.background.webhook_dispatcher import RETRY_AFTER
from domain.provider.events import NOTHING_NEW, Address, Directory, KeptEvent, ProviderEvent
from domain.provider.hints import EventKind
from services.webhooks.routing import FIRST_PAYMENT_GRACE, route

PAID = ProviderEvent("evt_1", "invoice.paid", "in_1", "cus_1", EventKind.INVOICE_PAID, agreement_ref="sub_1")
BEGUN = Address("s", "sub_1", "c", "default", "in_1")
UNPAID = Address("s", customer="c", tenant="default")


def kept(event: ProviderEvent, age: timedelta = timedelta()) -> KeptEvent:
    return KeptEvent(event, datetime.now(UTC) - age)


def test_a_payment_that_is_recorded_says_nothing_new() -> None:
    assert route(kept(PAID), Directory({"cus_1": [BEGUN]}, {"sub_1": BEGUN})) == NOTHING_NEW


@pytest.mark.parametrize("news", [news for news in EventKind if news is not EventKind.INVOICE_PAID])
def test_whatever_else_happens_to_it_is_delivered(news: EventKind) -> None:
    assert route(kept(replace(PAID, news=news)), Directory({"cus_1": [BEGUN]}, {"sub_1": BEGUN})) == "s"


@pytest.mark.parametrize("settled", ["", "in_0"])
def test_the_payment_of_another_invoice_is_delivered(settled: str) -> None:
    address = replace(BEGUN, settled_invoice=settled)

    assert route(kept(PAID), Directory({"cus_1": [address]}, {"sub_1": address})) == "s"


def test_the_payment_of_an_invoice_that_was_written_off_is_delivered() -> None:
    waived = Address("s", "sub_1", "c", "default", settled_invoice="")

    assert route(kept(PAID), Directory({"cus_1": [waived]}, {"sub_1": waived})) == "s"


def test_the_payment_of_an_agreement_that_is_not_known_yet_waits_a_moment_to_be_recorded() -> None:
    unknown = Directory({"cus_1": [UNPAID]})

    assert route(kept(PAID), unknown) is None
    assert route(kept(PAID, FIRST_PAYMENT_GRACE), unknown) == "s"
    assert route(kept(replace(PAID, news=EventKind.INVOICE_FAILED)), unknown) == "s"
    assert route(kept(replace(PAID, agreement_ref="")), unknown) == "s"


def test_the_payment_that_a_customer_has_confirmed_with_their_bank_is_delivered_at_once() -> None:
    awaiting = replace(UNPAID, awaited_agreement="sub_1")

    assert route(kept(PAID), Directory({"cus_1": [awaiting]})) == "s"
    assert route(kept(replace(PAID, agreement_ref="sub_2")), Directory({"cus_1": [awaiting]})) is None


def test_a_payment_that_has_waited_is_tried_right_after_that() -> None:
    tries = accumulate(RETRY_AFTER)

    assert any(0 <= at - FIRST_PAYMENT_GRACE.total_seconds() < 0.5 for at in tries)
