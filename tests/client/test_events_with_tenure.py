"""docs/events.md before a real Tenure: endpoints, the feed, and the same by curl."""

import asyncio
import os
import re
from pathlib import Path
from shutil import which
from typing import Any

import pytest

from sandbox.stack import Addresses
from tenure.client import AsyncTenure, Conflict, Person, Tenure
from tests.harness.names import a_name

PAGE = (Path(__file__).parents[2] / "docs" / "events.md").read_text(encoding="utf-8")
ADDING, _, READING = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
[CURL] = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
SHOWN, NOWHERE = "https://app.example.com/hooks/tenure", "http://127.0.0.1:9/hooks"
"""Nobody listens there, and no name has to be resolved."""


async def run(code: str, social: Addresses, **given: Any) -> list[tuple[Any, ...]]:
    """What the code prints."""
    printed: list[tuple[Any, ...]] = []
    code = code.replace("https://tenure.example.com", social.api_url).replace(SHOWN, NOWHERE)
    names = {"Tenure": Tenure, "key": social.admin_key, "print": lambda *some: printed.append(some)} | given
    await asyncio.to_thread(exec, compile(code, "docs/events.md", "exec"), names)
    return printed


async def test_an_endpoint_is_added_looked_after_and_deleted(social: Addresses, tenure: AsyncTenure) -> None:
    [(secret,)] = await run(ADDING, social)
    assert secret.startswith("whsec_")
    [found] = [one async for one in tenure.webhook_endpoints() if one.types == ("subscription.past_due",)]
    try:
        changed = await tenure.update_webhook_endpoint(found.id, types=["trial.ending"], state="disabled")
        assert (changed.types, changed.disabled_reason) == (("trial.ending",), "operator")
        with pytest.raises(Conflict):
            await tenure.recover_deliveries(found.id, found.created_at)
        assert (await tenure.rotate_webhook_secret(found.id)).secret not in (None, secret)
        assert [one async for one in tenure.deliveries(found.id)] == []
    finally:
        await tenure.delete_webhook_endpoint(found.id)


async def test_the_feed_tells_what_has_happened_and_goes_on_from_its_cursor(
    social: Addresses, tenure: AsyncTenure, name: str
) -> None:
    made = await tenure.start_trial(Person(name, f"{name}@example.com"), "pro")
    mine = [one async for one in tenure.events(subscription=made.id)]

    assert [one.type for one in mine] == ["subscription.created", "subscription.trial_started"]
    assert {one.data.customer.external_id for one in mine if one.data.customer} == {name}
    assert all(one.is_known and one.data.subscription for one in mine)
    assert [one async for one in tenure.events(after=mine[-1].cursor, subscription=made.id)] == []
    printed = await run(READING, social, cursor=None)
    assert ("subscription.trial_started", 1) in printed


@pytest.mark.skipif(which("curl") is None, reason="the page's commands are for curl")
async def test_the_commands_for_curl_do_as_told(social: Addresses, tenure: AsyncTenure) -> None:
    script = CURL.replace(SHOWN, NOWHERE).replace("first-endpoint", a_name("endpoint"))
    environment = os.environ | {"TENURE": social.api_url, "KEY": social.admin_key, "no_proxy": "*"}
    process = await asyncio.create_subprocess_exec(
        "sh", "-euc", script, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, env=environment
    )
    said = (await process.communicate())[0].decode()

    assert process.returncode == 0, said
    assert '"secret":"whsec_' in said
    assert '"next_cursor":' in said
    for one in [one async for one in tenure.webhook_endpoints() if "subscription.canceled" in one.types]:
        await tenure.delete_webhook_endpoint(one.id)
