"""A rolling restart to a release of other code and back, with workers of both at once: with versions and without."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from functools import partial

import pytest
from temporalio.client import Client

from services.worker_deployments import WorkerDeployments
from tests.fleet import next_release
from tests.fleet.histories import builds, failed_tasks
from tests.harness.callers import Caller
from tests.harness.folders import migrated_folder
from tests.harness.names import a_name
from tests.harness.patience import until
from tests.harness.site import Site, Tell
from tests.harness.typed import Forker

DEPLOYMENT, LIVES = "tenure", 4
NEXT = next_release.__name__


@pytest.fixture
async def released(forker: Forker) -> AsyncIterator[Site]:
    """A site of its own: what is current is so for all workers of a namespace."""
    with migrated_folder() as folder:
        async with Site.laid_out(folder, forker) as site:
            yield site


def of_build(build: str) -> dict[str, str]:
    return {"TENURE_DEPLOYMENT": DEPLOYMENT, "TENURE_BUILD_ID": build}


async def begun(admin: Caller, name: str) -> list[str]:
    """Lives that begin now."""
    made = await asyncio.gather(*(admin.signed_up(f"{name}-{number}") for number in range(LIVES)))
    return [one["id"] for one in made]


async def steered(admin: Caller, subscriptions: list[str]) -> list[int]:
    """How each answers a command."""
    body = {"days": 1, "reason": "the release"}
    asked = (admin.settled(f"/v1/subscriptions/{each}/extend-trial", body, key=a_name("key")) for each in subscriptions)
    return [answer.status_code for answer in await asyncio.gather(*asked)]


async def have_failed(client: Client, subscriptions: list[str]) -> bool:
    """Whether a task has failed, as one does on a worker that does not know the way which its subscription went."""
    return (await failed_tasks(client, subscriptions)).total() > 0


async def make_current(
    deployment: WorkerDeployments, build: str, is_moved: Iterable[Callable[[], Awaitable[bool]]]
) -> None:
    """Give the work to a build, and wait until it gets it: that takes a moment to get around in Temporal."""

    async def has_all_queues() -> bool:
        return not await deployment.missing_queues(build)

    await until(has_all_queues)
    await deployment.set_current(build)
    for each in is_moved:
        await until(each)


async def is_served_by(build: str, client: Client, admin: Caller, subscription: str) -> bool:
    await admin.command(subscription, "preview-cancel")
    return (await builds(client, subscription))[-1] == build


async def test_with_versions_no_task_fails_when_a_worker_of_the_new_release_dies(released: Site, tell: Tell) -> None:
    client, name = await Client.connect(released.temporal.address), a_name("releases")
    deployment = WorkerDeployments(client, DEPLOYMENT)
    async with released.api() as (_, admin):
        async with released.worker(release=NEXT) as doomed:
            without = await begun(admin, f"{name}-without")
            async with released.worker():
                await doomed.kill()
                steering = asyncio.create_task(steered(admin, without))
                await until(partial(have_failed, client, without))
        async with released.worker(release=NEXT):
            answers = await steering
        async with released.worker(**of_build("A")):
            await make_current(deployment, "A", ())
            before = await begun(admin, f"{name}-before")
            async with (
                released.worker(release=NEXT, **of_build("B")),
                released.worker(release=NEXT, **of_build("B")) as doomed,
            ):
                await make_current(deployment, "B", [partial(is_served_by, "B", client, admin, one) for one in before])
                after = await begun(admin, f"{name}-after")
                await doomed.kill()
                answers += await steered(admin, before + after)
                # What has gone B's way is left alone meanwhile: versions do not help it on A.
                await make_current(deployment, "A", [partial(is_served_by, "A", client, admin, one) for one in before])
                back = await begun(admin, f"{name}-back")
                answers += await steered(admin, back)
                await make_current(deployment, "B", [partial(is_served_by, "B", client, admin, one) for one in before])
                answers += await steered(admin, before + after + back)
        unversioned = await failed_tasks(client, without)
        versioned = await failed_tasks(client, before + after + back)

    tell(
        f"a release of other code, and one of its workers killed: {versioned.total()} failed workflow tasks of"
        f" {3 * LIVES} lives with versions, there and back; {unversioned.total()} of {LIVES} without"
    )
    assert set(answers) == {200}
    assert versioned == Counter()
