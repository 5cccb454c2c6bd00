"""What Temporal knows of us: by these names, queues and ids running workflows and their histories go on."""

import asyncio
import inspect
from collections.abc import Callable, Iterator, Mapping
from itertools import product
from types import SimpleNamespace
from typing import Any, cast, get_type_hints
from unittest.mock import patch

from temporalio import activity, workflow
from temporalio.client import Client, Schedule, ScheduleActionStartWorkflow

import worker.build
from activities.failures import KINDS, as_failure
from domain import names
from domain.errors import GatewayBusy, GatewayRefused, Haste, Malformed, Rejected, TenureError
from domain.names import SEARCH_ATTRIBUTE_TYPES
from tests.contracts.wire import source
from tests.contracts.wire.shapes import arguments, shape
from worker.schedules import ensure_schedules


def found() -> dict[str, Any]:
    queues = _queues()
    return {
        "workflows": {name: kind for queue in queues.values() for name, kind in _workflows(queue)},
        "activities": {
            name: {"queue": queue, **each}
            for queue, given in queues.items()
            for name, each in _activities(given.get("activities", ()))
        },
        "errors": _errors(),
        "error types": sorted(source.error_codes()),
        "workflow ids": sorted(_ids()),
        "schedules": asyncio.run(_schedules()),
        "search attributes": dict(SEARCH_ATTRIBUTE_TYPES),
        "memo keys": sorted(source.memo_keys()),
        "patches": sorted(source.patches()),
    }


def _queues() -> dict[str, dict[str, Any]]:
    """What each worker is built with, by its task queue."""
    built: dict[str, dict[str, Any]] = {}

    def build(_client: Client, *, task_queue: str, **given: Any) -> object:
        built[task_queue] = given
        return object()

    hints = get_type_hints(worker.build.WorkerActivities)
    activities = worker.build.WorkerActivities(**{name: _of_nothing(kind) for name, kind in hints.items()})
    with patch.object(worker.build, "Worker", build):
        worker.build.build_workers(cast("Client", object()), activities)
    return built


def _of_nothing(kind: Any) -> Any:
    """An object with the class's methods and nothing behind them."""
    return object.__new__(kind)


def _workflows(given: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for kind in given.get("workflows", ()):
        it = workflow._Definition.must_from_class(kind)
        run, kept = it.run_fn, (it.signals, it.queries, it.updates)
        signals, queries, updates = ({str(each.name): each for each in some.values()} for some in kept)
        yield (
            str(it.name),
            {
                "takes": arguments(it.arg_types, run),
                "returns": shape(it.ret_type),
                "signals": {name: {"takes": arguments(each.arg_types, each.fn)} for name, each in signals.items()},
                "queries": {name: _answers(each) for name, each in queries.items()},
                "updates": {name: _answers(each) for name, each in updates.items()},
            },
        )


def _activities(given: tuple[Callable[..., Any], ...]) -> Iterator[tuple[str, dict[str, Any]]]:
    for one in given:
        it = activity._Definition.must_from_callable(one)
        yield str(it.name), _answers(it)


def _answers(it: Any) -> dict[str, Any]:
    return {"takes": arguments(it.arg_types, it.fn), "returns": shape(it.ret_type)}


def _errors() -> dict[str, Any]:
    """By the kind of a failure what its details hold."""
    more: Mapping[type[TenureError], dict[str, Any]] = {
        Malformed: {"field": ""},
        GatewayBusy: {"haste": Haste.RATE},
        GatewayRefused: {"field": ""},
        Rejected: {"details": {"about": "it"}},
    }
    failures = {kind: as_failure(error("", **more.get(error, {}))) for kind, error in KINDS.items()}
    told = {failure.details[0]["kind"]: sorted(failure.details[0]) for failure in failures.values()}
    return {"kinds": told, "haste": sorted(each.value for each in Haste)}


def _ids() -> Iterator[str]:
    for name, function in inspect.getmembers(names, inspect.isfunction):
        if name.endswith("_id"):
            of = get_type_hints(function)
            of.pop("return")
            choices = [[(each, value) for value in ((False, True) if of[each] is bool else ("{}",))] for each in of]
            yield from (function(**dict(chosen)) for chosen in product(*choices))


async def _schedules() -> dict[str, Any]:
    made: dict[str, Any] = {}

    async def create(schedule_id: str, schedule: Schedule) -> None:
        action = schedule.action
        assert isinstance(action, ScheduleActionStartWorkflow)
        made[schedule_id] = {"workflow": action.workflow, "queue": action.task_queue, "id": action.id}

    await ensure_schedules(cast("Client", SimpleNamespace(create_schedule=create)))
    return made
