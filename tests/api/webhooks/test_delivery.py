"""Delivering messages to subscriptions: by agreement, by customer, or by asking the provider."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from domain.errors import GatewayRefused, GatewayUnavailable
from domain.names import DEFAULT_TENANT
from domain.provider.events import Disposition, KeptEvent, ObjectOwner, ProviderEvent, Routing
from domain.provider.hints import EventKind
from domain.webhooks.ports import Delivered
from sandbox.stack import Stack
from services.webhooks.delivery import POISON_AFTER, Delivery
from services.webhooks.late_reversals import LateReversals
from services.webhooks.routing import FIRST_PAYMENT_GRACE, UNKNOWN_CUSTOMER_GRACE
from storage.webhooks.inbox import Inbox, RoutingIndex
from tests.harness.callers import Caller

Whose = Callable[[EventKind, str], Awaitable[ObjectOwner]]


class AnsweringOwners:
    """The port `Owners`, with one answer to everything."""

    def __init__(self, whose: Whose) -> None:
        self._whose = whose

    async def owner_of(self, news: EventKind, object_ref: str) -> ObjectOwner:
        return await self._whose(news, object_ref)


async def an_event(
    stack: Stack, news: EventKind = EventKind.INVOICE_PAID, *, age: timedelta = timedelta(), **more: Any
) -> KeptEvent:
    """A stored message."""
    told = {"type": "invoice.paid", "object_id": "in_1", "customer_ref": ""} | more
    event = ProviderEvent(id=f"evt_{uuid4().hex}", news=news, **told)
    await Inbox(stack.engine).receive(event, b"{}", tenant=DEFAULT_TENANT)
    return KeptEvent(event, datetime.now(UTC) - age)


async def a_dispute(stack: Stack, **more: Any) -> KeptEvent:
    return await an_event(stack, EventKind.DISPUTED, type="charge.dispute.created", object_id="du_1", **more)


def delivery(stack: Stack, whose: Whose | None, afterwards: LateReversals | None = None) -> Delivery:
    owners = None if whose is None else AnsweringOwners(whose)
    return Delivery(stack.client, Inbox(stack.engine), RoutingIndex(stack.engine), owners, afterwards)


async def delivered(stack: Stack, *messages: KeptEvent, whose: Whose | None = None) -> Delivered:
    return await delivery(stack, whose).deliver(messages)


async def kept(stack: Stack, message: KeptEvent) -> tuple[str | None, str | None]:
    query = text("SELECT disposition, outcome FROM webhook_inbox WHERE event_id = :event")
    async with stack.engine.connect() as connection:
        row = (await connection.execute(query, {"event": message.event.id})).one()
        return row.disposition, row.outcome


def belongs(customer: str = "", agreement: str = "") -> Whose:
    async def told(_news: EventKind, _ref: str) -> ObjectOwner:
        return ObjectOwner(customer, agreement)

    return told


async def refusing(_news: EventKind, ref: str) -> ObjectOwner:
    raise GatewayRefused(f"no word about {ref}", code="no_word")


async def silent(_news: EventKind, ref: str) -> ObjectOwner:
    raise GatewayUnavailable(f"no answer about {ref}")


async def faulty(_news: EventKind, ref: str) -> ObjectOwner:
    raise ZeroDivisionError(ref)


async def refs_of(stack: Stack, subscription: str) -> tuple[str, str]:
    """A subscription's customer and agreement at Stripe."""
    query = text(
        "SELECT customer_ref, agreement_ref FROM subscriptions s JOIN customers c ON c.id = s.customer"
        " WHERE s.id = cast(:id AS uuid)"
    )
    async with stack.engine.connect() as connection:
        row = (await connection.execute(query, {"id": subscription})).one()
        return row.customer_ref, row.agreement_ref


