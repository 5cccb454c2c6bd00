"""Sets kept clocks back by what has gone by since, so that every life goes on at the moment at which it was left.

All that is kept of a subscription has moments of its own time: its timers, its row, its bills at Stripe. Only where the
servers say what that time is to the real one, something is changed here: how far Temporal is ahead of it with a
workflow and when it has to look at its timers, and how far the simulator is ahead of it with a customer. A workflow's
clock must stay ahead: Temporal (1.32) moves no timers of one that is behind.
"""

import sqlite3
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message_factory import GetMessageClass
from google.protobuf.timestamp_pb2 import Timestamp

PACKAGE = "kept"
OF_TEMPORAL = "temporal-sys-"
"""So begin its own workflows; its schedules have no type of workflow at all. They go by the real clock."""


def _message(name: str, **fields: tuple[int, str]) -> DescriptorProto:
    told = DescriptorProto(name=name)
    for field, (number, kind) in fields.items():
        added = told.field.add(name=field, number=number, label=FieldDescriptorProto.LABEL_OPTIONAL)
        if kind:
            added.type, added.type_name = FieldDescriptorProto.TYPE_MESSAGE, kind
        else:
            added.type = FieldDescriptorProto.TYPE_STRING
    return told


def _servers_own() -> DescriptorPool:
    """What Temporal writes down for itself, as far as it concerns clocks; all else in a message stays as it is.

    From temporal/server/api/persistence/v1/executions.proto.
    """
    pool = DescriptorPool()
    for known in (Duration, Timestamp):
        pool.AddSerializedFile(known.DESCRIPTOR.file.serialized_pb)
    file = FileDescriptorProto(name="kept.proto", package=PACKAGE, syntax="proto3")
    file.dependency.extend(known.DESCRIPTOR.file.name for known in (Duration, Timestamp))
    file.message_type.extend(
        [
            _message(
                "WorkflowExecutionInfo",
                workflow_type_name=(10, ""),
                time_skipping_info=(115, f".{PACKAGE}.TimeSkippingInfo"),
            ),
            _message("TimeSkippingInfo", accumulated_skipped_duration=(2, ".google.protobuf.Duration")),
            _message("TimerTaskInfo", run_id=(3, ""), visibility_time=(11, ".google.protobuf.Timestamp")),
        ]
    )
    pool.AddSerializedFile(file.SerializeToString())
    return pool


_POOL = _servers_own()


def _read(name: str, data: bytes) -> Any:
    return GetMessageClass(_POOL.FindMessageTypeByName(f"{PACKAGE}.{name}")).FromString(data)


def set_temporal_back(file: Path, by: timedelta) -> None:
    """Let each workflow have the time that it had so long ago."""
    with closing(sqlite3.connect(file)) as database, database:
        runs = _set_workflows_back(database, by)
        _put_timers_off(database, runs, by)


def _set_workflows_back(database: sqlite3.Connection, by: timedelta) -> set[str]:
    runs = set()
    for row, run, data in database.execute("SELECT rowid, run_id, data FROM executions").fetchall():
        info = _read("WorkflowExecutionInfo", data)
        if not info.workflow_type_name or info.workflow_type_name.startswith(OF_TEMPORAL):
            continue
        skipped = info.time_skipping_info.accumulated_skipped_duration
        skipped.FromTimedelta(skipped.ToTimedelta() - by)
        database.execute("UPDATE executions SET data = ? WHERE rowid = ?", (info.SerializeToString(), row))
        runs.add(str(UUID(bytes=run)))
    return runs


def _put_timers_off(database: sqlite3.Connection, runs: set[str], by: timedelta) -> None:
    for row, at, data in database.execute("SELECT rowid, visibility_timestamp, data FROM timer_tasks").fetchall():
        task = _read("TimerTaskInfo", data)
        if task.run_id not in runs:
            continue
        task.visibility_time.FromDatetime(task.visibility_time.ToDatetime() + by)
        later = _as_written(datetime.fromisoformat(at) + by)
        changed = (later, task.SerializeToString(), row)
        database.execute("UPDATE timer_tasks SET visibility_timestamp = ?, data = ? WHERE rowid = ?", changed)


def _as_written(at: datetime) -> str:
    """As Temporal's SQLite driver writes it: a fraction has no zeros at its end."""
    seconds, _, fraction = at.strftime("%Y-%m-%d %H:%M:%S.%f").partition(".")
    fraction = fraction.rstrip("0")
    return f"{seconds}{'.' if fraction else ''}{fraction}+00:00"


def set_simulator_back(file: Path, by: timedelta) -> None:
    """Let each customer at Stripe have the time that they had so long ago, and each call have been made then."""
    with closing(sqlite3.connect(file)) as database, database:
        database.execute(
            "INSERT OR IGNORE INTO clocks SELECT DISTINCT coalesce(external_id, objects.customer), 0"
            " FROM objects LEFT JOIN external_ids USING (customer) WHERE objects.customer IS NOT NULL"
        )
        database.execute("UPDATE clocks SET ahead = ahead - ?", (by.total_seconds(),))
        database.execute("UPDATE calls SET at = at + ?", (by.total_seconds(),))
