"""An admin extends forty trials by one command, as three of them refuse; paused and resumed on the way."""

import asyncio

import pytest

from sandbox.stack import Stack
from storage.access.api_keys import Role
from storage.access.console_sessions import new_sign_in_link
from storage.access.operators import OperatorRole, Operators
from tests.browser.conftest import Arrive
from tests.harness.callers import Caller
from tests.harness.names import named_after

CHOSEN, REFUSING = 40, 3


async def forty_trials(stack: Stack, tenant: str) -> None:
    """Trials of a tenant of its own; some are set to be canceled, and so cannot be extended."""
    async with Caller.of_role(stack, Role.ADMIN, tenant=tenant) as admin:
        made = await asyncio.gather(*(admin.signed_up(f"{tenant}-{number}") for number in range(CHOSEN)))
        for one in made[:REFUSING]:
            assert (await admin.command(one["id"], "cancel")).status_code == 200


async def test_forty_trials_are_extended_but_for_three_with_a_pause_on_the_way(
    arrive: Arrive, stack: Stack, request: pytest.FixtureRequest
) -> None:
    tenant = named_after(request)
    await forty_trials(stack, tenant)
    operator, _ = await Operators(stack.engine).add(f"{tenant}@example.com", OperatorRole.ADMIN, tenant=tenant)
    visitor = await arrive()
    await visitor.opens(await new_sign_in_link(stack.engine, operator, stack.addresses.api_url))
    await visitor.presses("Sign in")

    await visitor.opens("/console/bulk")
    await visitor.sees_here("no bulk runs", "There is no run yet.")
    await visitor.opens("/console/subscriptions?status=trialing")
    await visitor.presses("Do something with all of them", role="link")
    await visitor.sees_here("new bulk run", "status: trialing", "What is to be done?")
    await visitor.presses("Preview")
    await visitor.sees_here("new bulk run without a choice", "Choose what is to be done.")
    await visitor.chooses("kind", "extend_trial")
    await visitor.writes("By how many days", "7")
    await visitor.types("Preview")
    await visitor.sees_here(
        "bulk preview", "40 subscriptions chosen: it would be done for 37, and 3 refuse.", "cancellation_scheduled"
    )

    await visitor.writes("How many will it be done for?", "40")
    await visitor.writes("Why?", "the outage of Monday")
    await visitor.presses("Start")
    await visitor.sees_here("bulk preview with another number", "37 subscriptions would be changed now")
    await visitor.writes("How many will it be done for?", "37")
    await visitor.presses("Start")
    await visitor.waits_for("running")
    await visitor.presses("Pause")
    await visitor.sees_here("paused bulk run", "paused", "the outage of Monday", "cancellation_scheduled")
    await visitor.types("Resume")
    await visitor.waits_for("finished")
    await visitor.sees_here("finished bulk run", "Nothing undoes it.", "40 of 40")
    await visitor.presses("Bulk", role="link")
    await visitor.sees_here("bulk runs", "extend trials by 7 days", "37 done, 3 refused")
