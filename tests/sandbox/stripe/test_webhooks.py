"""Webhooks: signed, in order, again until accepted; and what faults do to them."""

from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from sandbox.stripe import StripeSimulator
from sandbox.stripe.webhooks import LONGEST_PAUSE, TRIES, pause_after
from tests.sandbox.stripe.conftest import Stage
from tests.sandbox.stripe.shop import API_KEY, SETTLE_WITHIN, WEBHOOK_SECRET, Inbox, Shop

SIGN_UP = ["customer.created", "payment_method.attached"]


async def test_events_come_in_the_order_in_which_they_happened(shop: Shop, inbox: Inbox) -> None:
    await shop.subscribe(await shop.customer())
    await shop.renew()

    assert await shop.simulator.webhooks_settled("ada", SETTLE_WITHIN)

    listed = await shop.client.v1.events.list_async({"limit": 100})
    assert [event["id"] for event in inbox.events] == [event.id for event in reversed(listed.data)]


async def test_an_event_is_sent_again_until_it_is_accepted(shop: Shop, inbox: Inbox) -> None:
    inbox.refuses = 2

    await shop.customer()

    assert await shop.simulator.webhooks_settled("ada", SETTLE_WITHIN)
    assert inbox.kinds == SIGN_UP
    assert inbox.refuses == 0


async def test_a_lost_event_can_be_found_among_the_undelivered(shop: Shop, inbox: Inbox) -> None:
    shop.simulator.set_faults(webhooks={"drop": True})

    await shop.customer()

    assert await shop.simulator.webhooks_settled("ada", SETTLE_WITHIN)
    assert inbox.kinds == []
    missed = await shop.client.v1.events.list_async({"delivery_success": False, "types": SIGN_UP})
    assert [event.type for event in missed.data] == SIGN_UP[::-1]
    delivered = await shop.client.v1.events.list_async({"delivery_success": True})
    assert delivered.data == []
    one = await shop.client.v1.events.retrieve_async(missed.data[0].id)
    assert one.pending_webhooks == 1


async def test_events_are_duplicated_or_reordered_on_request(shop: Shop, inbox: Inbox) -> None:
    shop.simulator.set_faults(webhooks={"duplicate": 1, "reorder": 1})

    await shop.customer()

    assert await shop.simulator.webhooks_settled("ada", SETTLE_WITHIN)
    second, first = SIGN_UP[1], SIGN_UP[0]
    assert inbox.kinds == [second, second, first, first]


async def test_held_events_wait_until_they_are_released(shop: Shop, inbox: Inbox) -> None:
    shop.simulator.hold_webhooks("ada")
    await shop.customer("ada")
    await shop.customer("grace")

    assert await shop.simulator.webhooks_settled("grace", SETTLE_WITHIN)
    assert not await shop.simulator.webhooks_settled("ada", 0.05)
    assert len(inbox.events) == 2

    await shop.simulator.release_webhooks("ada")
    assert await shop.simulator.webhooks_settled("ada", SETTLE_WITHIN)
    assert len(inbox.events) == 4


async def test_nothing_waits_when_there_is_nowhere_to_send_it(shop: Shop) -> None:
    await shop.customer()

    assert await shop.simulator.webhooks_settled("ada", 0)


