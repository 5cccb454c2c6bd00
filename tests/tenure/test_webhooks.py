"""`tenure webhooks` after an outage: what did not get through is fetched, what is here is delivered again."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest

from sandbox.product import Product
from sandbox.stack import Stack
from tests.tenure.conftest import Terminal


@pytest.fixture
async def hand(terminal: Terminal, stack: Stack, stack_folder: Path, product: Product) -> AsyncIterator[Terminal]:
    """A terminal whose settings lead to the stack that runs."""
    secrets = json.loads((stack_folder / "secrets.json").read_text())
    terminal.settings = {
        "TENURE_DATABASE_URL": stack.addresses.database_url,
        "TENURE_TEMPORAL_ADDRESS": stack.addresses.temporal_address,
        "TENURE_TRIAL_KEY": secrets["trial_key"],
        "TENURE_STRIPE_API_KEY": secrets["stripe_key"],
        "TENURE_STRIPE_API_BASE": stack.addresses.stripe_url,
    }
    yield terminal
    await product.faults()


async def test_what_did_not_get_through_is_fetched_once_and_replayed_as_often_as_one_likes(
    hand: Terminal, product: Product
) -> None:
    name = f"unheard-{uuid4()}"
    made = await product.sign_up(name, payment_method="pm_card_visa", trial_days=0)
    await product.faults(webhooks={"drop": True})
    await product.refund(name, 1000)

    would = await hand.run("webhooks", "backfill", "--since", "1h", "--dry-run")
    first = await hand.run("webhooks", "backfill", "--since", "1h")
    again = await hand.run("webhooks", "backfill", "--since", "1h")

    assert (would.status, first.status, again.status) == (0, 0, 0), would.err + first.err + again.err
    assert "undelivered webhooks at Stripe" in would.out
    assert " 0 of them not here before" not in first.out
    assert " 0 of them not here before: 0 dealt with" in again.out
    shown = await hand.run("webhooks", "list", "--since", "1h")
    assert f"delivered to subscription {made['id']}" in shown.out

    dry = await hand.run("webhooks", "replay", "--since", "1h", "--type", "charge.refunded", "--dry-run")
    replayed = await hand.run("webhooks", "replay", "--since", "1h", "--type", "charge.refunded")
    assert dry.out.endswith(" would be delivered again\n")
    assert replayed.status == 0, replayed.err
    assert replayed.out.endswith(" 0 left as they were\n")
    past = (await product.timeline(made["id"]))["past"]
    assert [entry["kind"] for entry in past].count("refunded") == 1


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("backfill", "--since", "31d"), "30 days only"),
        (("backfill", "--since", "2099-01-01T00:00:00Z"), "still to come"),
        (("replay", "--since", "yesterday"), "is not a point in time"),
        (("list", "--limit", "0"), "from 1 to 10000"),
    ],
)
async def test_what_cannot_be_done_is_reported_in_words(hand: Terminal, words: tuple[str, ...], told: str) -> None:
    said = await hand.run("webhooks", *words)

    assert said.status == 1
    assert told in said.err
    assert "Traceback" not in said.err


async def test_what_is_set_aside_or_waits_can_be_seen(hand: Terminal) -> None:
    for choice in ("--set-aside", "--waiting"):
        said = await hand.run("webhooks", "list", choice)
        assert said.status == 0, said.err
        assert "delivered to subscription" not in said.out
