"""Reading subscriptions, lists, timelines, plans and invoices."""

import re
from datetime import datetime
from hashlib import sha256
from typing import Any

import pytest
from sqlalchemy import text

from sandbox.stack import Stack
from storage.access.api_keys import Role
from tests.harness.callers import Caller, fields_of, problem_of

MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
NOBODY = "0b3c5c1e-6d0f-4a53-9a3e-3f1c8a2d7e10"
NO_IDS = ["none", "1", NOBODY, NOBODY[:-1], "null", "x" * 2000, "%00", "%ED%A0%80", "a%0Ab", "%F0%9F%8E%89"]


def moments_in(shown: Any) -> list[str]:
    """Every string in a response that begins like a date."""
    if isinstance(shown, dict):
        return [found for value in shown.values() for found in moments_in(value)]
    if isinstance(shown, list):
        return [found for value in shown for found in moments_in(value)]
    return [shown] if isinstance(shown, str) and re.match(r"\d{4}-\d\d-\d\d", shown) else []


@pytest.mark.parametrize("unknown", NO_IDS)
@pytest.mark.parametrize("path", ["", "/timeline"])
async def test_an_unknown_id_is_not_found(admin: Caller, unknown: str, path: str) -> None:
    problem_of(await admin.get(f"/v1/subscriptions/{unknown}{path}"), 404, "unknown_subscription")


async def test_a_subscription_is_shown_as_the_contract_says(admin: Caller, name: str) -> None:
    customer = {"name": "Ada Lovelace", "timezone": "Europe/London", "locale": "en-GB"}
    made = await admin.signed_up(name, customer=customer, plan="professional", quantity=2, metadata={"from": "fair"})

    shown = await admin.subscription(made["id"])

    assert shown == made
    assert shown["customer"] == customer | {
        "id": made["customer"]["id"],
        "external_id": name,
        "email": f"{name}@example.com",
    }
    assert (shown["plan"], shown["interval"], shown["quantity"]) == ("professional", "month", 2)
    assert (shown["status"], shown["status_reason"], shown["access"]) == ("trialing", "", "full")
    assert (type(shown["amount"]), shown["amount"], shown["currency"]) == (int, 2 * 19900, "usd")
    assert shown["metadata"] == {"from": "fair"}
    assert [shown[later] for later in ("cancel_at", "resumes_at", "pending_change", "current_period_end")] == [None] * 4
    trial = datetime.fromisoformat(shown["trial_ends_at"]) - datetime.fromisoformat(shown["created_at"])
    assert trial.days == 14


async def test_next_actions_are_listed_in_order_with_reasons(admin: Caller, name: str) -> None:
    made = await admin.signed_up(name)

    ahead = made["next_actions"]

    assert [one["action"] for one in ahead] == ["send_reminder"] * 3 + ["expire_trial"]
    assert all(set(one) == {"at", "action", "why"} and one["why"] for one in ahead)
    assert [one["at"] for one in ahead] == sorted(one["at"] for one in ahead)
    assert datetime.fromisoformat(ahead[-1]["at"]).replace(microsecond=0) == datetime.fromisoformat(
        made["trial_ends_at"]
    ).replace(microsecond=0)


async def test_the_timeline_shows_what_happened_and_who_caused_it(admin: Caller, name: str) -> None:
    made = await admin.signed_up(name, key=name)
    assert (await admin.command(made["id"], "cancel", key=f"{name}-c", reason="too expensive")).status_code == 200

    told = (await admin.get(f"/v1/subscriptions/{made['id']}/timeline")).json()

    entries = [entry for entry in told["past"] if not entry["kind"].startswith("mail_")]
    assert [entry["kind"] for entry in entries] == ["trial_started", "cancel_scheduled"]
    for entry, key in zip(entries, (name, f"{name}-c"), strict=True):
        assert entry["summary"]
        assert entry["cause"]["kind"] == "command"
        assert entry["cause"]["ref"] == f"sha256:{sha256(key.encode()).hexdigest()}"
        assert entry["cause"]["actor"].startswith("admin ")
    assert "too expensive" in entries[1]["summary"]
    assert told["next_actions"] == (await admin.subscription(made["id"]))["next_actions"]


