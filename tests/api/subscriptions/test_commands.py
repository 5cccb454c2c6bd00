"""Commands that a status does not allow are rejected with a code, and change nothing."""

import json
from typing import Any
from uuid import uuid4

import pytest

from sandbox.stack import Stack
from storage.access.api_keys import Role
from tests.harness.callers import Caller, fields_of, problem_of

REASON = {"reason": "told by a test"}
CARD = {"payment_method": "pm_card_visa"}
BODIES: dict[str, dict[str, Any]] = {
    "convert": CARD | {"when": "now"},
    "payment-method": CARD,
    "retry-payment": {},
    "cancel": {},
    "preview-cancel": {},
    "uncancel": {},
    "extend-trial": {"days": 7} | REASON,
    "suspend": REASON,
    "reactivate": REASON,
}

IMPOSSIBLE = {
    "trialing": {
        "retry-payment": "nothing_to_retry",
        "uncancel": "no_cancellation_scheduled",
        "reactivate": "not_suspended",
    },
    "active": {
        "convert": "already_converted",
        "retry-payment": "nothing_to_retry",
        "uncancel": "no_cancellation_scheduled",
        "extend-trial": "not_in_trial",
        "reactivate": "not_suspended",
    },
    "suspended": {
        "convert": "suspended_by_operator",
        "retry-payment": "suspended_by_operator",
        "uncancel": "no_cancellation_scheduled",
        "extend-trial": "not_in_trial",
        "suspend": "already_suspended",
    },
    "ending": {
        "convert": "cancellation_scheduled",
        "cancel": "cancellation_scheduled",
        "preview-cancel": "cancellation_scheduled",
        "extend-trial": "cancellation_scheduled",
    },
    "canceled": dict.fromkeys(BODIES, "subscription_canceled"),
}

WAY_THERE: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "trialing": [],
    "active": [("convert", BODIES["convert"])],
    "suspended": [("suspend", REASON)],
    "ending": [("cancel", {})],
    "canceled": [("cancel", {"at": "now"})],
}

MALFORMED: list[tuple[str, str, Any]] = [
    *(("extend-trial", "days", {"days": days, **REASON}) for days in (0, -1, 91, "7", 1.5, None, True)),
    ("extend-trial", "days", REASON),
    ("extend-trial", "reason", {"days": 7}),
    ("extend-trial", "reason", {"days": 7, "reason": "  "}),
    ("suspend", "reason", {}),
    ("suspend", "reason", {"reason": ""}),
    ("suspend", "reason", {"reason": "x" * 501}),
    ("suspend", "reason", {"reason": "\x00"}),
    ("reactivate", "reason", {"reason": 7}),
    *(("refund", "amount", {"invoice": "in_1", "amount": amount, **REASON}) for amount in (0, -1, "7", 1.5, True)),
    ("refund", "invoice", {"invoice": "", **REASON}),
    ("refund", "invoice", {"invoice": "in_1\x00", **REASON}),
    ("refund", "invoice", REASON),
    *(("note", "text", {"text": given}) for given in ("", "  ", "x" * 2001, "\x00", "\ud800", 7)),
    ("note", "text", {}),
    ("refund", "reason", {"invoice": "in_1"}),
    ("cancel", "at", {"at": "tomorrow"}),
    ("cancel", "because", {"because": "x"}),
    ("cancel", "reason", {"reason": "\ud800"}),
    ("cancel", "reason_code", {"reason_code": "nonpayment"}),
    ("cancel", "comment", {"comment": "x" * 1001}),
    ("cancel", "body", {"comment": "too dear", "reason": "too slow"}),
    ("convert", "when", {"when": "later"}),
    ("convert", "payment_method", {"payment_method": ""}),
    ("convert", "payment_method", {"payment_method": ".."}),
    ("payment-method", "payment_method", {"payment_method": ".."}),
    ("payment-method", "payment_method", {"payment_method": "pm_1/detach"}),
    ("convert", "payment_method", {"payment_method": "pm_card_nonsense", "when": "now"}),
    ("payment-method", "payment_method", {}),
    ("payment-method", "payment_method", {"payment_method": "pm_card_nonsense"}),
    ("uncancel", "why", {"why": "x"}),
    ("retry-payment", "body", []),
    ("cancel", "body", "now"),
]


async def a_subscription(caller: Caller, name: str, status: str) -> dict[str, Any]:
    made = await caller.signed_up(name)
    for command, body in WAY_THERE[status]:
        done = await caller.command(made["id"], command, **body)
        assert done.status_code == 200, done.text
    return await caller.subscription(made["id"])


async def looks(caller: Caller, subscription: str) -> tuple[Any, ...]:
    timeline = (await caller.get(f"/v1/subscriptions/{subscription}/timeline")).json()
    past = [entry for entry in timeline["past"] if not entry["kind"].startswith("mail_")]
    return await caller.subscription(subscription), past


@pytest.mark.parametrize("status", list(IMPOSSIBLE))
async def test_an_impossible_command_is_rejected_with_its_reason(admin: Caller, name: str, status: str) -> None:
    it = await a_subscription(admin, name, status)
    before = await looks(admin, it["id"])

    for command, code in IMPOSSIBLE[status].items():
        problem_of(await admin.command(it["id"], command, **BODIES[command]), 409, code)

    assert await looks(admin, it["id"]) == before


