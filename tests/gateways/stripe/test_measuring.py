"""Every request to Stripe is measured, whatever comes of it."""

import pytest
import stripe

from gateways.stripe.http_client import NO_ANSWER, connected
from tests.gateways.rig import API_KEY, StripeRig


class Meter:
    """Keeps what was measured."""

    def __init__(self) -> None:
        self.answers: list[tuple[str, str, int]] = []
        self.seconds = 0.0
        self.waits: list[float] = []

    def answered(self, method: str, resource: str, status: int, seconds: float) -> None:
        self.answers.append((method, resource, status))
        self.seconds += seconds

    def waited(self, seconds: float) -> None:
        self.waits.append(seconds)


async def test_answers_and_refusals_are_told_with_what_they_were_asked_for(rig: StripeRig) -> None:
    meter = Meter()
    async with connected(API_KEY, rig.simulator.base_url, meter=meter, calls_a_second=4) as client:
        await client.v1.customers.list_async()
        with pytest.raises(stripe.InvalidRequestError):
            await client.v1.invoices.pay_async("in_nobodys")

    assert meter.answers == [("get", "customers", 200), ("post", "invoices", 404)]
    assert meter.seconds > 0
    assert len(meter.waits) == 2


async def test_no_answer_is_told_as_such() -> None:
    meter = Meter()
    async with connected(API_KEY, "http://127.0.0.1:1", meter=meter) as client:
        with pytest.raises(stripe.APIConnectionError):
            await client.v1.customers.list_async()

    assert meter.answers == [("get", "customers", NO_ANSWER)]
