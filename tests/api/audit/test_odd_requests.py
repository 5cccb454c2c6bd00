"""What nobody would send is refused as ever, and noted without it."""

import json

import pytest

from tests.harness.callers import Caller, problem_of

ODD = {"a null character": "wr\0ng", "half a pair": "wr\ud800ng", "very much": "x" * 20_000}


@pytest.mark.parametrize("reason", list(ODD.values()), ids=list(ODD))
async def test_a_reason_that_cannot_be_kept_is_refused_and_noted_without_it(
    admin: Caller, name: str, reason: str
) -> None:
    made = await admin.signed_up(name)

    answer = await admin.send(f"/v1/subscriptions/{made['id']}/suspend", json.dumps({"reason": reason}).encode())

    problem_of(answer, 422, "malformed")
    noted = (await admin.get("/v1/audit", target=made["id"], action="suspendSubscription")).json()["data"]
    assert [(one["outcome"], one["reason"]) for one in noted] == [("refused", None)]


async def test_a_customer_whose_id_cannot_be_kept_is_refused(admin: Caller) -> None:
    answer = await admin.http.patch("/v1/customers/wr%00ng", json={"name": "Ada"})

    assert answer.status_code in (404, 422), answer.text
