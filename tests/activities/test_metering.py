"""Telling use, on the real database and the simulator: once each; what nobody knows is left to an operator."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import stripe
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.metering import AT_ONCE, TOGETHER, MeteringActivities, Reported
from domain.errors import GatewayBusy, Haste
from domain.provider.overage_use import REPEATED_WITHIN, BilledUse, Claimed, Trouble, report_key
from gateways.stripe.catalog_push import push
from gateways.stripe.provider import StripePayments
from sandbox.stripe import StripeSimulator
from storage.usage.overage_reports import UsageReports
from tests.contracts.provider import CATALOG, contact
from tests.gateways.conftest import client, simulator, stage, wire
from tests.gateways.till import API_KEY, Wire
from tests.storage.conftest import database_url, databases, empty_url, engine, ledger
from tests.storage.ledger import Ledger
from tests.storage.uses import a_use, began, rows

__all__ = ["client", "database_url", "databases", "empty_url", "engine", "ledger", "simulator", "stage", "wire"]

A_MINUTE = timedelta(minutes=1)


class Crowd:
    """Takes as long for each use as it takes others to come, and remembers who was there at once."""

    def __init__(self, fails: str = "") -> None:
        self.most = 0
        self.told: list[str] = []
        self._fails = fails
        self._there: list[tuple[str, str]] = []

    async def report_use(self, use: BilledUse, *, key: str) -> None:
        lane = (use.customer_ref, use.counted_as)
        assert lane not in self._there, "Stripe takes one call at a time of a customer's meter"
        self._there.append(lane)
        self.most = max(self.most, len(self._there))
        # Whoever else may begin now does.
        for _ in range(50):
            await asyncio.sleep(0)
        self._there.remove(lane)
        if use.key == self._fails:
            raise GatewayBusy("too many calls", haste=Haste.RATE)
        self.told.append(use.key)


@dataclass
class Shelf:
    """Uses that wait, in memory."""

    waiting: list[Claimed]
    reported: list[str] = field(default_factory=list)
    released: list[str] = field(default_factory=list)

    async def claim(self, limit: int) -> list[Claimed]:
        return self.waiting[:limit]

    async def release(self, uses: Sequence[BilledUse]) -> None:
        self.released += [use.key for use in uses]

    async def mark_reported(self, use: BilledUse) -> None:
        self.reported.append(use.key)

    async def set_aside(self, use: BilledUse, trouble: Trouble, why: str) -> None:
        raise AssertionError("nothing is refused here")


def of_many(customers: int, each: int = 1) -> Shelf:
    """Uses of so many customers, each with so many."""
    uses = [(f"{customer:02}-{number}", f"cus_{customer}") for number in range(each) for customer in range(customers)]
    return Shelf([Claimed(BilledUse("default", key, ref, "shop_runs", 1, datetime.now(UTC))) for key, ref in uses])


@dataclass
class Desk:
    """The activity, and a look at both sides."""

    ledger: Ledger
    simulator: StripeSimulator
    wire: Wire
    client: stripe.StripeClient
    metering: StripePayments

    async def tell(self) -> Reported:
        activities = MeteringActivities(UsageReports(self.ledger.engine), self.metering)
        return await ActivityEnvironment().run(activities.report_usage)

    def told(self) -> list[int]:
        """What Stripe has counted, oldest first."""
        events = self.simulator._store.find("billing.meter_event", newest_first=False)
        return [event["_value"] for event in events]

    async def stands(self) -> dict[str, str]:
        """Of each use, how its report stands."""
        return {row["key"]: _stands(row) for row in await rows(self.ledger)}


def _stands(row: dict[str, Any]) -> str:
    if row["reported_at"] is not None:
        return "reported"
    return str(row["report_trouble"] or ("begun" if row["report_began_at"] is not None else "new"))


@pytest.fixture
async def desk(ledger: Ledger, simulator: StripeSimulator, wire: Wire, client: stripe.StripeClient) -> Desk:
    """Ada is known on both sides."""
    await push(client, CATALOG)
    payments = StripePayments(client)
    wallet = await payments.open_wallet(contact(), None, key="ada/sign-up")
    await ledger.records.remember_wallet(await ledger.customer("ada"), wallet.customer_ref)
    return Desk(ledger, simulator, wire, client, payments)


async def test_all_that_waits_is_told_once(desk: Desk) -> None:
    await a_use(desk.ledger, "one", overage=1)
    await a_use(desk.ledger, "two", overage=2)

    assert await desk.tell() == Reported(reported=2)
    assert await desk.tell() == Reported()

    assert desk.told() == [1, 2]
    names = [key for method, path, key in desk.wire.calls if path == "/v1/billing/meter_events"]
    assert names == [f"{report_key('default', key)}/0" for key in ("one", "two")]


async def test_a_full_batch_says_that_more_may_wait(desk: Desk) -> None:
    for number in range(TOGETHER + 1):
        await a_use(desk.ledger, f"use-{number}")

    assert await desk.tell() == Reported(reported=TOGETHER, is_all=False)
    assert await desk.tell() == Reported(reported=1)


async def test_what_was_begun_within_the_day_is_told_again_and_what_was_earlier_is_left_to_an_operator(
    desk: Desk,
) -> None:
    for key, ago in (("young", REPEATED_WITHIN - A_MINUTE), ("old", REPEATED_WITHIN + A_MINUTE)):
        await a_use(desk.ledger, key)
        await began(desk.ledger, key, ago)

    assert await desk.tell() == Reported(reported=1, set_aside=1)

    assert await desk.stands() == {"young": "reported", "old": Trouble.UNKNOWN}
    [left] = await UsageReports(desk.ledger.engine).troubled(limit=10)
    assert "check whether the provider has shop_runs of cus_" in left.why


async def test_what_is_refused_is_left_to_an_operator_and_the_others_are_told(desk: Desk) -> None:
    await a_use(desk.ledger, "bad", catalog="other_v1")
    await a_use(desk.ledger, "late", at_ago=timedelta(days=36))
    await a_use(desk.ledger, "good")

    assert await desk.tell() == Reported(reported=1, set_aside=2)

    assert await desk.stands() == {"bad": Trouble.REFUSED, "late": Trouble.REFUSED, "good": "reported"}


async def test_what_brings_no_answer_stays_begun_holds_nothing_up_and_is_counted_once(desk: Desk) -> None:
    await a_use(desk.ledger, "mute", overage=1)
    await a_use(desk.ledger, "good", overage=2)
    desk.wire.lose(1)

    assert await desk.tell() == Reported(reported=1, unanswered=1)
    assert await desk.stands() == {"mute": "begun", "good": "reported"}
    await began(desk.ledger, "mute", 2 * timedelta(hours=1))
    assert await desk.tell() == Reported(reported=1)

    assert (desk.told(), await desk.stands()) == ([1, 2], {"mute": "reported", "good": "reported"})


async def test_a_provider_that_is_down_is_left_alone_and_what_was_not_tried_is_as_new(desk: Desk) -> None:
    for number in range(5):
        await a_use(desk.ledger, f"use-{number}")
    desk.simulator.set_faults(stripe={"error_rate": 1, "status": 503})

    assert await desk.tell() == Reported(unanswered=3)

    assert list((await desk.stands()).values()) == ["begun"] * 3 + ["new"] * 2


@pytest.mark.parametrize(
    ("faults", "stand"),
    [({"error_rate": 1, "status": 429}, "new"), ({"lock_rate": 1}, "begun")],
    ids=["too many calls", "another is at it"],
)
async def test_a_call_that_was_turned_away_ends_the_batch_and_only_one_that_was_not_heard_is_as_new(
    desk: Desk, faults: dict[str, float], stand: str
) -> None:
    await a_use(desk.ledger, "one")
    await a_use(desk.ledger, "two")
    desk.simulator.set_faults(stripe=faults)

    with pytest.raises(ApplicationError) as failed:
        await desk.tell()

    assert not failed.value.non_retryable
    assert await desk.stands() == {"one": stand, "two": "new"}


async def test_while_the_key_is_wrong_nothing_is_begun(desk: Desk) -> None:
    await a_use(desk.ledger, "one")
    http = desk.client._requestor._client  # the same wire
    wrong = stripe.StripeClient(f"{API_KEY}x", base_addresses={"api": desk.simulator.base_url}, http_client=http)

    with pytest.raises(ApplicationError) as failed:
        await replace(desk, metering=StripePayments(wrong)).tell()

    assert (failed.value.type, failed.value.non_retryable) == ("stripe_key", False)
    assert await desk.stands() == {"one": "new"}


async def test_one_whose_earlier_report_is_open_stays_begun_also_if_it_is_turned_away_now(desk: Desk) -> None:
    await a_use(desk.ledger, "open")
    await began(desk.ledger, "open", timedelta(hours=2))
    desk.simulator.set_faults(stripe={"error_rate": 1, "status": 429})

    with pytest.raises(ApplicationError):
        await desk.tell()

    assert await desk.stands() == {"open": "begun"}


async def test_after_a_first_answer_uses_are_told_many_at_once_but_of_a_customers_meter_one_at_a_time() -> None:
    crowd, shelf = Crowd(), of_many(30, each=3)

    done = await ActivityEnvironment().run(MeteringActivities(shelf, crowd).report_usage)

    assert (done, crowd.most) == (Reported(reported=90), AT_ONCE)
    assert sorted(shelf.reported) == sorted(crowd.told) == sorted(each.use.key for each in of_many(30, each=3).waiting)


async def test_a_provider_may_allow_fewer_at_once() -> None:
    crowd = Crowd()

    await ActivityEnvironment().run(MeteringActivities(of_many(5), crowd, at_once=1).report_usage)

    assert crowd.most == 1


async def test_when_one_of_many_is_turned_away_the_others_that_were_begun_are_brought_to_their_end() -> None:
    crowd, shelf = Crowd(fails="05-0"), of_many(60)

    with pytest.raises(ApplicationError):
        await ActivityEnvironment().run(MeteringActivities(shelf, crowd).report_usage)

    assert len(crowd.told) >= AT_ONCE
    assert shelf.reported == crowd.told
    assert sorted([*shelf.reported, *shelf.released]) == sorted(each.use.key for each in of_many(60).waiting)
    assert "05-0" in shelf.released


def test_a_call_has_another_name_every_hour() -> None:
    use = BilledUse("default", "k", "cus_1", "shop_runs", 4, at=None)  # type: ignore[arg-type]
    hours = (None, timedelta(minutes=59), timedelta(minutes=60), timedelta(hours=22.5))

    assert [Claimed(use, ago).call_key.rpartition("/")[2] for ago in hours] == ["0", "0", "1", "22"]


def test_the_name_of_a_use_fits_and_tells_tenants_and_keys_apart() -> None:
    names = {report_key(tenant, key) for tenant, key in (("a", "b/c"), ("a/b", "c"), ("a", "b"), ("a", "x" * 255))}

    assert len(names) == 4
    assert max(len(name) for name in names) <= 100
