"""`tenure usage`: rolled up by hand, and statistics in words."""

import json
from uuid import uuid4

import pytest

from domain.entitlements.usage import Action, UsageChange
from sandbox.product import Product
from sandbox.stack import Stack
from storage.usage.counting import Usage
from tenure.cli.usage import table
from tests.tenure.conftest import Terminal


@pytest.fixture
def hand(terminal: Terminal, stack: Stack) -> Terminal:
    """A terminal whose settings lead to the stack that runs."""
    terminal.settings = {
        "TENURE_DATABASE_URL": stack.addresses.database_url,
        "TENURE_TEMPORAL_ADDRESS": stack.addresses.temporal_address,
    }
    return terminal


async def test_statistics_exist_after_a_manual_roll_up(hand: Terminal, stack: Stack, product: Product) -> None:
    name = f"rolled-up-{uuid4()}"
    await product.sign_up(name)
    use = UsageChange(name, "storage_gb", 1, name, Action.SET)
    await Usage(stack.engine).use(use, stack.api_parts.entitlement_rules)

    rolled = await hand.run("usage", "rollup")
    shown = await hand.run("usage", "stats")
    as_json = await hand.run("usage", "stats", "--json")

    assert (rolled.status, shown.status, as_json.status) == (0, 0, 0), rolled.err + shown.err + as_json.err
    assert "gauges sampled" in rolled.out
    assert "deleted: " in rolled.out
    assert shown.out.splitlines()[0].split()[:3] == ["PLAN", "FEATURE", "CUSTOMERS"]
    assert "storage_gb" in {row["feature"] for row in json.loads(as_json.out)}


async def test_a_roll_up_without_settings_says_which_are_missing(terminal: Terminal) -> None:
    said = await terminal.run("usage", "rollup")

    assert said.status == 1
    assert "tenure usage rollup cannot run with these settings" in said.err
    assert "TENURE_TEMPORAL_ADDRESS is missing" in said.err
    assert "TENURE_DATABASE_URL" not in said.err


def test_where_no_statistics_are_it_says_how_to_have_some() -> None:
    assert "tenure usage rollup" in table([])[0]
