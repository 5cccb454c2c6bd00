"""Claims are renewed while their requests are in progress, and not after."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from uuid import uuid4

import pytest

from api.background import claim_renewer
from api.background.claim_renewer import ClaimRenewer
from domain.errors import GatewayUnavailable
from storage.access.idempotency import Claim
from tests.harness.patience import until


class Renewals:
    """Notes what is renewed, and may fail at first."""

    def __init__(self, *errors: Exception) -> None:
        self.seen: list[tuple[str, set[Claim]]] = []
        self._errors = list(errors)

    async def __call__(self, tenant: str, claims: Sequence[Claim]) -> None:
        if self._errors:
            raise self._errors.pop()
        self.seen.append((tenant, set(claims)))


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claim_renewer, "RENEW_EVERY", timedelta(milliseconds=1))


def a_claim(tenant: str = "default") -> Claim:
    return Claim(tenant, "key", uuid4())


async def test_claims_are_renewed_by_tenant_until_their_requests_are_answered() -> None:
    renewals, first, second, other = Renewals(), a_claim(), a_claim(), a_claim("acme")
    renewer = ClaimRenewer(renewals)

    async with renewer.running():
        with renewer.holding(first):
            with renewer.holding(second), renewer.holding(other):
                await until(lambda: ("default", {first, second}) in renewals.seen)
                await until(lambda: ("acme", {other}) in renewals.seen)
            renewals.seen.clear()
            await until(lambda: renewals.seen)
        assert renewals.seen[0] == ("default", {first})
        renewals.seen.clear()
        await asyncio.sleep(0.02)

    assert renewals.seen == []


@pytest.mark.parametrize("error", [GatewayUnavailable("away", code="database_unavailable"), RuntimeError("a fault")])
async def test_a_failed_renewal_is_tried_again(error: Exception) -> None:
    renewals, claim = Renewals(error), a_claim()
    renewer = ClaimRenewer(renewals)

    async with renewer.running():
        with renewer.holding(claim):
            await until(lambda: renewals.seen)

    assert renewals.seen[0] == ("default", {claim})
