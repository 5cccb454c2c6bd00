"""Reading subscriptions: one, and all live ones."""

from uuid import uuid4

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.subscription.lifecycle import Status
from storage.subscriptions.read_model import Subscriptions
from tests.storage.ledger import Ledger


async def test_a_subscription_is_found_by_its_id_within_its_tenant(ledger: Ledger) -> None:
    ada = await ledger.sign_up("ada")
    reader = Subscriptions(ledger.engine)

    row = await reader.get("default", ada.id)
    assert row is not None
    assert (row.id, row.customer_id, row.external_id, row.email) == (ada.id, ada.customer, "ada", "ada@example.com")
    assert (row.timezone, row.locale, row.metadata, row.amount) == ("UTC", "en", {}, 4900)
    assert await reader.get("default", ada.id.upper()) == row

    assert await reader.get("acme", ada.id) is None
    assert await reader.get("default", str(uuid4())) is None


@pytest.mark.parametrize("id_", ["", "ada", "1", "5c1f2f0e-0000-4000-8000-00000000000", "\0", "' or true --", "\ud800"])
async def test_nothing_is_found_when_the_id_is_none(engine: AsyncEngine, id_: str) -> None:
    assert await Subscriptions(engine).get("default", id_) is None


async def test_the_live_ones_of_all_tenants_come_page_by_page_each_once(ledger: Ledger) -> None:
    made = [*await ledger.sign_up_many(4), *await ledger.sign_up_many(3, "acme")]
    over = await ledger.sign_up("over", status=Status.CANCELED)
    dear = await ledger.sign_up("dear", plan="professional")
    reader = Subscriptions(ledger.engine)
    seen: list[str] = []
    while page := await reader.live(plan=None, subscription=None, after=seen[-1] if seen else None, limit=3):
        assert len(page) <= 3
        seen += [row.id for row in page]

    assert seen == sorted(it.id for it in [*made, dear])
    assert over.id not in seen
    of_plan = await reader.live(plan="professional", subscription=None, after=None, limit=3)
    assert [(row.id, row.plan, row.status) for row in of_plan] == [(dear.id, "professional", "trialing")]
    assert [row.id for row in await reader.live(plan=None, subscription=dear.id.upper(), after=None, limit=3)] == [
        dear.id
    ]
