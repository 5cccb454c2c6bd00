"""`tenure policy migrate` on subscriptions that run."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from uuid import uuid4

import pytest

from domain.names import subscription_workflow_id
from sandbox.product import Product
from sandbox.stack import Stack
from tests.harness.lives import Life
from tests.tenure.conftest import Terminal

PATIENT = """
version: patient
trial: {reminders: [5]}
"""
Begin = Callable[[str], Awaitable[Life]]


@pytest.fixture
def file(terminal: Terminal, stack: Stack) -> Path:
    """A policy, in a terminal whose settings lead to the stack that runs."""
    terminal.settings = {
        "TENURE_DATABASE_URL": stack.addresses.database_url,
        "TENURE_TEMPORAL_ADDRESS": stack.addresses.temporal_address,
    }
    file = terminal.folder / "patient.yaml"
    file.write_text(PATIENT)
    return file


@pytest.fixture
def begin(product: Product) -> Begin:
    async def begin(plan: str) -> Life:
        return await Life.begun(product, f"migrated-{uuid4()}", plan=plan)

    return begin


def write(file: Path, policy: str) -> None:
    file.write_text(policy)


async def adoptions(life: Life) -> list[dict[str, str]]:
    """Details of each time that a policy was adopted."""
    return [entry["details"] for entry in await life.past() if entry["kind"] == "policy_adopted"]


async def test_one_subscription_is_moved_and_the_same_again_changes_nothing(
    terminal: Terminal, file: Path, begin: Begin
) -> None:
    life, other = await begin("starter"), await begin("starter")

    would = await terminal.run("policy", "migrate", str(file), "--subscription", life.id, "--dry-run")
    assert (would.status, await adoptions(life)) == (0, [])
    assert f"{life.id}  starter        trialing   default -> patient" in would.out
    assert would.out.endswith("1 would move to policy patient, 0 failed\n")

    first = await terminal.run("policy", "migrate", str(file), "--subscription", life.id)
    again = await terminal.run("policy", "migrate", str(file), "--subscription", life.id)

    assert (first.status, again.status) == (0, 0), first.err + again.err
    assert "default -> patient" in first.out
    assert "patient -> patient" in again.out
    assert await adoptions(life) == [{"from": "default", "to": "patient"}]
    adopted = (await life.past())[-1]
    assert (adopted["cause"]["kind"], adopted["cause"]["actor"]) == ("command", "operator tenure policy migrate")
    assert await adoptions(other) == []


async def test_the_same_version_with_other_words_is_another_policy(
    terminal: Terminal, file: Path, begin: Begin
) -> None:
    life = await begin("starter")
    await terminal.run("policy", "migrate", str(file), "--subscription", life.id)
    write(file, PATIENT.replace("[5]", "[6, 2]"))

    said = await terminal.run("policy", "migrate", str(file), "--subscription", life.id)

    assert said.status == 0
    assert len(await adoptions(life)) == 2
    assert (await life.ahead()).count("send_reminder") == 2


async def test_a_subscription_comes_back_to_a_policy_that_it_had(terminal: Terminal, file: Path, begin: Begin) -> None:
    life = await begin("starter")
    other = terminal.folder / "hasty.yaml"
    write(other, PATIENT.replace("patient", "hasty"))

    for policy in (file, other, file, other):
        said = await terminal.run("policy", "migrate", str(policy), "--subscription", life.id)
        assert said.status == 0, said.err

    moves = [("default", "patient"), ("patient", "hasty"), ("hasty", "patient"), ("patient", "hasty")]
    assert await adoptions(life) == [{"from": was, "to": to} for was, to in moves]


async def test_subscriptions_of_a_plan_are_moved_and_a_lost_workflow_is_reported(
    terminal: Terminal, file: Path, begin: Begin, stack: Stack
) -> None:
    here, gone, over, other = [await begin(plan) for plan in ("enterprise", "enterprise", "enterprise", "starter")]
    await over.command("cancel", at="now")
    await stack.client.get_workflow_handle(subscription_workflow_id(gone.id)).terminate("lost in an accident")

    said = await terminal.run("policy", "migrate", str(file), "--plan", "enterprise")

    assert said.status == 1
    assert f"{gone.id}  enterprise     trialing   FAILED: its workflow is gone" in said.out
    assert said.out.endswith("to policy patient, 1 failed\n")
    assert [len(await adoptions(life)) for life in (here, gone, over, other)] == [1, 0, 0, 0]


async def test_what_is_invalid_is_reported_before_anything_is_moved(terminal: Terminal, file: Path) -> None:
    nobody = await terminal.run("policy", "migrate", str(file), "--subscription", str(uuid4()))
    write(file, PATIENT.replace("[5]", "[-5]"))
    wrong = await terminal.run("policy", "migrate", str(file))
    terminal.settings = {}
    write(file, PATIENT)
    nowhere = await terminal.run("policy", "migrate", str(file))

    assert (nobody.status, wrong.status, nowhere.status) == (1, 1, 1)
    assert "there is no running subscription" in nobody.err
    assert f"{file}:3: " in wrong.err
    assert "TENURE_DATABASE_URL is missing" in nowhere.err
