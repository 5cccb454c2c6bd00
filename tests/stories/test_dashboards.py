"""Prometheus, on a running stack: every query of the dashboards and of the rules is answered."""

import re
from collections.abc import Awaitable, Callable

import httpx

from sandbox.stack import Stack
from tests.harness.lives import Life
from tests.harness.patience import until
from tests.harness.prometheus import dashboard_queries, needs_prometheus, prometheus_of, rules, series_in

Begin = Callable[..., Awaitable[Life]]

ONLY_WHEN_SOMETHING_FAILS = {
    "temporal_activity_execution_failed_total",
    "temporal_workflow_task_execution_failed_total",
}
"""The SDK tells of these from the first failure on."""
TYPED = re.compile(r"^# TYPE (\S+) (\S+)$", re.MULTILINE)
PARTS = {"counter": ("",), "gauge": ("",), "histogram": ("_bucket", "_count", "_sum")}


def told(exposition: str) -> set[str]:
    """The names of all series, those without a value yet too."""
    return {name + part for name, kind in TYPED.findall(exposition) for part in PARTS[kind]}


async def answer(prometheus: httpx.AsyncClient, query: str) -> str:
    given = await prometheus.get("/api/v1/query", params={"query": query.replace("$__rate_interval", "5m")})
    return str(given.json()["status"])


@needs_prometheus
async def test_every_query_of_the_dashboards_and_rules_is_answered_by_a_running_stack(
    begin: Begin, stack: Stack
) -> None:
    await begin(payment_method="pm_card_visa", trial_days=0)
    url = f"{stack.addresses.api_url}/metrics"
    queries = [query for _, query in dashboard_queries()] + [rule["expr"] for rule in rules()]
    wanted = {name for query in queries for name in series_in(query)}
    recorded = {rule["record"] for rule in rules() if "record" in rule}

    async with httpx.AsyncClient(timeout=30) as scraper, prometheus_of(url) as prometheus:

        async def are_all_told() -> bool:
            return wanted - recorded - ONLY_WHEN_SOMETHING_FAILS <= told((await scraper.get(url)).text)

        await until(are_all_told)
        refused = [query for query in queries if await answer(prometheus, query) != "success"]
        health = (await prometheus.get("/api/v1/rules")).json()["data"]["groups"]

        async def found() -> object:
            query = 'tenure_http_requests_total{route="/v1/subscriptions", status="201"} > 0'
            return (await prometheus.get("/api/v1/query", params={"query": query})).json()["data"]["result"]

        await until(found)

    assert refused == []
    assert len([rule for group in health for rule in group["rules"]]) == len(rules())
    assert [rule["lastError"] for group in health for rule in group["rules"] if rule.get("lastError")] == []