async def test_every_time_is_marked_as_utc(admin: Caller, name: str) -> None:
    made = await admin.signed_up(name, customer={"timezone": "Asia/Tokyo"}, trial_days=0, payment_method="pm_card_visa")
    timeline = (await admin.get(f"/v1/subscriptions/{made['id']}/timeline")).json()
    bills = (await admin.get("/v1/invoices", customer=name)).json()

    moments = moments_in(made) + moments_in(timeline) + moments_in(bills)

    assert len(moments) > 8
    assert [moment for moment in moments if not MOMENT.fullmatch(moment)] == []


async def test_invoices_are_listed_in_minor_units_for_one_customer_or_all(alone: Caller, name: str) -> None:
    for number in (1, 2):
        await alone.signed_up(f"{name}-{number}", trial_days=0, payment_method="pm_card_visa", quantity=number)

    of_one = (await alone.get("/v1/invoices", customer=f"{name}-2")).json()["data"]
    of_all = (await alone.get("/v1/invoices")).json()["data"]

    assert [(bill["amount"], type(bill["amount"]), bill["currency"], bill["status"]) for bill in of_one] == [
        (9800, int, "usd", "paid")
    ]
    assert len(of_all) == 2
    assert len((await alone.get("/v1/invoices", limit=1)).json()["data"]) == 1
    assert (await alone.get("/v1/invoices", customer="nobody")).json() == {"data": [], "next_cursor": None}


async def test_a_cursor_visits_every_row_once(alone: Caller, name: str) -> None:
    made = [(await alone.signed_up(f"{name}-{number}"))["id"] for number in range(7)]

    walked, cursor, pages = [], None, 0
    while pages == 0 or cursor:
        page = (await alone.get("/v1/subscriptions", limit=2, **({"cursor": cursor} if cursor else {}))).json()
        if pages == 1:
            # A row added meanwhile does not shift later pages.
            await alone.signed_up(f"{name}-late")
        assert len(page["data"]) <= 2
        walked += [row["id"] for row in page["data"]]
        cursor, pages = page["next_cursor"], pages + 1

    assert pages == 4
    assert walked == made[::-1]


async def test_lists_can_be_filtered(alone: Caller, name: str) -> None:
    ada = await alone.signed_up(f"{name}-ada", customer={"name": "Ada 100% Lovelace"})
    grace = await alone.signed_up(f"{name}-grace", plan="professional", customer={"name": "Grace_Hopper"})
    canceled = await alone.command(grace["id"], "cancel", at="now")
    assert canceled.status_code == 200

    async def found(**wanted: str) -> list[str]:
        answer = await alone.get("/v1/subscriptions", **wanted)
        assert answer.status_code == 200, answer.text
        return [row["id"] for row in answer.json()["data"]]

    assert await found() == [grace["id"], ada["id"]]
    assert await found(status="trialing") == [ada["id"]]
    assert await found(status="canceled") == [grace["id"]]
    assert await found(plan="professional") == [grace["id"]]
    assert await found(plan="no-such-plan") == []
    assert await found(customer=f"{name}-ada") == [ada["id"]]
    assert await found(customer=f"{name}-ad") == []
    assert await found(q="lovelace") == [ada["id"]]
    assert await found(q="ADA@EXAMPLE") == [ada["id"]]
    assert await found(q=ada["id"][:13].upper()) == [ada["id"]]
    assert await found(q="100%") == [ada["id"]]
    assert await found(q="_h") == [grace["id"]]
    assert await found(q="' OR 1=1 --") == []
    assert await found(status="trialing", plan="professional") == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("limit", "0"),
        ("limit", "-1"),
        ("limit", "101"),
        ("limit", "many"),
        ("limit", "9" * 5000),
        ("cursor", "none"),
        ("cursor", ""),
        ("cursor", "bnVsbA=="),
        ("cursor", "x" * 501),
        ("cursor", "\x00"),
        ("cursor", "🎉"),
        ("status", "happy"),
        ("plan", ""),
        ("plan", "x" * 65),
        ("plan", "\x00"),
        ("customer", ""),
        ("customer", "a\x00b"),
        ("q", "x" * 201),
        ("q", "\x00"),
    ],
)
async def test_a_bad_query_parameter_is_rejected_by_name(admin: Caller, field: str, value: str) -> None:
    problem = problem_of(await admin.get("/v1/subscriptions", **{field: value}), 422, "malformed")

    assert fields_of(problem) == {field}


