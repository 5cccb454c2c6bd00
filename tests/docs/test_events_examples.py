"""What docs/events.md shows runs, and its schedule is the one that is kept."""

import asyncio
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI

from domain.events.deliveries import SCHEDULE
from tests.client.test_events import PAST_DUE, SECRET, sent

PAGE = (Path(__file__).parents[2] / "docs" / "events.md").read_text(encoding="utf-8")
_, RECEIVING, _ = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
UNITS = {"s": 1, "min": 60, "h": 3600}


def test_the_schedule_is_the_one_that_is_kept() -> None:
    [told] = re.findall(r"at once, then after\s(.*?), each counted", PAGE, re.DOTALL)
    pauses = [int(number) * UNITS[unit] for number, unit in re.findall(r"(\d+) (s|min|h)\b", told)]
    assert [0, *pauses] == [each.total_seconds() for each in SCHEDULE]


async def test_the_receiver_shown_takes_what_tenure_sends_and_refuses_the_rest() -> None:
    printed: list[tuple[Any, ...]] = []
    given: dict[str, Any] = {"secret": SECRET, "print": lambda *some: printed.append(some)}
    await asyncio.to_thread(exec, compile(RECEIVING, "docs/events.md", "exec"), given)
    app = given["app"]
    assert isinstance(app, FastAPI)
    body, headers = sent(PAST_DUE, at=datetime.now(UTC))

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://product") as product:
        taken = await product.post("/hooks/tenure", content=body, headers=headers)
        refused = await product.post("/hooks/tenure", content=body + b" ", headers=headers)

    assert (taken.status_code, refused.status_code) == (204, 400)
    assert printed == [("ada", "full")]
