"""Alerts and dashboards ask for what processes tell, and each alert has a runbook."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from domain.subscription.agenda import Action
from tests.docs.links import anchors
from tests.harness.prometheus import DASHBOARDS, RULES, dashboard_queries, needs_prometheus, rules, series_in

ROOT = Path(__file__).parents[2]
PROMTOOL = shutil.which("promtool") or ""
RUNBOOKS = ROOT / "docs" / "operations.md"
ALERTS = {rule["alert"]: rule for rule in rules() if "alert" in rule}
RECORDED = {rule["record"] for rule in rules() if "record" in rule}
QUERIES = {**dict(dashboard_queries()), **{rule.get("alert") or rule["record"]: rule["expr"] for rule in rules()}}
WIRE = json.loads((ROOT / "tests/contracts/wire_names.json").read_text())
LABELS = WIRE["operations"]["metrics"]
KINDS = {line.partition(":")[0] for line in WIRE["recorded"]["journal"]}
"""Of journal entries, as stories have recorded them."""
OF_THE_SCRAPER = {"job", "instance"}
OF_THE_SDK = "temporal_"
"""Whose labels are the Temporal SDK's."""
MATCHED = re.compile(r"(\w+)\{([^}]*)\}")
MATCHER = re.compile(r'(\w+)\s*(?:=~|!~|!=|=)\s*"([^"]*)"')


@needs_prometheus
@pytest.mark.parametrize(
    "words", [("check", "rules", "rules.yaml"), ("test", "rules", "tests.yaml", "tests_of_days.yaml")]
)
def test_promtool_finds_nothing_wrong(words: tuple[str, ...]) -> None:
    said = subprocess.run([PROMTOOL, *words], cwd=RULES.parent, capture_output=True, text=True, check=False)  # noqa: S603
    assert said.returncode == 0, said.stdout + said.stderr


def test_every_alert_is_shown_to_fire_and_to_stay_quiet() -> None:
    tested = "".join((RULES.parent / name).read_text() for name in ("tests.yaml", "tests_of_days.yaml"))
    for name in ALERTS:
        assert f"name: {name} fires" in tested, name
        assert f"name: {name} stays quiet" in tested, name


@pytest.mark.parametrize("name", ALERTS)
def test_every_alert_says_how_urgent_it_is_and_has_a_runbook(name: str) -> None:
    alert = ALERTS[name]
    page, _, section = alert["annotations"]["runbook"].partition("#")

    assert alert["labels"]["severity"] in ("page", "ticket")
    assert alert["annotations"]["summary"]
    assert ROOT / page == RUNBOOKS
    assert section == name.lower()
    assert section in anchors(RUNBOOKS)


def test_every_runbook_is_of_an_alert() -> None:
    assert set(re.findall(r"^### (Tenure\w+)$", RUNBOOKS.read_text(encoding="utf-8"), re.MULTILINE)) == set(ALERTS)


@pytest.mark.parametrize("where", QUERIES)
def test_every_query_is_about_series_and_labels_that_are_told(where: str) -> None:
    query = QUERIES[where]
    for name in series_in(query):
        assert name in LABELS or name in RECORDED or name.startswith(OF_THE_SDK), name
    for name, matchers in MATCHED.findall(query):
        known = {*LABELS.get(name, ()), *OF_THE_SCRAPER}
        for label, value in MATCHER.findall(matchers):
            assert name.startswith(OF_THE_SDK) or name == "up" or label in known, (name, label)
            if label == "action":
                assert {*value.split("|")} <= {action.value for action in Action}
            if name == "tenure_journal_entries_total":
                assert {*value.split("|")} <= KINDS


def test_every_series_that_is_told_is_listed_for_operators() -> None:
    page = RUNBOOKS.read_text(encoding="utf-8")
    families = {re.sub(r"_(bucket|count|sum)$", "", name) for name in LABELS if name.startswith("tenure_")}
    assert [name for name in sorted(families) if f"`{name}`" not in page] == []


def test_dashboards_can_be_imported_beside_each_other() -> None:
    boards = [json.loads(file.read_text(encoding="utf-8")) for file in DASHBOARDS]

    assert len({board["uid"] for board in boards}) == len(boards) >= 4
    for board in boards:
        ids = [panel["id"] for panel in board["panels"]]
        places = [tuple(panel["gridPos"].values()) for panel in board["panels"]]
        assert len(set(ids)) == len(ids)
        assert len(set(places)) == len(places)
        for panel in board["panels"]:
            assert panel["type"] == "row" or panel["datasource"]["uid"] == "${datasource}"