@pytest.mark.parametrize(("field", "value"), [("limit", "0"), ("limit", "101"), ("customer", "\x00")])
async def test_a_bad_query_parameter_for_invoices_is_rejected_by_name(admin: Caller, field: str, value: str) -> None:
    assert fields_of(problem_of(await admin.get("/v1/invoices", **{field: value}), 422, "malformed")) == {field}


async def test_page_sizes_are_accepted_up_to_their_bounds(admin: Caller) -> None:
    for limit in (1, 100):
        assert (await admin.get("/v1/subscriptions", limit=limit)).status_code == 200


async def test_the_plans_are_those_of_the_catalog(admin: Caller) -> None:
    told = (await admin.get("/v1/plans")).json()

    assert [plan["code"] for plan in told["data"]] == ["starter", "professional", "enterprise"]
    assert told["data"][0]["prices"]["month"] == {"amount": 4900, "currency": "usd"}
    assert told["data"][0]["prices"]["year"] == {"amount": 52920, "currency": "usd"}
    assert {add_on["code"]: add_on["prices"]["month"]["amount"] for add_on in told["add_ons"]} == {
        "users": 500,
        "plants": 2500,
        "storage_gb": 50,
    }
    for plan in told["data"]:
        assert (await admin.get(f"/v1/plans/{plan['code']}")).json() == plan


@pytest.mark.parametrize("code", ["platinum", "%00", "x" * 2000, "STARTER"])
async def test_an_unknown_plan_is_not_found_and_the_known_ones_are_listed(admin: Caller, code: str) -> None:
    problem = problem_of(await admin.get(f"/v1/plans/{code}"), 404, "unknown_plan")

    assert "starter, professional, enterprise" in problem["detail"]


async def test_what_was_written_with_a_cancellation_is_for_operators(stack: Stack, admin: Caller, name: str) -> None:
    made = await admin.signed_up(name)
    words = f"{name} moved to paper"
    canceled = (await admin.command(made["id"], "cancel", comment=words)).json()

    shown = {}
    for role in (Role.READ_ONLY, Role.SERVICE, Role.OPERATOR, Role.ADMIN):
        async with Caller.of_role(stack, role) as caller:
            shown[role] = (await caller.subscription(made["id"]))["cancel_comment"]

    assert shown == {Role.READ_ONLY: None, Role.SERVICE: None, Role.OPERATOR: words, Role.ADMIN: words}
    assert canceled["cancel_comment"] is None
    listed = (await admin.get("/v1/subscriptions", customer=name)).json()["data"]
    assert [one["cancel_comment"] for one in listed] == [None]
    await admin.command(made["id"], "uncancel")
    assert (await admin.subscription(made["id"]))["cancel_comment"] is None


async def test_a_repeat_shows_the_card_as_it_is_now_and_none_is_stored(stack: Stack, admin: Caller, name: str) -> None:
    made = await admin.signed_up(name)
    given = await admin.command(made["id"], "payment-method", key=name, payment_method="pm_card_visa")
    assert given.json()["card"]["last4"] == "4242"
    stored = text("select convert_from(body, 'UTF8') from idempotency_keys where convert_from(body, 'UTF8') like :id")
    async with stack.engine.connect() as connection:
        bodies = (await connection.execute(stored, {"id": f"%{made['id']}%"})).scalars().all()
    assert bodies
    assert all('"4242"' not in body for body in bodies)

    await admin.command(made["id"], "payment-method", payment_method="pm_card_mastercard")
    again = await admin.command(made["id"], "payment-method", key=name, payment_method="pm_card_visa")

    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.json() == given.json() | {"card": again.json()["card"]}
    assert again.json()["card"]["brand"] == "mastercard"
