"""What a command says of a file, a number or a time that it can do nothing with: what to do, and no traceback."""

import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from temporalio.service import RPCError, RPCStatusCode

from domain.errors import GatewayUnavailable, Malformed
from tenure import cli
from tenure.cli import erasures, files
from tenure.cli.dates import moment
from tenure.cli.os_errors import in_words
from tenure.cli.payload_keys import keys_needed

Typed = Callable[..., tuple[int, str]]
TOO_LONG = "x" * 300


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Typed:
    """Types a command in this process, in a folder with one file; returns its status and what it says is wrong."""
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("neither YAML nor a list", encoding="utf-8")

    def type_(*words: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["tenure", *words])
        status = cli._run()
        return status, capsys.readouterr().err

    return type_


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("up --port 70000", "a port is 1 to 65535, or 0 for a free one, not 70000"),
        ("up --port -1", "a port is 1 to 65535, or 0 for a free one, not -1"),
        ("up --data file", "file cannot be written (File exists): name another folder with --data"),
        ("up --data file/in", "file/in cannot be written (Not a directory): name another folder with --data"),
        ("travel ID 9999999999d", "a clock goes forward by more than 0s and up to 3660d, not by 9999999999d"),
        ("travel ID 3661d", "a clock goes forward by more than 0s and up to 3660d, not by 3661d"),
        ("travel ID 0d", "a clock goes forward by more than 0s and up to 3660d, not by 0d"),
        ("travel ID 7d --data file", "no sandbox is running in file: start one with `tenure up --data file`"),
        ("mails preview file", "file cannot be written (Not a directory): name another folder"),
        (f"mails preview seen --logo {TOO_LONG}.png", f"{TOO_LONG}.png cannot be read: File name too long"),
        (f"mails preview seen --locale {TOO_LONG}", f"{TOO_LONG!r} is not a locale: write it as 'de-AT'"),
        (f"catalog check {TOO_LONG}", f"{TOO_LONG}: the file cannot be read: File name too long"),
        ("webhooks list --limit 99999999999999999999", "the limit must be from 1 to 10000"),
        (
            "customers put-back ID --external-id ada --email ada",
            "--email 'ada': this is not an email address: ",
        ),
        (
            "customers put-back ID --external-id ada --email ada@example.com --timezone Mars",
            "--timezone 'Mars': 'Mars' is not a time zone; use an IANA name such as 'Europe/Berlin'",
        ),
        (
            "customers put-back ID --external-id ada/banner --email ada@example.com",
            "--external-id 'ada/banner': an id must not end in '/banner': it would be ambiguous in a URL path",
        ),
        (
            "customers put-back ID --external-id ada --email ada@example.com --locale English(UK)",
            "--locale 'English(UK)': 'English(UK)' is not a language tag",
        ),
    ],
)
def test_it_says_what_to_do(typed: Typed, words: str, said: str) -> None:
    status, err = typed(*words.split())
    assert status == 1
    assert err.startswith(f"tenure: {said}")
    assert "Traceback" not in err


def test_a_unit_of_an_add_on_is_a_number_that_can_be_bought(typed: Typed) -> None:
    status, err = typed("simulate", "--plan", "starter", "--add-on", f"users={'9' * 5000}")
    assert status == 2
    assert "is not an add-on: write it as users=2" in err


def test_erasures_are_not_written_where_no_folder_is(typed: Typed, monkeypatch: pytest.MonkeyPatch) -> None:
    async def export() -> str:
        return "a line\n"

    monkeypatch.setattr(erasures, "_export", export)
    status, err = typed("erasures", "export", "missing/list")
    assert status == 1
    assert err == (
        "tenure: missing/list cannot be written (No such file or directory): name a file in a folder that is there\n"
    )


def test_what_the_system_refuses_is_the_last_to_be_said_in_words(typed: Typed, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_file: Path) -> str:
        raise PermissionError(13, "Permission denied", "policy.yaml")

    monkeypatch.setattr(files, "check_policy", refuse)
    assert typed("policy", "check", "policy.yaml") == (1, "tenure: policy.yaml: Permission denied\n")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (FileExistsError(17, "File exists", "a", None, "b"), "a, b: File exists"),
        (ConnectionRefusedError(111, "Connection refused"), "Connection refused"),
        (OSError("several were tried"), "several were tried"),
        (TimeoutError(), "TimeoutError"),
    ],
)
def test_an_error_of_the_system_has_no_number(error: OSError, words: str) -> None:
    assert in_words(error) == words


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_a_moment_that_is_in_no_calendar_in_utc_is_none(text: str) -> None:
    with pytest.raises(Malformed, match="is not a point in time"):
        moment(text, field="since")


class Elsewhere:
    """Temporal, where the namespace of the settings is not."""

    async def list_workflows(self, _query: str) -> AsyncIterator[Any]:
        raise RPCError("Namespace billing is not found.", RPCStatusCode.NOT_FOUND, b"")
        yield


async def test_keys_of_a_namespace_that_there_is_not_cannot_be_counted() -> None:
    client: Any = Elsewhere()
    with pytest.raises(GatewayUnavailable, match=r"Namespace billing is not found.*check TENURE_TEMPORAL_NAMESPACE"):
        await keys_needed(client)
