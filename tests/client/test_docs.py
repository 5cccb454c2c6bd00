"""docs/client.md says what is so: its code runs, and its tables are whole."""

import asyncio
import re
from pathlib import Path
from typing import Annotated, Any

import httpx
from fastapi import FastAPI
from pydantic import BaseModel

import tenure.client
from sandbox.serving import serve
from sandbox.stack import Addresses
from tests.client.test_package import methods_of
from tests.harness.names import a_name
from tests.harness.patience import PATIENT

PAGE = (Path(tenure.client.__file__).parents[2] / "docs" / "client.md").read_text()
START, SUBSCRIPTIONS, GATES = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


class Order(BaseModel):
    count: int


def test_the_table_of_methods_has_them_all() -> None:
    [table] = re.findall(r"\| for \| methods \|\n(.*?)\n\n", PAGE, re.DOTALL)

    assert set(re.findall(r"`(\w+)`", table)) == methods_of(tenure.client.Tenure) - {"close", "invalidate"}


def test_the_tree_of_errors_has_them_all() -> None:
    [tree] = re.findall(r"```\nTenureError\n(.*?)```", PAGE, re.DOTALL)
    errors = {name for name in tenure.client.__all__ if issubclass_of_error(name)}

    assert set(re.findall(r"\b[A-Z]\w+[a-z]\b", tree)) >= errors - {"TenureError"}


async def test_the_first_five_minutes_go_as_told(social: Addresses) -> None:
    code = START.replace('"https://tenure.example.com"', repr(social.api_url)).replace(", key)", ", KEY)", 1)
    name = a_name("user")
    code = code.replace("user-1815", name).replace("ada@example.com", f"{name}@example.com")
    printed: list[object] = []
    given: dict[str, Any] = {"KEY": social.admin_key, "print": lambda *some: printed.extend(some)}

    await asyncio.to_thread(exec, compile(code, "docs/client.md", "exec"), given)
    assert printed == [49, None]

    code = SUBSCRIPTIONS.replace("user-1815", name)
    await asyncio.to_thread(exec, compile(code, "docs/client.md", "exec"), given)
    canceled = await asyncio.to_thread(given["tenure"].subscription, tenure.client.OfCustomer(name))
    given["tenure"].close()

    assert (canceled.cancel_at, canceled.reason_code) == (canceled.trial_ends_at, "unused")


async def test_the_gates_shown_are_gates(social: Addresses) -> None:
    app, name = FastAPI(), a_name("user")
    given: dict[str, Any] = {"app": app, "Order": Order, "Annotated": Annotated}
    given |= {"url": social.api_url, "key": social.admin_key, "current_user_id": lambda: name}
    exec(compile(GATES, "docs/client.md", "exec"), given)  # noqa: S102

    home = httpx.AsyncClient(trust_env=False, timeout=PATIENT)
    async with given["gate"]._tenure, serve(app) as url, home as user:
        answers = [
            await user.get(f"{url}/inbox"),
            await user.get(f"{url}/report"),
            await user.post(f"{url}/images", json={"count": 6}),
        ]

    assert [one.json()["code"] for one in answers] == ["feature_not_in_plan", "plan_required", "limit_reached"]


def issubclass_of_error(name: str) -> bool:
    one = getattr(tenure.client, name)
    return isinstance(one, type) and issubclass(one, tenure.client.TenureError)
