"""Operators: one for each address of a tenant, and never without an admin once there is one."""

import asyncio
from datetime import timedelta

import pytest
import pytest_asyncio

from domain.errors import Rejected
from storage.access.operators import OperatorRole, Operators
from storage.access.tenants import Tenants
from storage.access.web_sessions import Destination, WebRole, WebSessions
from tests.storage.ledger import Ledger

ADMIN, OPERATOR, READ_ONLY = OperatorRole.ADMIN, OperatorRole.OPERATOR, OperatorRole.READ_ONLY


@pytest_asyncio.fixture
async def operators(ledger: Ledger) -> Operators:
    for tenant in ("acme", "other"):
        await Tenants(ledger.engine).add(tenant, tenant)
    return Operators(ledger.engine)


async def test_an_operator_is_known_by_address_in_whatever_case(operators: Operators) -> None:
    added, before = await operators.add("Ada@Example.com", ADMIN, tenant="acme", name="Ada")
    again, earlier = await operators.add("ada@example.COM", ADMIN, tenant="acme")

    assert before is None
    assert (added.email, added.role, added.name, added.disabled_at) == ("ada@example.com", ADMIN, "Ada", None)
    assert again == earlier == added
    assert await operators.list("acme") == [added]


async def test_the_same_address_is_another_operator_of_another_tenant(operators: Operators) -> None:
    ours, _ = await operators.add("ada@example.com", ADMIN, tenant="acme")
    theirs, _ = await operators.add("ada@example.com", READ_ONLY, tenant="other")

    assert ours.id != theirs.id
    assert await operators.list("acme") == [ours]


async def test_adding_again_changes_the_role_and_keeps_the_name(operators: Operators) -> None:
    await operators.add("ada@example.com", ADMIN, tenant="acme")
    await operators.add("grace@example.com", READ_ONLY, tenant="acme", name="Grace")

    after, before = await operators.add("grace@example.com", OPERATOR, tenant="acme")

    assert before is not None
    assert (before.role, after.role, after.name) == (READ_ONLY, OPERATOR, "Grace")


async def test_a_disabled_operator_is_listed_and_may_be_added_again(operators: Operators) -> None:
    await operators.add("ada@example.com", ADMIN, tenant="acme")
    await operators.add("grace@example.com", OPERATOR, tenant="acme")

    disabled = await operators.disable("Grace@example.com", tenant="acme")
    assert disabled.disabled_at is not None
    assert await operators.disable("grace@example.com", tenant="acme") == disabled
    assert disabled in await operators.list("acme")

    back, before = await operators.add("grace@example.com", OPERATOR, tenant="acme")
    assert before == disabled
    assert back.disabled_at is None


async def test_the_last_admin_can_be_neither_disabled_nor_given_another_role(operators: Operators) -> None:
    await operators.add("ada@example.com", ADMIN, tenant="acme")
    await operators.add("grace@example.com", ADMIN, tenant="acme")
    await operators.add("elsewhere@example.com", ADMIN, tenant="other")
    await operators.disable("grace@example.com", tenant="acme")

    for doing in (
        operators.disable("ada@example.com", tenant="acme"),
        operators.add("ada@example.com", OPERATOR, tenant="acme"),
    ):
        with pytest.raises(Rejected) as refused:
            await doing
        assert refused.value.code == "last_admin"
    assert [one.email for one in await operators.list("acme") if one.disabled_at is None] == ["ada@example.com"]


async def test_of_two_admins_who_are_disabled_at_the_same_time_one_stays(operators: Operators) -> None:
    names = [f"admin{number}@example.com" for number in range(4)]
    for name in names:
        await operators.add(name, ADMIN, tenant="acme")

    outcomes = await asyncio.gather(*(operators.disable(name, tenant="acme") for name in names), return_exceptions=True)

    assert [one.code for one in outcomes if isinstance(one, Rejected)] == ["last_admin"]
    assert len([one for one in await operators.list("acme") if one.disabled_at is None]) == 1


async def test_an_unknown_address_cannot_be_disabled(operators: Operators) -> None:
    await operators.add("ada@example.com", ADMIN, tenant="other")

    with pytest.raises(Rejected) as refused:
        await operators.disable("ada@example.com", tenant="acme")

    assert refused.value.code == "unknown_operator"


async def test_an_operator_is_of_a_tenant_that_there_is(ledger: Ledger, operators: Operators) -> None:
    with pytest.raises(Rejected) as refused:
        await operators.add("ada@example.com", ADMIN, tenant="nobody")

    assert refused.value.code == "unknown_tenant"
    assert await ledger.count("operators") == 0


@pytest.mark.parametrize("how", ["disabled", "another role", "same role"])
async def test_sessions_end_with_the_role_that_they_began_with(ledger: Ledger, operators: Operators, how: str) -> None:
    await operators.add("ada@example.com", ADMIN, tenant="acme")
    grace, _ = await operators.add("grace@example.com", OPERATOR, tenant="acme")
    sessions = WebSessions(ledger.engine, WebRole.OPERATOR)
    await sessions.create_link("one", Destination("acme", grace.id), timedelta(minutes=5))
    await sessions.create_link("another", Destination("acme", grace.id), timedelta(minutes=5))
    token, _ = await sessions.enter("one")
    assert await sessions.session(token) is not None

    if how == "disabled":
        await operators.disable("grace@example.com", tenant="acme")
    else:
        role = READ_ONLY if how == "another role" else OPERATOR
        await operators.add("grace@example.com", role, tenant="acme")

    stays = how == "same role"
    assert (await sessions.session(token) is not None) is stays
    assert await ledger.count("web_links") == (2 if stays else 0)
