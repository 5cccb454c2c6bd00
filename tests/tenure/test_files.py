"""Checking files, and commands that cannot run."""

from pathlib import Path

import pytest

from tests.harness.catalogs import CATALOG, POLICY
from tests.tenure.conftest import Terminal


async def test_a_valid_catalog_is_described_in_words(terminal: Terminal) -> None:
    said = await terminal.run("catalog", "check", str(CATALOG))

    assert said.status == 0
    assert "starter: Starter, $49.00 a month" in said.out


async def test_a_valid_policy_is_described_in_words(terminal: Terminal) -> None:
    said = await terminal.run("policy", "check", str(POLICY))

    assert said.status == 0
    assert "day 14: retry, else suspend and mail" in said.out


@pytest.mark.parametrize(
    ("command", "file", "line", "wrong", "words"),
    [
        ("catalog", CATALOG, "month: 49.00", "month: forty-nine", "month"),
        ("policy", POLICY, "days: 14", "days: -3", "days"),
    ],
)
async def test_an_invalid_file_is_reported_with_its_line(
    terminal: Terminal, command: str, file: Path, line: str, wrong: str, words: str
) -> None:
    text = file.read_text()  # noqa: ASYNC240 - of a few kilobytes
    number = text[: text.index(line)].count("\n") + 1
    bad = terminal.folder / "bad.yaml"
    bad.write_text(text.replace(line, wrong, 1))

    checked = await terminal.run(command, "check", str(bad))
    started = await terminal.run("up", "--data", "stack", "--port", "0", f"--{command}", str(bad))

    for said in (checked, started):
        assert said.status == 1
        assert f"{bad}:{number}: " in said.err
        assert words in said.err
        assert "Traceback" not in said.err
    assert not (terminal.folder / "stack" / "stack.json").exists()


@pytest.mark.parametrize(
    "command",
    [
        ("catalog", "check", str(CATALOG), "--policy"),
        ("policy", "check", "--catalog", str(CATALOG)),
        ("up", "--data", "stack", "--port", "0", "--catalog", str(CATALOG), "--policy"),
    ],
    ids=["catalog-check", "policy-check", "up"],
)
async def test_a_policy_that_names_a_plan_which_the_catalog_lacks_is_refused_with_its_line(
    terminal: Terminal, command: tuple[str, ...]
) -> None:
    policy = terminal.folder / "policy.yaml"
    policy.write_text("version: spring\nself_service:\n  switch_to:\n    - starter\n    - profesional\n")

    said = await terminal.run(*command, str(policy))

    assert said.status == 1
    where = f"{policy}:5: self_service.switch_to.1: manufacturing_v1 has no plan 'profesional'"
    assert f"{where}, which customers could switch to: did you mean 'professional'?" in said.err
    assert not (terminal.folder / "stack" / "stack.json").exists()


@pytest.mark.parametrize("process", ["worker", "api", "migrate", "doctor"])
async def test_a_process_without_settings_stops_and_names_each_that_is_missing(
    terminal: Terminal, process: str
) -> None:
    said = await terminal.run(process)

    assert said.status == 1
    for name in ("TENURE_DATABASE_URL", "TENURE_TEMPORAL_ADDRESS"):
        assert f"{name} is missing" in said.out + said.err
    assert "Traceback" not in said.err


async def test_a_weak_secret_is_refused(terminal: Terminal) -> None:
    terminal.settings = {"TENURE_SECRET_KEY": "changeme"}

    said = await terminal.run("api")

    assert said.status == 1
    assert "TENURE_SECRET_KEY is still a placeholder" in said.err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("travel", "nobody", "7d"), "no sandbox is running in"),
        (("travel", "nobody", "7 days"), "is not a duration: write it as 7d"),
    ],
)
async def test_travel_says_what_is_wrong(terminal: Terminal, words: tuple[str, ...], told: str) -> None:
    if "duration" in told:
        (terminal.folder / ".tenure").mkdir()
        (terminal.folder / ".tenure" / "stack.json").write_text('{"sandbox_url": "http://127.0.0.1:9"}')

    said = await terminal.run(*words)

    assert said.status == 1
    assert told in said.err
