"""A workflow in several versions: the original, and each way of changing it. All have the type `Toy`."""

from dataclasses import dataclass

from temporalio import workflow
from temporalio.common import VersioningBehavior

from services.payload_converter import RUN_ENCODINGS

BRIEFLY = 0.001
TWICE = "waits-twice"


@dataclass(frozen=True)
class OldOrder:
    """The first version's input."""

    name: str


@dataclass(frozen=True)
class Order:
    """The same one release later: new starts set the field, earlier ones have the default."""

    name: str
    waits_twice: bool = False


@dataclass(frozen=True)
class NewerOrder(Order):
    """The same, for workers that know its encoding alone."""

    @property
    def payload_encoding(self) -> str:
        return RUN_ENCODINGS[0]


@workflow.defn(name="Toy", sandboxed=False)
class First:
    """Waits once."""

    @workflow.run
    async def run(self, order: OldOrder) -> str:
        await workflow.sleep(BRIEFLY)
        return f"{order.name} waited once"


@workflow.defn(name="Toy", sandboxed=False)
class Careless:
    """Waits twice, regardless of running workflows."""

    @workflow.run
    async def run(self, order: OldOrder) -> str:
        await workflow.sleep(BRIEFLY)
        await workflow.sleep(BRIEFLY)
        return f"{order.name} waited twice"


@workflow.defn(name="Toy", sandboxed=False)
class GatedByData:
    """Waits twice if its order says so."""

    @workflow.run
    async def run(self, order: Order) -> str:
        await workflow.sleep(BRIEFLY)
        if not order.waits_twice:
            return f"{order.name} waited once"
        await workflow.sleep(BRIEFLY)
        return f"{order.name} waited twice"


@workflow.defn(name="Toy", sandboxed=False)
class Patched:
    """Waits twice from now on; running workflows continue as before."""

    @workflow.run
    async def run(self, order: OldOrder) -> str:
        await workflow.sleep(BRIEFLY)
        if not workflow.patched(TWICE):
            return f"{order.name} waited once"
        await workflow.sleep(BRIEFLY)
        return f"{order.name} waited twice"


@workflow.defn(name="Toy", sandboxed=False)
class PatchDeprecated:
    """The old branch is gone, since no workflow on it runs any more; newer ones still have the marker."""

    @workflow.run
    async def run(self, order: OldOrder) -> str:
        await workflow.sleep(BRIEFLY)
        workflow.deprecate_patch(TWICE)
        await workflow.sleep(BRIEFLY)
        return f"{order.name} waited twice"


class Served:
    """Reports which code version serves it, until released; identical in every version except for its name."""

    version = ""

    def __init__(self) -> None:
        self._may_go = False

    async def live(self) -> str:
        await workflow.wait_condition(lambda: self._may_go)
        return self.version

    @workflow.update
    def served_by(self) -> str:
        return self.version

    @workflow.signal
    def go(self) -> None:
        self._may_go = True


@workflow.defn(name="Pinned", sandboxed=False, versioning_behavior=VersioningBehavior.PINNED)
class PinnedFirst(Served):
    version = "1.0"

    @workflow.run
    async def run(self) -> str:
        return await self.live()


@workflow.defn(name="Pinned", sandboxed=False, versioning_behavior=VersioningBehavior.PINNED)
class PinnedSecond(Served):
    version = "2.0"

    @workflow.run
    async def run(self) -> str:
        return await self.live()


@workflow.defn(name="Upgrading", sandboxed=False, versioning_behavior=VersioningBehavior.AUTO_UPGRADE)
class UpgradingFirst(Served):
    version = "1.0"

    @workflow.run
    async def run(self) -> str:
        return await self.live()


@workflow.defn(name="Upgrading", sandboxed=False, versioning_behavior=VersioningBehavior.AUTO_UPGRADE)
class UpgradingSecond(Served):
    version = "2.0"

    @workflow.run
    async def run(self) -> str:
        return await self.live()


class _Moving(Served):
    """Pinned, and upgrades when it continues as new, as long-running workflows do from time to time."""

    async def live(self) -> str:
        await workflow.wait_condition(
            lambda: self._may_go or workflow.info().is_target_worker_deployment_version_changed()
        )
        if not self._may_go:
            await workflow.wait_condition(workflow.all_handlers_finished)
            newest = workflow.ContinueAsNewVersioningBehavior.AUTO_UPGRADE
            workflow.continue_as_new(initial_versioning_behavior=newest)
        return self.version


@workflow.defn(name="Moving", sandboxed=False, versioning_behavior=VersioningBehavior.PINNED)
class MovingFirst(_Moving):
    version = "1.0"

    @workflow.run
    async def run(self) -> str:
        return await self.live()


@workflow.defn(name="Moving", sandboxed=False, versioning_behavior=VersioningBehavior.PINNED)
class MovingSecond(_Moving):
    version = "2.0"

    @workflow.run
    async def run(self) -> str:
        return await self.live()


FIRST = (PinnedFirst, UpgradingFirst, MovingFirst)
SECOND = (PinnedSecond, UpgradingSecond, MovingSecond)
