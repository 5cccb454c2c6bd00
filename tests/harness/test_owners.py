"""Whoever signs up with the name or the address of another test's customer is found at the end of their test."""

from sandbox.product import Product
from sandbox.stack import Stack
from tests.harness.names import a_name
from tests.harness.owners import Owners


async def test_an_address_of_another_test_is_told_with_that_test_once(stack: Stack, product: Product) -> None:
    owners, first, second = Owners(), a_name("owner"), a_name("owner")
    await owners.shared(stack.engine, "all before")

    await product.sign_up(first)
    assert await owners.shared(stack.engine, "one") == {}
    await product.sign_up(
        second, customer={"email": f"{first}@example.com"}, trial_days=0, payment_method="pm_card_visa"
    )

    assert await owners.shared(stack.engine, "two") == {f"{first}@example.com": "one"}
    assert await owners.shared(stack.engine, "three") == {}
