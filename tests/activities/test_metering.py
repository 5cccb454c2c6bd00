"""Reporting overage, on the real database and the simulator: once each; unknown outcomes go to an operator."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import stripe
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.metering import BATCH_SIZE, CONCURRENCY, MeteringActivities, Reported
from domain.errors import GatewayBusy, Haste
from domain.provider.overage_usage import REPEATED_WITHIN, BilledUsage, ClaimedUsage, ReportProblem, report_key
from domain.provider.ports import Metering
from gateways.stripe.catalog_push import push
from gateways.stripe.provider import stripe_provider
from sandbox.stripe import StripeSimulator
from storage.usage.overage_reports import UsageReports
from tests.contracts.provider import CATALOG, contact
from tests.gateways.conftest import client, simulator, stage, wire
from tests.gateways.rig import API_KEY, Wire
from tests.storage.conftest import engine, ledger
from tests.storage.ledger import Ledger
from tests.storage.overage_events import a_usage_event, began, rows

__all__ = ["client", "engine", "ledger", "simulator", "stage", "wire"]

A_MINUTE = timedelta(minutes=1)


class Crowd:
    """Takes as long for each use as it takes others to come, and remembers who was there at once."""

    def __init__(self, fails: str = "") -> None:
        self.most = 0
        self.told: list[str] = []
        self._fails = fails
        self._there: list[tuple[str, str]] = []

    async def report_usage(self, use: BilledUsage, *, key: str) -> None:
        lane = (use.customer_ref, use.counted_as)
        assert lane not in self._there, "Stripe takes one call at a time of a customer's meter"
        self._there.append(lane)
        self.most = max(self.most, len(self._there))
        # Lets every other task that may begin do so.
        for _ in range(50):
            await asyncio.sleep(0)
        self._there.remove(lane)
        if use.key == self._fails:
            raise GatewayBusy("too many calls", haste=Haste.RATE)
        self.told.append(use.key)


@dataclass
class Shelf:
    """Waiting usages, in memory."""

    waiting: list[ClaimedUsage]
    reported: list[str] = field(default_factory=list)
    released: list[str] = field(default_factory=list)

    async def claim(self, limit: int) -> list[ClaimedUsage]:
        return self.waiting[:limit]

    async def release(self, uses: Sequence[BilledUsage]) -> None:
        self.released += [use.key for use in uses]

    async def mark_reported(self, use: BilledUsage) -> None:
        self.reported.append(use.key)

    async def set_aside(self, use: BilledUsage, trouble: ReportProblem, why: str) -> None:
        raise AssertionError("nothing is refused here")


def of_many(customers: int, each: int = 1) -> Shelf:
    """Usages of several customers, several each."""
    uses = [(f"{customer:02}-{number}", f"cus_{customer}") for number in range(each) for customer in range(customers)]
    return Shelf(
        [ClaimedUsage(BilledUsage("default", key, ref, "shop_runs", 1, datetime.now(UTC))) for key, ref in uses]
    )


@dataclass
class Setup:
    """The activity, and a look at both sides."""

    ledger: Ledger
    simulator: StripeSimulator
    wire: Wire
    client: stripe.StripeClient
    metering: Metering

    async def report(self) -> Reported:
        activities = MeteringActivities(UsageReports(self.ledger.engine), self.metering)
        return await ActivityEnvironment().run(activities.report_usage)

    def reported(self) -> list[int]:
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
async def setup(ledger: Ledger, simulator: StripeSimulator, wire: Wire, client: stripe.StripeClient) -> Setup:
    """Ada is known on both sides."""
    await push(client, CATALOG)
    provider = stripe_provider(client)
    wallet = await provider.wallets.open_wallet(contact(), None, key="ada/sign-up")
    await ledger.records.remember_wallet(await ledger.customer("ada"), wallet.customer_ref)
    return Setup(ledger, simulator, wire, client, provider.metering)


async def test_everything_waiting_is_reported_once(setup: Setup) -> None:
    await a_usage_event(setup.ledger, "one", overage=1)
    await a_usage_event(setup.ledger, "two", overage=2)

    assert await setup.report() == Reported(reported=2)
    assert await setup.report() == Reported()

    assert setup.reported() == [1, 2]
    names = [str(key).split("/") for method, path, key in setup.wire.calls if path == "/v1/billing/meter_events"]
    assert [(name, hours) for name, _, hours in names] == [(report_key("default", key), "0") for key in ("one", "two")]


async def test_a_full_batch_says_that_more_may_wait(setup: Setup) -> None:
    for number in range(BATCH_SIZE + 1):
        await a_usage_event(setup.ledger, f"use-{number}")

    assert await setup.report() == Reported(reported=BATCH_SIZE, is_all=False)
    assert await setup.report() == Reported(reported=1)


async def test_reports_begun_within_a_day_are_repeated_and_older_ones_are_left_to_an_operator(
    setup: Setup,
) -> None:
    for key, ago in (("young", REPEATED_WITHIN - A_MINUTE), ("old", REPEATED_WITHIN + A_MINUTE)):
        await a_usage_event(setup.ledger, key)
        await began(setup.ledger, key, ago)

    assert await setup.report() == Reported(reported=1, set_aside=1)

    assert await setup.stands() == {"young": "reported", "old": ReportProblem.UNKNOWN}
    [left] = await UsageReports(setup.ledger.engine).unreported(limit=10)
    assert "check whether the provider has shop_runs of cus_" in left.why


async def test_refused_usage_is_left_to_an_operator_and_the_rest_is_reported(setup: Setup) -> None:
    await a_usage_event(setup.ledger, "bad", catalog="other_v1")
    await a_usage_event(setup.ledger, "late", at_ago=timedelta(days=36))
    await a_usage_event(setup.ledger, "good")

    assert await setup.report() == Reported(reported=1, set_aside=2)

    assert await setup.stands() == {"bad": ReportProblem.REFUSED, "late": ReportProblem.REFUSED, "good": "reported"}


async def test_refused_usage_is_reported_at_the_operators_word_once_the_cause_is_fixed(setup: Setup) -> None:
    """Stripe gives the answer to a refused call again for a day, to whoever repeats its key."""
    await a_usage_event(setup.ledger, "early", catalog="other_v1")
    assert await setup.report() == Reported(set_aside=1)
    await push(setup.client, replace(CATALOG, product="other"))

    await UsageReports(setup.ledger.engine).try_refused_again()

    assert await setup.report() == Reported(reported=1)
    assert (setup.reported(), await setup.stands()) == ([4], {"early": "reported"})


async def test_a_report_without_an_answer_is_repeated_under_its_key(setup: Setup) -> None:
    await a_usage_event(setup.ledger, "mute")
    setup.wire.lose(1)

    await setup.report()
    await setup.report()

    first, second = (key for method, path, key in setup.wire.calls if path == "/v1/billing/meter_events")
    assert (first, setup.reported()) == (second, [4])


async def test_an_unanswered_report_stays_begun_blocks_nothing_and_is_counted_once(setup: Setup) -> None:
    await a_usage_event(setup.ledger, "mute", overage=1)
    await a_usage_event(setup.ledger, "good", overage=2)
    setup.wire.lose(1)

    assert await setup.report() == Reported(reported=1, unanswered=1)
    assert await setup.stands() == {"mute": "begun", "good": "reported"}
    await began(setup.ledger, "mute", 2 * timedelta(hours=1))
    assert await setup.report() == Reported(reported=1)

    assert (setup.reported(), await setup.stands()) == ([1, 2], {"mute": "reported", "good": "reported"})


async def test_a_provider_that_is_down_gets_few_calls_and_untried_usage_stays_new(setup: Setup) -> None:
    for number in range(5):
        await a_usage_event(setup.ledger, f"use-{number}")
    setup.simulator.set_faults(stripe={"error_rate": 1, "status": 503})

    assert await setup.report() == Reported(unanswered=3)

    assert list((await setup.stands()).values()) == ["begun"] * 3 + ["new"] * 2


@pytest.mark.parametrize(
    ("faults", "stand"),
    [({"error_rate": 1, "status": 429}, "new"), ({"lock_rate": 1}, "begun")],
    ids=["too many calls", "another is at it"],
)
async def test_a_rejected_call_ends_the_batch_and_only_an_unprocessed_one_stays_new(
    setup: Setup, faults: dict[str, float], stand: str
) -> None:
    await a_usage_event(setup.ledger, "one")
    await a_usage_event(setup.ledger, "two")
    setup.simulator.set_faults(stripe=faults)

    with pytest.raises(ApplicationError) as failed:
        await setup.report()

    assert not failed.value.non_retryable
    assert await setup.stands() == {"one": stand, "two": "new"}


async def test_while_the_key_is_wrong_nothing_is_begun(setup: Setup) -> None:
    await a_usage_event(setup.ledger, "one")
    http = setup.client._requestor._client  # the same wire
    wrong = stripe.StripeClient(f"{API_KEY}x", base_addresses={"api": setup.simulator.base_url}, http_client=http)

    with pytest.raises(ApplicationError) as failed:
        await replace(setup, metering=stripe_provider(wrong).metering).report()

    assert (failed.value.type, failed.value.non_retryable) == ("stripe_key", False)
    assert await setup.stands() == {"one": "new"}


async def test_usage_with_an_open_report_stays_begun_even_if_it_is_rejected_now(setup: Setup) -> None:
    await a_usage_event(setup.ledger, "open")
    await began(setup.ledger, "open", timedelta(hours=2))
    setup.simulator.set_faults(stripe={"error_rate": 1, "status": 429})

    with pytest.raises(ApplicationError):
        await setup.report()

    assert await setup.stands() == {"open": "begun"}


async def test_after_a_first_answer_usages_are_reported_concurrently_but_one_at_a_time_per_customer_and_meter() -> None:
    crowd, shelf = Crowd(), of_many(30, each=3)

    done = await ActivityEnvironment().run(MeteringActivities(shelf, crowd).report_usage)

    assert (done, crowd.most) == (Reported(reported=90), CONCURRENCY)
    assert sorted(shelf.reported) == sorted(crowd.told) == sorted(each.use.key for each in of_many(30, each=3).waiting)


async def test_a_provider_may_allow_fewer_at_once() -> None:
    crowd = Crowd()

    await ActivityEnvironment().run(MeteringActivities(of_many(5), crowd, at_once=1).report_usage)

    assert crowd.most == 1


async def test_when_one_report_is_rejected_the_others_already_begun_are_completed() -> None:
    crowd, shelf = Crowd(fails="05-0"), of_many(60)

    with pytest.raises(ApplicationError):
        await ActivityEnvironment().run(MeteringActivities(shelf, crowd).report_usage)

    assert len(crowd.told) >= CONCURRENCY
    assert shelf.reported == crowd.told
    assert sorted([*shelf.reported, *shelf.released]) == sorted(each.use.key for each in of_many(60).waiting)
    assert "05-0" in shelf.released


def test_the_call_key_changes_every_hour() -> None:
    use = BilledUsage("default", "k", "cus_1", "shop_runs", 4, at=None)  # type: ignore[arg-type]
    hours = (None, timedelta(minutes=59), timedelta(minutes=60), timedelta(hours=22.5))

    assert [ClaimedUsage(use, ago).call_key.rpartition("/")[2] for ago in hours] == ["0", "0", "1", "22"]


def test_the_report_key_has_a_fixed_length_and_distinguishes_tenants_and_keys() -> None:
    names = {report_key(tenant, key) for tenant, key in (("a", "b/c"), ("a/b", "c"), ("a", "b"), ("a", "x" * 255))}

    assert len(names) == 4
    assert max(len(name) for name in names) <= 100