async def test_a_canceled_customer_gets_no_checkout_page(admin: Caller, name: str) -> None:
    it = await a_subscription(admin, name, "canceled")

    by_subscription = await admin.post("/v1/checkout-sessions", {"subscription": it["id"]})
    problem_of(by_subscription, 409, "subscription_canceled")
    problem_of(await admin.post("/v1/checkout-sessions", {"customer": name}), 404, "unknown_customer")


async def test_a_malformed_command_is_rejected_with_its_field(admin: Caller, name: str) -> None:
    it = await a_subscription(admin, name, "trialing")
    before = await looks(admin, it["id"])

    for command, field, body in MALFORMED:
        content = b"" if body is None else ascii_json(body)
        answer = await admin.send(f"/v1/subscriptions/{it['id']}/{command}", content)
        assert answer.status_code == 422, f"{command} {body}: {answer.text}"
        assert fields_of(problem_of(answer, 422, answer.json()["code"])) == {field}, (command, body)

    assert await looks(admin, it["id"]) == before


def ascii_json(body: Any) -> bytes:

    return json.dumps(body).encode()


@pytest.mark.parametrize("command", list(BODIES))
@pytest.mark.parametrize("unknown", ["0b3c5c1e-6d0f-4a53-9a3e-3f1c8a2d7e10", "none", "%00"])
async def test_a_command_to_an_unknown_subscription_is_not_found(admin: Caller, command: str, unknown: str) -> None:
    problem_of(await admin.command(unknown, command, **BODIES[command]), 404, "unknown_subscription")


async def test_an_unknown_command_or_path_is_not_found(admin: Caller, name: str) -> None:
    it = await a_subscription(admin, name, "trialing")

    problem_of(await admin.command(it["id"], "explode"), 404, "not_found")
    problem_of(await admin.get("/v1/nothing"), 404, "not_found")
    problem_of(await admin.get("/"), 404, "not_found")


async def test_a_wrong_method_is_rejected_with_the_allowed_ones(admin: Caller, name: str) -> None:
    it = await a_subscription(admin, name, "trialing")

    for method, path in [
        ("GET", f"/v1/subscriptions/{it['id']}/cancel"),
        ("POST", f"/v1/subscriptions/{it['id']}"),
        ("DELETE", f"/v1/subscriptions/{it['id']}"),
        ("PUT", "/v1/subscriptions"),
        ("GET", "/webhooks/stripe"),
        ("POST", "/healthz"),
    ]:
        answer = await admin.http.request(method, path)
        problem_of(answer, 405, "method_not_allowed")
        assert answer.headers["Allow"]
    assert await admin.subscription(it["id"]) == it


@pytest.mark.parametrize("body", [b"", b"null", b"{}"])
async def test_a_command_without_fields_needs_no_body(admin: Caller, name: str, body: bytes) -> None:
    it = await a_subscription(admin, name, "trialing")

    answer = await admin.send(f"/v1/subscriptions/{it['id']}/cancel", body)

    assert answer.status_code == 200, answer.text
    assert answer.json()["cancel_at"] == it["trial_ends_at"]
    assert answer.json() == await admin.subscription(it["id"])


async def test_a_checkout_session_is_created_for_a_subscription_or_its_customer(admin: Caller, name: str) -> None:
    it = await a_subscription(admin, name, "trialing")

    for body in ({"subscription": it["id"]}, {"customer": name}):
        answer = await admin.post("/v1/checkout-sessions", body)
        assert answer.status_code == 200, answer.text
        assert answer.json()["subscription"] == it["id"]
        assert answer.json()["url"].startswith("http")


@pytest.mark.parametrize(
    ("field", "body"),
    [
        ("body", {}),
        ("body", {"subscription": "0b3c5c1e-6d0f-4a53-9a3e-3f1c8a2d7e10", "customer": "ada"}),
        ("success_url", {"customer": "ada", "success_url": "javascript:alert(1)"}),
        ("cancel_url", {"customer": "ada", "cancel_url": "https://"}),
        ("cancel_url", {"customer": "ada", "cancel_url": "https://[bad"}),
        ("customer", {"customer": ""}),
        ("subscription", {"subscription": 7}),
    ],
)
async def test_a_malformed_checkout_request_is_rejected(admin: Caller, field: str, body: dict[str, Any]) -> None:
    assert fields_of(problem_of(await admin.post("/v1/checkout-sessions", body), 422, "malformed")) == {field}


async def test_a_checkout_for_an_unknown_customer_is_not_found(admin: Caller) -> None:
    answers = {
        "unknown_customer": await admin.post("/v1/checkout-sessions", {"customer": "nobody"}),
        "unknown_subscription": await admin.post("/v1/checkout-sessions", {"subscription": str(uuid4())}),
    }
    for code, answer in answers.items():
        problem_of(answer, 404, code)
    problem_of(await admin.post("/v1/checkout-sessions", {"subscription": "x"}), 404, "unknown_subscription")


@pytest.mark.parametrize(("role", "kind"), [(Role.SERVICE, "customer"), (Role.OPERATOR, "operator")])
async def test_an_end_names_who_caused_it_by_the_keys_role(
    stack: Stack, admin: Caller, name: str, role: Role, kind: str
) -> None:
    made = await admin.signed_up(name)
    async with Caller.of_role(stack, role) as caller:
        over = (await caller.command(made["id"], "cancel", at="now", reason="operator")).json()

    assert (over["end_kind"], over["status_reason"], over["reason_code"]) == (kind, "operator", None)
