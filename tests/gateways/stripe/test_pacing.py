"""A process sends no more requests to Stripe than it may, and refuses those for which there is no time."""

import asyncio

import pytest
import stripe

from domain.errors import GatewayUnavailable
from gateways.stripe.http_client import connected
from gateways.stripe.pacing import LONGEST_WAIT, Pace
from gateways.stripe.provider import stripe_provider


class Clock:
    """A time that passes only by waiting."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


async def turns(pace: Pace, number: int) -> None:
    for _ in range(number):
        await pace.turn()


@pytest.mark.parametrize("a_second", [0.5, 1.0, 5.0, 20.0])
async def test_requests_keep_the_pace_and_a_rest_is_made_up_for_by_one_second_only(a_second: float) -> None:
    clock = Clock()
    pace = Pace(a_second, clock=clock, sleep=clock.sleep)
    clock.now += 3600
    sent = []
    for _ in range(50):
        await pace.turn()
        sent.append(clock.now)

    for number, first in enumerate(sent):
        within = sum(at < first + 1 for at in sent[number:])
        assert within <= 2 * max(a_second, 1)
    assert (len(sent) - 1) / a_second - 1 <= sent[-1] - sent[0] <= (len(sent) - 1) / a_second


async def test_who_would_wait_too_long_is_refused_and_takes_nobodys_place() -> None:
    clock, slept = Clock(), []

    async def stand_still(seconds: float) -> None:
        slept.append(seconds)

    pace = Pace(2, clock=clock, sleep=stand_still)
    with pytest.raises(stripe.RateLimitError):
        await turns(pace, 50)
    assert max(slept) <= LONGEST_WAIT

    clock.now += 1
    await turns(pace, 2)
    with pytest.raises(stripe.RateLimitError):
        await pace.turn()


async def test_a_provider_with_a_pace_says_that_it_is_busy() -> None:
    async with connected("sk_test_x", "http://127.0.0.1:1", calls_a_second=0.1) as client:
        provider = stripe_provider(client)
        refusals = await asyncio.gather(*(provider.agreements.find("sub_1") for _ in range(3)), return_exceptions=True)

    assert all(isinstance(one, GatewayUnavailable) for one in refusals)
    assert sum("too many requests" in str(one) for one in refusals) == 2
