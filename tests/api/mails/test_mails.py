"""Mails that did not go out, over HTTP: one that was given up is sent again, and reaches its reader once."""

from typing import Any

from sqlalchemy import text

from domain.names import mail_workflow_id
from sandbox.product import Product
from sandbox.stack import Stack
from tests.harness.callers import Caller, problem_of
from tests.harness.patience import until


async def given_up(stack: Stack, product: Product, subscription: str, name: str) -> str:
    """Wait for the first mail to a customer, then have it count as given up; its id."""

    async def has_come() -> bool:
        return bool(await product.mails(name))

    await until(has_come)
    query = text(
        "UPDATE mails SET status = 'refused', why_not = 'no such address', sent_at = NULL, message_id = NULL"
        " WHERE subscription = cast(:id AS uuid) AND status = 'sent' RETURNING id"
    )
    found: list[Any] = []

    async def is_marked() -> bool:
        async with stack.engine.begin() as connection:
            found[:] = (await connection.execute(query, {"id": subscription})).scalars().all()
        return bool(found)

    await until(is_marked)
    # A delivery that has just sent it and is about to end would be taken for the one that is asked for.
    await stack.client.get_workflow_handle(mail_workflow_id(str(found[0]))).result()
    return str(found[0])


async def test_a_mail_that_was_given_up_is_sent_again_once(stack: Stack, admin: Caller, name: str) -> None:
    async with Product(stack.addresses) as product:
        made = await admin.signed_up(name)
        mail = await given_up(stack, product, made["id"], name)
        before = len(await product.mails(name))
        [listed] = [
            one
            for one in (await admin.get("/v1/mails", state="refused", limit=100)).json()["data"]
            if one["id"] == mail
        ]
        assert (listed["occasion"], listed["why_not"]) == ("trial_started", "no such address")

        for _ in range(2):
            answer = await admin.post(f"/v1/mails/{mail}/retry", {"reason": "it is right"}, key=f"{name}-retry")
            assert answer.status_code == 200, answer.text

        async def has_come_again() -> bool:
            return len(await product.mails(name)) > before

        await until(has_come_again)

        async def is_sent() -> bool:
            again = await admin.post(f"/v1/mails/{mail}/retry", {"reason": "once more"})
            return again.status_code == 409

        await until(is_sent)
        assert len(await product.mails(name)) == before + 1
        problem_of(await admin.post(f"/v1/mails/{mail}/retry", {"reason": "x"}), 409, "mail_not_retriable")


async def test_an_unknown_mail_is_not_found(admin: Caller) -> None:
    problem_of(await admin.post("/v1/mails/no-id/retry", {"reason": "a test"}), 404, "unknown_mail")
    assert (await admin.get("/v1/mails/summary")).json().keys() == {"waiting", "oldest_waiting", "given_up"}
    problem_of(await admin.get("/v1/mails", state="sent"), 422, "malformed")
