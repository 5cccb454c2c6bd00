"""What the Temporal SDK reports is told in Prometheus' terms."""

from datetime import timedelta

from prometheus_client import CollectorRegistry, generate_latest

from monitoring.temporal_sdk import TemporalSdkMetrics


async def test_counters_gauges_and_durations_are_kept_between_scrapes() -> None:
    metrics, registry = TemporalSdkMetrics(), CollectorRegistry()
    registry.register(metrics)
    async with metrics.running() as runtime:
        meter = runtime.metric_meter
        requests, slots = meter.create_counter("a_request"), meter.create_gauge("slots")
        latency = meter.create_histogram_timedelta("latency", unit="duration")
        requests.add(2, {"operation": "Poll"})
        slots.set(7)
        latency.record(timedelta(seconds=2))
        generate_latest(registry)
        requests.add(1, {"operation": "Poll"})
        slots.set(5)
        latency.record(timedelta(milliseconds=3))
        told = generate_latest(registry).decode().splitlines()

    by_name = {line.partition("{")[0].partition(" ")[0]: line for line in told if not line.startswith("#")}
    assert 'operation="Poll"' in by_name["a_request_total"]
    assert by_name["a_request_total"].endswith(" 3.0")
    assert by_name["slots"].endswith(" 5.0")
    assert by_name["latency_seconds_count"].endswith(" 2.0")
    assert by_name["latency_seconds_sum"].endswith(" 2.003")
    assert any(
        line.startswith("latency_seconds_bucket") and 'le="0.005"' in line and line.endswith(" 1.0") for line in told
    )
    assert any(
        line.startswith("latency_seconds_bucket") and 'le="+Inf"' in line and line.endswith(" 2.0") for line in told
    )


async def test_a_process_without_a_runtime_tells_nothing_of_it() -> None:
    assert list(TemporalSdkMetrics().collect()) == []
