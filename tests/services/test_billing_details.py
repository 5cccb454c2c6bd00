"""Billing details are read for a page as long as the provider answers in time, and left out otherwise."""

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest

from domain.errors import GatewayRefused, GatewayUnavailable
from domain.provider.purchases import BillingDetails
from services.billing_details import LEFT_ALONE, BillingDetailsReader

ADA = BillingDetails("Ada", city="London")


@dataclass
class Contacts:
    """The provider's answer, or what comes instead of it."""

    answer: BillingDetails | Exception | None
    asked: int = 0
    now: float = 0.0

    async def billing_details(self, _customer_ref: str) -> BillingDetails | None:
        self.asked += 1
        if isinstance(self.answer, TimeoutError):
            await asyncio.Event().wait()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    @property
    def reader(self) -> BillingDetailsReader:
        contacts: Any = self
        return BillingDetailsReader(contacts, deadline=0.01, clock=lambda: self.now)


async def test_details_are_read_anew_for_each_page() -> None:
    contacts = Contacts(ADA)
    reader = contacts.reader

    assert [await reader.of("cus_1"), await reader.of("cus_1")] == [ADA, ADA]
    assert contacts.asked == 2


async def test_nobody_is_asked_about_a_customer_whom_the_provider_does_not_know() -> None:
    contacts = Contacts(ADA)

    assert await contacts.reader.of("") is None
    assert contacts.asked == 0


@pytest.mark.parametrize("down", [GatewayUnavailable("down"), TimeoutError()], ids=["failing", "silent"])
async def test_a_provider_that_is_down_is_left_alone_for_a_while(down: Exception) -> None:
    contacts = Contacts(down)
    reader = contacts.reader

    assert [await reader.of("cus_1"), await reader.of("cus_2")] == [None, None]
    assert contacts.asked == 1, "the second page did not wait"
    contacts.answer, contacts.now = ADA, LEFT_ALONE
    assert await reader.of("cus_2") == ADA


async def test_a_refusal_is_of_one_customer_and_the_next_one_is_asked_about() -> None:
    contacts = Contacts(GatewayRefused("no", code="forbidden"))
    reader = contacts.reader

    assert await reader.of("cus_1") is None
    contacts.answer = ADA
    assert await reader.of("cus_2") == ADA
