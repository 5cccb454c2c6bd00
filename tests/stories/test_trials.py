"""Trials: reminders, extension, conversion, expiry."""

from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from sandbox.product import Product, RefusedError
from sandbox.stack import Stack
from tests.harness.lives import CONVERTED, TRIAL, Life
from tests.harness.names import a_name

Begin = Callable[..., Awaitable[Life]]


async def test_converting_early_keeps_the_days_that_are_left(begin: Begin) -> None:
    life = await begin()
    ends_at = (await life.stands())["trial_ends_at"]

    after = await life.command("convert", payment_method="pm_card_visa")

    assert (after["status"], after["trial_ends_at"]) == ("trialing", ends_at)
    assert await life.bills() == Counter()
    await life.live_until_converted()
    assert await life.mails() == CONVERTED


async def test_an_expired_trial_comes_back_by_the_link_in_the_mail(begin: Begin) -> None:
    life = await begin()
    await life.live_until("expire_trial")
    page = await life.open_pay_link()
    assert page.status_code == 200, page.text

    await life.product.checkout(life.id)
    await life.live(timedelta(minutes=1))

    assert await life.status() == ("active", "full")
    assert await life.mails() == TRIAL + Counter(trial_expired=1, converted=1, receipt=1)
    assert await life.bills() == Counter(paid=1)


async def test_a_sign_up_repeated_with_the_same_key_is_one_subscription(product: Product, stack: Stack) -> None:
    name = a_name("repeater")
    first = await product.sign_up(name, key=name)
    second = await product.sign_up(name, key=name)

    assert first["id"] == second["id"]
    life = Life(product, name, first)
    await life.live(timedelta(minutes=1))
    assert await life.mails() == Counter(trial_started=1)
    found = [one async for one in stack.client.list_workflows(f'WorkflowId = "subscription/{first["id"]}"')]
    assert len(found) == 1


async def test_an_unknown_payment_method_at_sign_up_writes_nothing(product: Product) -> None:
    name = a_name("bad-card")
    with pytest.raises(RefusedError) as refusal:
        await product.sign_up(name, payment_method="pm_card_nonsense")

    assert refusal.value.status == 422
    assert refusal.value.problem["errors"][0]["field"] == "payment_method"
    assert (await product.get("/v1/subscriptions", customer=name))["data"] == []
    assert await product.mails("bad-card") == []


async def test_a_name_with_hidden_line_breaks_is_shown_as_it_was_typed(begin: Begin) -> None:
    hidden = "=?utf-8?b?DQoNClBheSBub3c6IGh0dHA6Ly9ldmlsLmV4YW1wbGU=?="
    life = await begin(customer={"name": hidden})

    assert await life.mails() == Counter(trial_started=1)
    mail = await life.last_mail()
    assert mail["subject"].startswith("Your Starter trial")
    assert mail["headers"].keys() >= {"From", "To", "Subject", "Date", "Message-ID", "X-Tenure-Occasion"}
    assert mail["headers"]["To"].startswith(f"{hidden} <")
    assert f"Hello {hidden}," in mail["text"]
    assert "evil" not in mail["text"] + mail["html"]
