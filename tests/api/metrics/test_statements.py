"""However much there is, a report is read with few statements."""

import httpx
import pytest

from domain.subscription.lifecycle import Status
from tests.api.metrics.conftest import on
from tests.storage.ledger import Ledger, a_step, later

OUTCOMES = ("trials?group=plan", "recovery?group=tries", "cancellations?group=reason_code")
REPORTS = (
    "overview",
    "mrr",
    "mrr?group=plan",
    "movements?group=plan",
    "customers?group=plan",
    "churn",
    "cohorts?group=plan",
    *OUTCOMES,
)
MOST = 8


@pytest.mark.usefixtures("lives")
@pytest.mark.parametrize("report", REPORTS)
async def test_more_plans_currencies_and_customers_take_no_more_statements(
    api: httpx.AsyncClient, ledger: Ledger, sent: list[str], report: str
) -> None:
    counts = []
    for name, changes in (("lena", {}), ("kai", {"plan": "twin"}), ("tom", {"currency": "eur"})):
        await ledger.save(a_step(later(await ledger.sign_up(name, **changes), status=Status.ACTIVE), at=on(2)))
        sent.clear()
        answer = await api.get(f"/v1/metrics/{report}")
        assert answer.status_code == 200, answer.text
        counts.append(len(sent))

    assert len(set(counts)) == 1
    assert counts[0] <= MOST
