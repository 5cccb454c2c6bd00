"""One trial per card, told end to end; by other marks it is told in tests/api."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from api.app import create_app
from domain.signing import SigningSecrets
from sandbox.product import Product, RefusedError
from sandbox.serving import serve
from sandbox.stack import Stack
from tests.harness.callers import workflows_of, written, written_at_rest
from tests.harness.lives import Life

Begin = Callable[..., Awaitable[Life]]

KEPT = ("customers", "subscriptions", "journal", "mails", "trials")
SHARED = "pm_card_visa_shared"
"""The same card whoever gives it."""


async def test_a_card_that_had_a_trial_gets_no_other_whoever_gives_it(begin: Begin, stack: Stack) -> None:
    first = await begin(payment_method=SHARED)
    await first.mails()
    before = await written_at_rest(stack, *KEPT)
    other = f"{first.external_id}-by-another"

    with pytest.raises(RefusedError) as refusal:
        await first.product.sign_up(other, payment_method=SHARED)

    assert (refusal.value.status, refusal.value.problem["code"]) == (409, "trial_used")
    assert "card" in refusal.value.problem["detail"]
    assert await written(stack.engine, *KEPT) == before
    assert await first.product.mails(other) == []
    assert (await first.product.get("/v1/subscriptions", customer=other))["data"] == []
    made = await first.product.sign_up(other, payment_method="pm_card_visa")
    assert made["status"] == "trialing"
    assert await workflows_of(stack, made["id"]) == ["RUNNING"]
    assert await first.status() == ("trialing", "full")


async def test_a_trial_is_remembered_when_the_secret_of_links_is_changed_twice(begin: Begin, stack: Stack) -> None:
    first = await begin()
    await first.command("cancel", at="now")

    for secret in ("the second secret of the stack, long enough", "the third secret of the stack, long enough"):
        parts = replace(stack.api_parts, signing=SigningSecrets.of(secret))
        async with (
            serve(create_app(parts)) as api_url,
            Product(replace(stack.addresses, api_url=api_url)) as product,
        ):
            with pytest.raises(RefusedError) as refusal:
                await product.sign_up(first.external_id)
        assert (refusal.value.status, refusal.value.problem["code"]) == (409, "trial_used")