@pytest.fixture
async def two(stack: Stack, admin: Caller, name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """A customer's ended subscription and the one after it, both with an agreement."""
    first = await admin.signed_up(name, payment_method="pm_card_visa", trial_days=0)
    assert (await admin.command(first["id"], "cancel", at="now")).status_code == 200
    second = await admin.signed_up(name, payment_method="pm_card_visa", trial_days=0)
    return first, second


@pytest.mark.parametrize(
    ("whose", "words"),
    [
        (belongs(), "set aside: concerns no customer"),
        (refusing, "set aside: the provider does not tell whose it is (no_word)"),
    ],
    ids=["nobody's", "refused"],
)
async def test_a_dispute_without_a_subscription_is_set_aside_with_the_reason(
    stack: Stack, whose: Whose, words: str
) -> None:
    dispute = await a_dispute(stack)

    await delivered(stack, dispute, whose=whose)

    assert await kept(stack, dispute) == ("set_aside", words)


async def test_a_dispute_waits_until_the_provider_can_be_asked(stack: Stack) -> None:
    dispute = await a_dispute(stack)

    assert (await delivered(stack, dispute)).left == [dispute]
    assert await kept(stack, dispute) == (None, None)


async def test_a_dispute_is_not_lost_when_the_provider_is_unavailable(stack: Stack) -> None:
    dispute = await a_dispute(stack)

    done = await delivered(stack, dispute, whose=silent)

    assert (done.left, [str(why) for why in done.failed.values()]) == ([dispute], ["no answer about du_1"])
    assert await kept(stack, dispute) == (None, None)


async def test_a_message_goes_to_the_subscription_of_its_agreement_even_after_its_end(
    stack: Stack, two: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    customer, old = await refs_of(stack, two[0]["id"])
    _, new = await refs_of(stack, two[1]["id"])
    of_old = await an_event(stack, customer_ref=customer, agreement_ref=old)
    of_new = await an_event(stack, customer_ref=customer, agreement_ref=new)
    of_none = await an_event(stack, EventKind.CARD_CHANGED, customer_ref=customer)

    await delivered(stack, of_old, of_new, of_none)

    to_newest = "delivered", f"delivered to subscription {two[1]['id']}"
    assert await kept(stack, of_old) == ("passed_over", f"passed over: subscription {two[0]['id']} is over")
    assert await kept(stack, of_new) == to_newest
    assert await kept(stack, of_none) == to_newest


async def test_a_refund_goes_to_the_subscription_whose_invoice_it_was(
    stack: Stack, two: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    customer, old = await refs_of(stack, two[0]["id"])
    refund = await an_event(stack, EventKind.REFUNDED, type="charge.refunded", object_id="ch_1", customer_ref=customer)
    dispute = await a_dispute(stack)

    done = await delivered(stack, refund, dispute, whose=belongs(customer, old))

    over = Routing(Disposition.PASSED_OVER, f"passed over: subscription {two[0]['id']} is over")
    assert done.verdicts == {refund.event.id: over, dispute.event.id: over}


async def test_the_provider_is_not_asked_when_a_customer_has_one_subscription(
    stack: Stack, admin: Caller, name: str
) -> None:
    made = await admin.signed_up(name, payment_method="pm_card_visa", trial_days=0)
    charge = stack.simulator.refund(name, 100)["charge"]
    customer, _ = await refs_of(stack, made["id"])
    refund = await an_event(stack, EventKind.REFUNDED, object_id=charge, customer_ref=customer)

    await delivered(stack, refund, whose=silent)

    assert await kept(stack, refund) == ("delivered", f"delivered to subscription {made['id']}")


async def test_another_products_agreement_with_our_customer_is_set_aside(
    stack: Stack, admin: Caller, name: str
) -> None:
    made = await admin.signed_up(name, payment_method="pm_card_visa", trial_days=0)
    customer, _ = await refs_of(stack, made["id"])
    foreign = await an_event(stack, customer_ref=customer, agreement_ref="sub_of_another_product")

    await delivered(stack, foreign)

    assert await kept(stack, foreign) == (
        "set_aside",
        "set aside: agreement sub_of_another_product is not ours",
    )


async def test_a_payment_of_an_agreement_being_created_waits_a_moment_and_may_then_belong_to_the_trial(
    stack: Stack, admin: Caller, name: str
) -> None:
    made = await admin.signed_up(name, payment_method="pm_card_visa")
    customer, agreement = await refs_of(stack, made["id"])
    assert agreement == ""
    it: dict[str, Any] = {"customer_ref": customer, "agreement_ref": "sub_of_a_moment_ago"}
    early, later = await an_event(stack, **it), await an_event(stack, age=FIRST_PAYMENT_GRACE, **it)
    unpaid = await an_event(stack, EventKind.INVOICE_FAILED, type="invoice.payment_failed", **it)

    await delivered(stack, early, later, unpaid)

    assert await kept(stack, early) == (None, None)
    assert [(await kept(stack, each))[0] for each in (later, unpaid)] == ["delivered", "delivered"]


async def test_a_message_of_an_unknown_customer_waits_and_is_then_set_aside(stack: Stack) -> None:
    young = await an_event(stack, customer_ref="cus_of_nobody")
    old = await an_event(stack, customer_ref="cus_of_nobody", age=UNKNOWN_CUSTOMER_GRACE)

    await delivered(stack, young, old)

    assert await kept(stack, young) == (None, None)
    assert await kept(stack, old) == ("set_aside", "set aside: the customer is not known here")


async def test_a_message_that_fails_through_our_fault_delays_no_other_and_is_finally_set_aside(
    stack: Stack, admin: Caller, name: str
) -> None:
    made = await admin.signed_up(name, payment_method="pm_card_visa")
    customer, _ = await refs_of(stack, made["id"])
    poisonous, hopeless = await a_dispute(stack), await a_dispute(stack, age=POISON_AFTER)
    fine = await an_event(stack, customer_ref=customer)

    await delivered(stack, poisonous, hopeless, fine, whose=faulty)

    assert await kept(stack, poisonous) == (None, None)
    words = "set aside: it cannot be delivered, because of an error in Tenure (ZeroDivisionError)"
    assert await kept(stack, hopeless) == ("set_aside", words)
    assert (await kept(stack, fine))[0] == "delivered"


async def test_a_sweep_skips_what_waits_and_what_fails(stack: Stack, admin: Caller, name: str) -> None:
    made = await admin.signed_up(name, payment_method="pm_card_visa")
    customer, _ = await refs_of(stack, made["id"])
    in_the_way = [await a_dispute(stack) for _ in range(3)]
    behind = await an_event(stack, customer_ref=customer)
    last, sweeper = None, delivery(stack, faulty)
    while done := await sweeper.deliver_waiting(1, last):
        last = done.last

    assert (await kept(stack, behind))[0] == "delivered"
    assert [await kept(stack, each) for each in in_the_way] == [(None, None)] * 3
    with pytest.raises(GatewayUnavailable, match="were not delivered; the first failure: du_1"):
        await sweeper.sweep(30)


async def test_a_handled_message_can_be_redelivered_and_the_newer_outcome_is_kept(
    stack: Stack, admin: Caller, name: str
) -> None:
    made = await admin.signed_up(name, payment_method="pm_card_visa")
    customer, _ = await refs_of(stack, made["id"])
    dispute = await a_dispute(stack)
    await delivered(stack, dispute, whose=refusing)

    await delivery(stack, belongs(customer)).deliver([dispute], redelivered=True)

    assert await kept(stack, dispute) == ("delivered", f"delivered to subscription {made['id']}")


@pytest.fixture(autouse=True)
async def tidy(stack: Stack) -> Any:
    """Remove messages that cannot be delivered, as the stack's own sweep would trip over them."""
    yield
    async with stack.engine.begin() as connection:
        await connection.execute(text("DELETE FROM webhook_inbox WHERE handled_at IS NULL AND body = '{}'"))
