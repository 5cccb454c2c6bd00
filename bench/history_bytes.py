"""Where the bytes of workflow histories are: over time, by kind of event, and by payload."""

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from google.protobuf.message import Message
from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent

Run = Sequence[HistoryEvent]
LARGEST = 8
"""How many payloads are listed."""
_SCHEDULED: Final = "workflow_task_scheduled_event_attributes"
_COMPLETED: Final = "workflow_task_completed_event_attributes"


def average_open_bytes(runs: Sequence[Run]) -> float:
    """The mean size of the open run's history over the life of one workflow, weighted by time.

    From each event to the next, the history has the size of all events of its run up to the first of the two. The
    time is the workflow's own: a month that was skipped counts as a month.
    """
    byte_seconds = seconds = 0.0
    for run in runs:
        size = 0
        for event, following in itertools.pairwise(run):
            size += event.ByteSize()
            passed = (following.event_time.ToDatetime() - event.event_time.ToDatetime()).total_seconds()
            byte_seconds += size * passed
            seconds += passed
    return byte_seconds / seconds if seconds else 0.0


def without_failed_tasks(run: Run) -> list[HistoryEvent]:
    """Leave out workflow tasks that were taken again: a machine was slow, or a signal came in between.

    A local activity that is slow has its task completed without any command, and goes on in the next one.
    """
    failed: set[int] = set()
    for event in run:
        for name in ("workflow_task_failed_event_attributes", "workflow_task_timed_out_event_attributes"):
            if event.HasField(name):
                ended = getattr(event, name)
                failed |= {event.event_id, ended.scheduled_event_id, ended.started_event_id}
    kept = [event for event in run if event.event_id not in failed]
    continued: set[int] = set()
    for event, following in itertools.pairwise(kept):
        if event.HasField(_COMPLETED) and following.HasField(_SCHEDULED) and event.event_time == following.event_time:
            ended = event.workflow_task_completed_event_attributes
            continued |= {ended.started_event_id, event.event_id, following.event_id}
    return [event for event in kept if event.event_id not in continued]


def bytes_by_kind(runs: Sequence[Run]) -> Counter[str]:
    """The bytes of all events of a kind, by its name."""
    found: Counter[str] = Counter()
    for run in runs:
        for event in run:
            found[_kind(event)] += event.ByteSize()
    return found


@dataclass
class PayloadSizes:
    """How large the payloads of one place are."""

    count: int = 0
    total: int = 0
    largest: int = 0

    def add(self, size: int) -> None:
        self.count += 1
        self.total += size
        self.largest = max(self.largest, size)


def payload_sizes(runs: Sequence[Run]) -> dict[str, PayloadSizes]:
    """The sizes of payloads by their place: the kind of event, its activity or signal, and the field."""
    found: dict[str, PayloadSizes] = defaultdict(PayloadSizes)
    for run in runs:
        activities: dict[int, str] = {}
        for event in run:
            name = _name(event, activities)
            for field, payload in _payloads(event):
                found[" ".join(filter(None, (_kind(event), name, field)))].add(payload.ByteSize())
    return dict(found)


def report(runs: Sequence[Run]) -> Iterator[str]:
    """Tell where the bytes are, the most first."""
    whole = sum(event.ByteSize() for run in runs for event in run)
    yield "its bytes by kind of event:"
    for kind, size in bytes_by_kind(runs).most_common():
        yield f"    {size:>7,}  {size / whole:>4.0%}  {kind}"
    yield "its largest payloads (all of one place, their number, the largest):"
    places = sorted(payload_sizes(runs).items(), key=lambda each: -each[1].total)
    for place, sizes in places[:LARGEST]:
        yield f"    {sizes.total:>7,}  {sizes.count:>3}  {sizes.largest:>6,}  {place}"


def _kind(event: HistoryEvent) -> str:
    return EventType.Name(event.event_type).removeprefix("EVENT_TYPE_").lower().replace("_", " ")


def _name(event: HistoryEvent, activities: dict[int, str]) -> str:
    """What the event is about; *activities* are those of the run by the events that scheduled them."""
    if event.HasField("activity_task_scheduled_event_attributes"):
        activities[event.event_id] = event.activity_task_scheduled_event_attributes.activity_type.name
        return activities[event.event_id]
    if event.HasField("activity_task_completed_event_attributes"):
        return activities.get(event.activity_task_completed_event_attributes.scheduled_event_id, "")
    return event.workflow_execution_signaled_event_attributes.signal_name


def _payloads(message: Message, field: str = "") -> Iterator[tuple[str, Payload]]:
    """All payloads in a message, with the name of the field that holds them."""
    if isinstance(message, Payload):
        yield field, message
        return
    for descriptor, value in message.ListFields():
        if descriptor.message_type is None:
            continue
        is_wrapper = descriptor.name in ("payloads", "fields", "indexed_fields")
        name = field if is_wrapper else descriptor.name
        if descriptor.message_type.GetOptions().map_entry:
            entries = [(key, each) for key, each in value.items() if isinstance(each, Message)]
            for key, each in entries:
                yield from _payloads(each, key if is_wrapper else f"{name} {key}")
        else:
            for each in [value] if isinstance(value, Message) else value:
                yield from _payloads(each, name)
