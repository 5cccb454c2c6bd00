"""The README's five minutes with curl, typed in as a newcomer would."""

import asyncio
import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from shutil import which
from typing import Any

import pytest

from tests.tenure.conftest import Terminal
from tests.tenure.test_up import up

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
STATUS_TO_STDERR = 'curl() { command curl -w "%{stderr}%{http_code}\\n" "$@"; }\n'


def commands() -> str:
    """The section's only shell block."""
    section = README.partition("## Five minutes with curl\n")[2].partition("\n## ")[0]
    [block] = re.finditer(r"```sh\n(.*?)```", section, re.DOTALL)
    return block.group(1)


@pytest.mark.skipif(which("curl") is None, reason="the README's commands are for curl")
async def test_the_readme_does_what_it_says_when_its_commands_are_typed_in(terminal: Terminal) -> None:
    (terminal.folder / ".venv").symlink_to(sys.prefix)
    async with up(terminal, data=".tenure"):
        shell = await asyncio.create_subprocess_exec(
            *("bash", "-euo", "pipefail", "-c", STATUS_TO_STDERR + commands()),
            cwd=terminal.folder,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = (said.decode() for said in await shell.communicate())

    assert (shell.returncode, err.split()) == (0, ["201", "200", "200", "429", "200", "200", "200", "200", "200"])
    signed_up, entitlement, used, refused, converted, repaid = (one for one in documents(out) if len(one) > 1)
    assert (signed_up["status"], "send_reminder") == ("trialing", signed_up["next_actions"][0]["action"])
    assert entitlement["feature"] == "custom_fields"
    assert (used["used"], refused["code"]) == (8, "limit_reached")
    assert (converted["status"], converted["amount"]) == ("active", 4900)
    assert re.search(r"^.*7 days left.*$", out, re.MULTILINE), "the mail of the first reminder"
    timeline = re.findall(r"^(\d{4}-\S+) (\S+) (\w+) - .+$", out, re.MULTILINE)
    assert {"command", "timer", "ahead"} <= {cause for _, cause, _ in timeline}
    assert [at for at, cause, _ in timeline if cause != "ahead"] == sorted(
        at for at, cause, _ in timeline if cause != "ahead"
    )
    assert "payment_failed" in {kind for _, _, kind in timeline}
    assert (repaid["status"], repaid["access"]) == ("active", "full"), "a new card is charged at once"


def documents(out: str) -> Iterator[Mapping[str, Any]]:
    """The JSON documents that stand between other lines."""
    decoder, start = json.JSONDecoder(), out.find("{")
    while start >= 0:
        found, end = decoder.raw_decode(out, start)
        yield found
        start = out.find("{", end)