@pytest.mark.parametrize(
    ("faults", "problem"),
    [({"drop": 2}, "probability"), ({"drop": -1}, "from 0"), ({"dorp": 1}, "known are: delay_s, drop")],
)
async def test_an_impossible_fault_is_refused(shop: Shop, faults: dict[str, object], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        shop.simulator.set_faults(webhooks=faults)


async def test_an_injected_failure_is_an_error_of_http(shop: Shop) -> None:
    with pytest.raises(ValueError, match="400 to 599, not 200"):
        shop.simulator.set_faults(stripe={"error_rate": 1, "status": 200})


async def test_everything_is_there_again_and_delivered_after_a_restart(
    tmp_path: Path, shop: Shop, stripe_stage: Stage, inbox: Inbox, inbox_stage: Stage
) -> None:
    first = StripeSimulator(tmp_path / "stripe.db", api_key=API_KEY, webhook_secret=WEBHOOK_SECRET)
    first.base_url, stripe_stage.app = stripe_stage.url, first.app
    first.webhook_url = f"{inbox_stage.url}/hooks"
    story = Shop(first, shop.client)
    await first.advance("ada", first.now("ada") + timedelta(days=3))
    ada = await story.customer()
    first.set_card_answers("ada", ["ok", "insufficient_funds"])
    subscription = await story.subscribe(ada)
    boundary = first.next_boundary("ada")
    ahead = first.now("ada") - first.now("nobody")

    # Never started, never closed: as after kill -9.
    second = StripeSimulator(tmp_path / "stripe.db", api_key=API_KEY, webhook_secret=WEBHOOK_SECRET)
    second.base_url, stripe_stage.app = stripe_stage.url, second.app
    second.webhook_url = f"{inbox_stage.url}/hooks"
    await second.start()

    assert await second.webhooks_settled("ada", SETTLE_WITHIN)
    assert len(inbox.events) == 8
    assert second.next_boundary("ada") == boundary
    assert abs((second.now("ada") - second.now("nobody")) - ahead) < timedelta(minutes=1)
    again = Shop(second, shop.client)
    await again.renew()
    assert (await again.subscription(subscription["id"]))["status"] == "past_due"
    await second.stop()
    second.close()
    first.close()


async def test_an_event_is_given_up_and_kept_when_nobody_answers(
    shop: Shop, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sandbox.stripe.webhooks.TRIES", 2)
    inbox.refuses = 4

    await shop.customer()

    assert await shop.simulator.webhooks_settled("ada", SETTLE_WITHIN)
    missed = await shop.client.v1.events.list_async({"delivery_success": False})
    assert len(missed.data) == 2


async def test_an_event_that_is_always_refused_lets_the_others_go_first(
    shop: Shop, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sandbox.stripe.webhooks.PATIENT_TRIES", 1)
    monkeypatch.setattr("sandbox.stripe.webhooks.FIRST_PAUSE", 0.01)
    inbox.unwelcome = {"customer.created"}

    await shop.customer()
    await inbox.has("payment_method.attached")
    assert not await shop.simulator.webhooks_settled("ada", 0)
    inbox.unwelcome = set()

    assert await shop.simulator.webhooks_settled("ada", SETTLE_WITHIN)
    assert inbox.kinds == SIGN_UP[::-1]


async def test_late_events_come_at_once_when_the_fault_is_healed(shop: Shop, inbox: Inbox) -> None:
    shop.simulator.set_faults(webhooks={"delay_s": 3600})
    await shop.customer()
    assert not await shop.simulator.webhooks_settled("ada", 0.05)

    shop.simulator.set_faults(webhooks={})

    assert await shop.simulator.webhooks_settled("ada", SETTLE_WITHIN)
    assert inbox.kinds == SIGN_UP


def test_pauses_between_deliveries_grow_up_to_a_bound_and_last_for_three_days() -> None:
    pauses = [pause_after(tries) for tries in range(1, TRIES)]

    assert all(later > earlier for earlier, later in pairwise(pauses[:6]))
    assert max(pauses) == LONGEST_PAUSE
    assert timedelta(days=2.5) < timedelta(seconds=sum(pauses)) < timedelta(days=3.5)


async def test_events_are_signed_with_both_secrets_while_one_is_being_rolled(shop: Shop, inbox: Inbox) -> None:
    await shop.customer("ada")
    assert await shop.simulator.webhooks_settled("ada", SETTLE_WITHIN)
    shop.simulator.roll_webhook_secret("whsec_new")
    await shop.customer("grace")
    assert await shop.simulator.webhooks_settled("grace", SETTLE_WITHIN)
    shop.simulator.expire_webhook_secret()
    await shop.customer("edsger")

    assert [signed.count("v1=") for signed in inbox.signatures] == [1, 1, 2, 2]
    assert not await shop.simulator.webhooks_settled("edsger", 0.1), "signed with what nobody believes here"


async def test_a_second_destination_gets_everything_as_thin_events(shop: Shop, inbox: Inbox) -> None:
    shop.simulator.sends_thin_events = True
    customer = await shop.customer()

    assert await shop.simulator.webhooks_settled("ada", SETTLE_WITHIN)
    snapshot, thin = inbox.events[:2]
    assert (thin["object"], thin["type"]) == ("v2.core.event", f"v1.{snapshot['type']}")
    related = {"id": customer, "type": "customer", "url": f"/v1/customers/{customer}"}
    assert thin["related_object"] == related
    assert "data" not in thin
    assert len({event["id"] for event in inbox.events}) == len(inbox.events) == 2 * len(SIGN_UP)
