"""Prometheus on what a process tells, and the queries that stand in files."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from ruamel.yaml import YAML

from sandbox.processes import free_port
from tests.harness.folders import data_folder
from tests.harness.patience import PATIENT, until

DEPLOY = Path(__file__).parents[2] / "deploy"
RULES = DEPLOY / "prometheus" / "rules.yaml"
DASHBOARDS = sorted((DEPLOY / "grafana").glob("*.json"))
CONFIGURATION = """
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: [{rules}]
scrape_configs:
  - job_name: tenure-worker
    static_configs: [targets: [{target}]]
"""
OURS = re.compile(r"\b(?:tenure|temporal|process)[:_][a-z0-9_:]+\b")

needs_prometheus = pytest.mark.skipif(
    shutil.which("prometheus") is None and "TESTS_ALL" not in os.environ,
    reason="Prometheus is not installed: apt install prometheus",
)


def rules() -> list[dict[str, Any]]:
    """Every rule, as it stands in the file."""
    groups = YAML(typ="safe").load(RULES)["groups"]
    return [rule for group in groups for rule in group["rules"]]


def dashboard_queries() -> Iterator[tuple[str, str]]:
    """Every query of every dashboard, with where it stands."""
    for file in DASHBOARDS:
        board = json.loads(file.read_text(encoding="utf-8"))
        for panel in board["panels"]:
            for target in panel.get("targets", ()):
                yield f"{file.stem}: {panel['title']}", target["expr"]
        for note in board["annotations"]["list"]:
            yield f"{file.stem}: {note['name']}", note["expr"]


def series_in(query: str) -> set[str]:
    """The names of the series that a query is about."""
    return set(OURS.findall(re.sub(r'"[^"]*"', "", query)))


@asynccontextmanager
async def prometheus_of(metrics_url: str) -> AsyncIterator[httpx.AsyncClient]:
    """Yield a client of a Prometheus that scrapes *metrics_url* every second, and evaluates our rules."""
    target, port = metrics_url.removeprefix("http://").removesuffix("/metrics"), free_port()
    with data_folder() as folder:
        file = folder / "prometheus.yaml"
        file.write_text(CONFIGURATION.format(rules=RULES, target=target))
        process = subprocess.Popen(  # noqa: ASYNC220, S603
            [
                shutil.which("prometheus") or "",
                f"--config.file={file}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=PATIENT) as client:
                await until(lambda: _has_scraped(client))
                yield client
        finally:
            process.kill()
            process.wait()


async def _has_scraped(client: httpx.AsyncClient) -> bool:
    try:
        answer = await client.get("/api/v1/query", params={"query": "up == 1"})
        return bool(answer.status_code == 200 and answer.json()["data"]["result"])
    except httpx.TransportError:
        return False
