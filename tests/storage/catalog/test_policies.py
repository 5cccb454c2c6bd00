"""Published policies: no two under one version."""

import asyncio
from dataclasses import replace

import pytest
from sqlalchemy import text

from domain.errors import Rejected
from domain.subscription.policy import DEFAULT_POLICY, Policy
from storage.catalog.policies import Policies, policy_from_json, policy_to_json
from storage.db.engine import transaction
from tests.harness.catalogs import shipped_policy
from tests.storage.ledger import Ledger

LONGER = replace(DEFAULT_POLICY, trial=replace(DEFAULT_POLICY.trial, days=30))


@pytest.mark.parametrize("policy", [shipped_policy(), DEFAULT_POLICY, LONGER], ids=["shipped", "default", "longer"])
def test_a_policy_comes_back_as_it_was_published(policy: Policy) -> None:
    assert policy_from_json(policy_to_json(policy)) == policy


async def test_a_policy_is_published_once_and_another_under_its_version_is_refused(ledger: Ledger) -> None:
    policies = Policies(ledger.engine)
    assert await policies.publish(DEFAULT_POLICY)
    assert not await policies.publish(DEFAULT_POLICY)

    with pytest.raises(Rejected, match="another version") as refused:
        await policies.publish(LONGER)

    assert refused.value.code == "policy_differs"
    await policies.check(DEFAULT_POLICY)


async def test_an_earlier_release_left_out_what_it_did_not_know(ledger: Ledger) -> None:
    policies = Policies(ledger.engine)
    await policies.publish(DEFAULT_POLICY)
    async with transaction(ledger.engine) as connection:
        await connection.execute(text("update policy_versions set content = content - 'self_service'"))

    assert not await policies.publish(DEFAULT_POLICY)


async def test_a_policy_of_the_same_version_is_replaced_on_request_and_then_the_former_is_refused(
    ledger: Ledger,
) -> None:
    policies = Policies(ledger.engine)
    await policies.publish(DEFAULT_POLICY)

    assert await policies.publish(LONGER, in_place=True)

    await policies.check(LONGER)
    with pytest.raises(Rejected):
        await policies.check(DEFAULT_POLICY)


async def test_what_is_not_published_differs_from_nothing(ledger: Ledger) -> None:
    await Policies(ledger.engine).check(replace(DEFAULT_POLICY, version="nobody's"))


async def test_of_two_processes_that_start_at_once_with_different_policies_one_is_refused(ledger: Ledger) -> None:
    told = await asyncio.gather(
        *(Policies(ledger.engine).publish(policy) for policy in (DEFAULT_POLICY, LONGER)), return_exceptions=True
    )

    assert [type(each) for each in told if isinstance(each, BaseException)] == [Rejected]
    assert told.count(True) == 1
