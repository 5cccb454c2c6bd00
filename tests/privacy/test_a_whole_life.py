"""A customer with a mark in every field lives a whole life; after the erasure nothing has the mark any more."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from sandbox.product import Product, RefusedError
from sandbox.stack import Stack
from storage.schema.event_tables import events
from tests.harness.callers import Caller, problem_of
from tests.harness.lives import A_MINUTE, Life
from tests.harness.patience import until
from tests.privacy.marked import a_marked_customer
from tests.privacy.searching import histories_with_mark, tables_with_mark

pytestmark = pytest.mark.usefixtures("healed")


TOLD = {"subscription.created", "subscription.canceled", "invoice.paid", "customer.updated", "customer.erased"}


async def told_of(engine: AsyncEngine, customer: str) -> set[str]:
    async with engine.connect() as connection:
        return set(await connection.scalars(select(events.c.type).where(events.c.customer == UUID(customer))))


async def a_whole_life(product: Product, admin: Caller) -> Life:
    life = await a_marked_customer(product)
    name = life.external_id
    words = f"in the words of {name}"
    await life.command("extend-trial", days=1, reason=words)
    await product.checkout(life.id)
    await life.live(A_MINUTE)
    await life.live_until_converted()
    await life.live(A_MINUTE)
    await _uses(admin, name)
    await _looks_at_pages(product, admin, name)
    await product.change_customer(name, name=f"Renamed {name}", email=f"{name}.new@example.com")
    await product.edited_at_stripe(name, name=f"{name} of Stripe")
    await life.command("payment-method", payment_method="pm_card_mastercard")
    await life.command("suspend", reason=words)
    await life.command("reactivate", reason=words)
    await life.live(timedelta(days=1))
    [(invoice, *_)] = await _invoices(product, life)
    await life.command("refund", invoice=invoice, amount=500, reason=words)
    await life.command("cancel", at="period_end", reason_code="other", comment=f"later, {words}")
    await life.command("uncancel")
    await life.command("cancel", at="now", reason_code="too_expensive", comment=words)
    await life.command("refund", invoice=invoice, amount=700, reason=f"after the end, {words}")
    noted = await admin.command(life.id, "note", text=f"called, {words}")
    assert noted.status_code == 201, noted.text
    await product.refund(name, 1000)
    await until(lambda: _refunded(life))
    return life


async def _uses(admin: Caller, name: str) -> None:
    used = await admin.post(
        f"/v1/customers/{name}/consume", {"feature": "storage_gb", "quantity": 1, "key": f"run of {name}"}
    )
    assert used.status_code == 200, used.text


async def _looks_at_pages(product: Product, admin: Caller, name: str) -> None:
    """Under keys that name them."""
    await product.open_portal(name)
    body = {"customer": name, "return_url": f"https://{name}.example/back"}
    made = await admin.post("/v1/billing-sessions", body, key=f"billing of {name}")
    assert made.status_code == 201, made.text
    page = await admin.post("/v1/portal-sessions", {"customer": name}, key=f"portal of {name}")
    assert page.status_code == 200, page.text


async def _refunded(life: Life) -> bool:
    return (await life.kinds())["refunded"] == 3


async def _invoices(product: Product, life: Life) -> list[tuple[Any, ...]]:
    listed = await product.get("/v1/invoices")
    kept = ("id", "number", "status", "amount", "amount_paid", "currency", "paid_at", "amount_refunded")
    return [tuple(each.get(name) for name in kept) for each in listed["data"] if each["subscription"] == life.id]


async def test_after_the_erasure_nothing_has_the_mark_and_the_invoices_are_as_before(
    product: Product, stack: Stack, admin: Caller, folder: Path
) -> None:
    life = await a_whole_life(product, admin)
    mark = life.external_id
    before, invoices = await tables_with_mark(stack.engine, mark), await _invoices(product, life)
    assert set(before) > {"customers", "subscriptions", "journal", "usage", "audit_details"}
    assert "webhook_inbox" not in before, "what an event said goes as it is delivered"
    assert "events" not in before, "what products are told names nobody"
    assert f"subscription/{life.id}" not in await histories_with_mark(stack, mark), "it has references alone"
    assert len(invoices) == 1

    erased = await admin.http.delete(f"/v1/customers/{mark}", params={"reason": "asked by mail"})
    repeated = await admin.http.delete(f"/v1/customers/{life.external_id}")

    assert (erased.status_code, erased.content, repeated.status_code) == (204, b"", 204)
    assert erased.headers["Tenure-Restores"] == "covered"
    assert await tables_with_mark(stack.engine, mark) == []
    assert await histories_with_mark(stack, mark) == []
    assert await _invoices(product, life) == invoices
    assert (await life.kinds())["customer_erased"] == 1
    assert await told_of(stack.engine, (await life.stands())["customer"]["id"]) >= TOLD
    problem_of(await admin.get(f"/v1/customers/{life.external_id}"), 404, "unknown_customer")
    listed = [json.loads(line) for line in (folder / "erasures.jsonl").read_text().splitlines()]
    customer = (await life.stands())["customer"]
    assert {each["customer"] for each in listed} >= {customer["id"]}
    assert customer["external_id"] == f"erased-{customer['id']}"
    with pytest.raises(RefusedError) as refusal:
        await product.sign_up(mark)
    assert refusal.value.problem["code"] == "trial_used"
    again = await product.sign_up(mark, trial_days=0, payment_method="pm_card_visa")
    assert again["customer"]["id"] != customer["id"], "somebody new"


async def test_a_live_subscription_is_canceled_only_if_that_is_asked_for(product: Product, admin: Caller) -> None:
    life = await a_marked_customer(product, payment_method="pm_card_visa", trial_days=0)
    path = f"/v1/customers/{life.external_id}"

    problem = problem_of(await admin.http.delete(path), 409, "live_subscription")
    assert life.id in problem["detail"]
    assert await life.status() == ("active", "full")

    assert (await admin.http.delete(path, params={"cancel": "true"})).status_code == 204
    assert await life.status() == ("canceled", "none")
    stands = await life.stands()
    assert stands["customer"]["email"].endswith("@erased.invalid")


async def test_an_export_has_every_row_and_what_the_provider_calls_them(product: Product, admin: Caller) -> None:
    life = await a_marked_customer(product, payment_method="pm_card_visa", trial_days=0)

    found = await admin.get(f"/v1/customers/{life.external_id}/export")

    assert found.status_code == 200, found.text
    told = found.json()
    tables = told["tables"]
    assert tables["customers"][0]["email"] == f"{life.external_id}@example.com"
    assert tables["customers"][0]["metadata"] == {"note": f"about {life.external_id}"}
    assert [each["id"] for each in tables["subscriptions"]] == [life.id]
    assert tables["journal"]
    assert tables["idempotency_keys"][0]["body"]["id"] == life.id
    assert tables["invoices"][0]["amount"] == 4900
    assert {each["type"] for each in tables["events"]} >= {"subscription.created", "invoice.paid"}
    assert told["provider"]["customers"][0].startswith("cus_")
    assert told["provider"]["subscriptions"][0].startswith("sub_")
    unknown = await admin.get("/v1/customers/nobody-of-that-name/export")
    problem_of(unknown, 404, "unknown_customer")
