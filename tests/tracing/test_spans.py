"""Spans by OpenTelemetry: whose child each is, which are recorded, and what an error leaves in them."""

from importlib import import_module
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from configuration.loading import Process, SettingsError
from configuration.settings import TracingSettings
from domain.errors import Rejected
from storage.db.traced_statements import summary
from tenure.cli import tracing as switch
from tracing.open_telemetry import OpenTelemetrySpans
from tracing.spans import Kind, SpanIds, is_recorded, trace_id_of

CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
NOT_SAMPLED = CALLER[:-2] + "00"


class Sent(InMemorySpanExporter):
    def only(self) -> ReadableSpan:
        [span] = self.get_finished_spans()
        return span


def made(share: float = 1.0) -> tuple[OpenTelemetrySpans, Sent]:
    sent = Sent()
    return OpenTelemetrySpans(SimpleSpanProcessor(sent), "test", share), sent


def test_a_callers_trace_is_continued() -> None:
    spans, sent = made()

    with spans.around("GET", Kind.SERVER, {}, parent=CALLER) as span:
        assert trace_id_of(span.context) == trace_id_of(CALLER)

    parent = sent.only().parent
    assert parent is not None
    assert f"{parent.span_id:016x}" in CALLER


@pytest.mark.parametrize("nonsense", ["", "x", "00-0-0-01", f"00-{'0' * 32}-{'0' * 16}-01", "<script>"])
def test_a_caller_who_names_no_trace_gets_a_new_one(nonsense: str) -> None:
    spans, sent = made()

    with spans.around("GET", Kind.SERVER, {}, parent=nonsense):
        pass

    assert sent.only().parent is None


@pytest.mark.parametrize(("share", "parent"), [(0.0, ""), (0.0, CALLER), (1.0, NOT_SAMPLED)])
def test_what_is_left_out_is_left_out_with_all_that_follows(share: float, parent: str) -> None:
    spans, sent = made(share)

    with spans.around("outer", Kind.SERVER, {}, parent=parent) as outer:
        spans.record("inner", Kind.CLIENT, {}, seconds=0.1)
        with spans.around("elsewhere", Kind.INTERNAL, {}, parent=outer.context) as inner:
            assert not is_recorded(inner.context)

    assert sent.get_finished_spans() == ()


def test_processes_with_one_share_decide_alike() -> None:
    (api, of_api), (worker, of_worker) = made(0.5), made(0.5)

    for number in range(200):
        trace = f"{number * 0x5DEECE66D % 2**64:016x}{number * 0x9E3779B97F4A7C15 % 2**64:016x}"
        request = api.start("request", Kind.SERVER, {}, parent=f"00-{trace}-00000000000000ab-01")
        request.end()
        worker.start("activity", Kind.SERVER, {}, parent=request.context).end()

    names = [len(one.get_finished_spans()) for one in (of_api, of_worker)]
    assert names[0] == names[1]
    assert 50 < names[0] < 150


def test_an_error_leaves_its_code_and_not_its_words() -> None:
    spans, sent = made()

    with pytest.raises(Rejected), spans.around("activity", Kind.SERVER, {}, parent=""):
        raise Rejected("ada@example.com is known", code="already_subscribed")

    assert sent.only().status.description == "already_subscribed"
    assert "ada@example.com" not in sent.only().to_json()


def test_a_span_begun_again_under_chosen_ids_is_the_same_span() -> None:
    spans, _ = made()
    ids = SpanIds("ab" * 16, "cd" * 8)

    first, second = (spans.start("step", Kind.INTERNAL, {}, parent="", ids=ids) for _ in range(2))

    assert first.context == second.context
    assert first.context.startswith(f"00-{'ab' * 16}-{'cd' * 8}-")


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("SELECT a.b FROM audit AS a WHERE a.c = $1", ("SELECT", "audit")),
        ("\n  insert into mails (id) values ($1)", ("INSERT", "mails")),
        ("UPDATE subscriptions SET plan = $1", ("UPDATE", "subscriptions")),
        ("-- counts\nSELECT * FROM tenure_consume($1, $2)", ("SELECT", "tenure_consume")),
        ("WITH due AS (SELECT 1 FROM journal) DELETE FROM usage_events", ("DELETE", "journal")),
        ("SELECT set_config('tenure.tenant', $1, true)", ("", "")),
        ("BEGIN ISOLATION LEVEL READ COMMITTED;", ("", "")),
        (";", ("", "")),
    ],
)
def test_a_statement_is_told_by_operation_and_table(statement: str, expected: tuple[str, str]) -> None:
    assert summary(statement) == expected


async def test_traces_without_what_they_need_stop_the_process_and_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_name: str) -> Any:
        raise ModuleNotFoundError("No module named 'opentelemetry.sdk'")

    monkeypatch.setattr(switch, "import_module", missing)
    settings = TracingSettings(otlp_endpoint="http://collector:4318")

    with pytest.raises(SettingsError, match=r"pip install 'tenure\[telemetry\]'"):
        async with switch.tracing(settings, Process.WORKER):
            pass


async def test_traces_are_off_unless_an_address_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(switch, "import_module", lambda name: pytest.fail(f"imported {name}"))

    async with switch.tracing(TracingSettings(), Process.API) as spans:
        assert spans is None


def test_what_is_imported_to_trace_nothing() -> None:
    """Modules that are always loaded name the port alone."""
    for name in ("worker.traced_work", "services.traced_temporal", "storage.db.traced_statements"):
        assert not [each for each in vars(import_module(name)) if "open_telemetry" in each]
