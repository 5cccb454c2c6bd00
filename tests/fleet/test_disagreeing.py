"""Processes of a kind that do not agree: one catalog, one schedule and one rate are in force for all of them."""

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from temporalio.client import (
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleIntervalSpec,
    ScheduleSpec,
    ScheduleUpdate,
    ScheduleUpdateInput,
)

from configuration.catalog_file import load_catalog
from domain.catalog.plans import Catalog
from domain.names import MAIL_QUEUE, PAYMENTS_QUEUE, roll_up_schedule_id
from gateways.stripe.catalog_push import push
from gateways.stripe.http_client import connected
from services.system import Queues
from storage.catalog.catalogs import Catalogs
from storage.catalog.current import put_in_force
from tests.fleet.fleet import Fleet
from tests.harness.callers import Caller
from tests.harness.catalogs import CATALOG, shipped_catalog
from tests.harness.names import a_name
from tests.harness.patience import until
from tests.harness.site import STRIPE_KEY, Tell
from tests.harness.typed import Forker, Terminal
from worker.schedules import REVISION, REVISION_MEMO, definitions

COMMON, OTHER = {PAYMENTS_QUEUE: 1000, MAIL_QUEUE: 50}, {PAYMENTS_QUEUE: 900, MAIL_QUEUE: 40}
"""Tasks a second, by queue."""
SELDOM = timedelta(hours=9)


def larger_starter() -> Catalog:
    """The catalog that is sold, changed: a small plan that allows for more users."""
    catalog = shipped_catalog()
    starter = catalog.plans["starter"]
    starter = replace(starter, entitlements={**starter.entitlements, "users": 10})
    return replace(catalog, plans={**catalog.plans, "starter": starter})


async def misfits(api: Caller, subscription: str) -> list[tuple[str, int]]:
    """What of which is used more than the small plan allows, as this API sees it."""
    path = f"/v1/subscriptions/{subscription}/preview-change"
    answer = await api.post(path, {"plan": "starter"})
    assert answer.status_code == 200, answer.text
    return [(one["feature"], one["limit"]) for one in answer.json()["misfits"]]


@pytest.fixture
async def next_api(fleet: Fleet) -> AsyncIterator[Caller]:
    """One more API, which sells the next version of the catalog."""
    site, file = fleet.servers.site, fleet.servers.site.folder / "next.yaml"
    file.write_text(re.sub(r"(?m)^version: \d+", f"version: {shipped_catalog().version + 1}", CATALOG.read_text()))
    async with connected(STRIPE_KEY, site.simulator.base_url) as stripe:
        await push(stripe, load_catalog(file))
    async with site.api(TENURE_CATALOG=str(file)) as (_, api):
        yield api
    await put_in_force(fleet.servers.engine, shipped_catalog().name, again=True)


async def test_every_api_knows_at_once_what_was_changed_in_place_elsewhere(fleet: Fleet, next_api: Caller) -> None:
    """Whoever has another catalog: what an API reads for them says nothing of the one that was changed."""
    name, apis, catalogs = a_name("in-place"), [api for _, api in fleet.apis], Catalogs(fleet.servers.engine)
    signing_up: dict[str, Any] = {"plan": "professional", "trial_days": 0, "payment_method": "pm_card_visa"}
    made = (await next_api.signed_up(name, **signing_up))["id"]
    used = await next_api.post(f"/v1/customers/{name}/consume", {"feature": "users", "quantity": 5, "key": name})
    assert used.status_code == 200, used.text
    before = [await misfits(api, made) for api in apis]

    await catalogs.publish(larger_starter(), in_place=True)
    try:
        changed = [await misfits(api, made) for api in apis]
    finally:
        await catalogs.publish(shipped_catalog(), in_place=True)
    after = [await misfits(api, made) for api in apis]

    assert (before, changed, after) == ([[("users", 3)]] * 2, [[]] * 2, [[("users", 3)]] * 2)


async def written(fleet: Fleet, schedule_id: str, schedule: Schedule) -> None:
    def update(_known: ScheduleUpdateInput) -> ScheduleUpdate:
        return ScheduleUpdate(schedule)

    await fleet.servers.client.get_schedule_handle(schedule_id).update(update)


def of_a_later_release(schedule: Schedule) -> Schedule:
    assert isinstance(schedule.action, ScheduleActionStartWorkflow)
    schedule.action.memo = {REVISION_MEMO: REVISION + 1}
    return replace(schedule, spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=SELDOM)]))


@pytest.fixture
async def odd_one(fleet: Fleet) -> AsyncIterator[None]:
    """One more worker, with another rate, and of an earlier release than what has written a schedule."""
    schedule_id = roll_up_schedule_id()
    await written(fleet, schedule_id, of_a_later_release(definitions()[schedule_id]))
    rates = {"TENURE_PAYMENTS_A_SECOND": str(OTHER[PAYMENTS_QUEUE]), "TENURE_MAILS_A_SECOND": str(OTHER[MAIL_QUEUE])}
    async with fleet.servers.site.worker(**rates):
        yield
    await written(fleet, schedule_id, definitions()[schedule_id])


@pytest.mark.usefixtures("odd_one")
async def test_a_worker_of_an_earlier_release_and_another_rate_takes_nothing_back_and_is_told_of(
    fleet: Fleet, forker: Forker, tell: Tell
) -> None:
    client, terminal = fleet.servers.client, Terminal(fleet.servers.site.folder, forker)
    queues = Queues(client)
    terminal.settings = fleet.servers.site.settings

    async def all_have_asked() -> bool:
        found = [await queues.one(name) for name in COMMON]
        return all({poller.rate for poller in one.pollers} == {OTHER[one.name], COMMON[one.name]} for one in found)

    await until(all_have_asked)
    in_force = {name: (await queues.one(name)).rate for name in COMMON}
    examined = await terminal.run("doctor")
    left = await client.get_schedule_handle(roll_up_schedule_id()).describe()

    tell(f"workers with rates of {OTHER} and {COMMON}: {in_force} in force")
    for name, rate in in_force.items():
        assert rate in (OTHER[name], COMMON[name])
        assert f"(workers have {OTHER[name]} and {COMMON[name]})" in examined.out, examined.out
    assert [each.every for each in left.schedule.spec.intervals] == [SELDOM]
