"""Customers by the product's own id, and plan suggestions."""

from typing import Any

import httpx
import pytest

from sandbox.stack import Stack
from storage.access.api_keys import Role
from tests.harness.callers import Caller, fields_of, problem_of
from tests.harness.patience import PATIENT


async def customer(caller: Caller, name: str) -> dict[str, Any]:
    answer = await caller.get(f"/v1/customers/{name}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def suggested(caller: Caller, feature: str, **more: Any) -> dict[str, Any]:
    answer = await caller.get("/v1/plans/suggest", feature=feature, **more)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_a_customer_is_shown_with_plan_subscription_and_trial_eligibility(admin: Caller, name: str) -> None:
    who = {"name": "Ada Lovelace", "timezone": "Europe/London", "locale": "en-GB"}
    made = await admin.signed_up(name, customer=who, metadata={"from": "fair"})

    told = await customer(admin, name)

    assert told == who | {
        "id": made["customer"]["id"],
        "external_id": name,
        "email": f"{name}@example.com",
        "metadata": {"from": "fair"},
        "plan": {"code": "starter", "name": "Starter", "catalog": "manufacturing_v1"},
        "basis": "plan",
        "subscription": made,
        "trial": {"eligible": False, "reason": f"the customer already has a subscription: {made['id']}"},
    }


async def test_a_customer_who_had_a_trial_is_not_eligible_for_another(shop: Caller, name: str) -> None:
    made = await shop.signed_up(name, plan="pro")
    await shop.command(made["id"], "cancel", at="now")

    told = await customer(shop, name)

    assert (told["basis"], told["plan"]["code"], told["subscription"]["status"]) == ("free_plan", "free", "canceled")
    assert told["trial"]["eligible"] is False
    assert "one trial per customer" in told["trial"]["reason"]


async def test_a_customer_who_started_without_a_trial_is_still_eligible(admin: Caller, name: str) -> None:
    made = await admin.signed_up(name, trial_days=0, payment_method="pm_card_visa")
    await admin.command(made["id"], "cancel", at="now")

    assert (await customer(admin, name))["trial"] == {"eligible": True, "reason": None}
    assert (await admin.sign_up(name)).status_code == 201, "and the sign-up agrees"


@pytest.mark.parametrize("path", ["", "/nothing"])
async def test_an_unknown_customer_is_not_found(admin: Caller, name: str, path: str) -> None:
    problem_of(await admin.get(f"/v1/customers/{name}{path}"), 404, "unknown_customer")


async def changed(caller: Caller, who: str, /, **given: Any) -> httpx.Response:
    return await caller.http.patch(f"/v1/customers/{who}", json=given)


async def test_an_update_changes_only_the_given_fields(admin: Caller, name: str) -> None:
    await admin.signed_up(name, customer={"name": "Ada"}, metadata={"from": "fair"})

    answer = await changed(admin, name, email=f"{name}@new.example", name=None, locale="pt_BR", metadata={"to": "moon"})

    assert answer.status_code == 200, answer.text
    told = await customer(admin, name)
    assert told == answer.json()
    assert (told["email"], told["name"], told["locale"]) == (f"{name}@new.example", "Ada", "pt-BR")
    assert told["metadata"] == {"from": "fair", "to": "moon"}
    assert (await changed(admin, name, email=f"{name}@new.example")).status_code == 200, "again changes nothing"


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({}, "body"),
        ({"email": None}, "body"),
        ({"email": "ada"}, "email"),
        ({"email": ""}, "email"),
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"locale": "english!"}, "locale"),
        ({"name": ""}, "name"),
        ({"name": "Ada\nBcc: x"}, "name"),
        ({"metadata": {"note": 1}}, "metadata.note"),
        ({"metadata": {f"key-{number}": "x" for number in range(51)}}, "metadata"),
        ({"external_id": "another"}, "external_id"),
        ({"nmae": "Ada"}, "nmae"),
    ],
)
async def test_an_invalid_update_is_rejected_with_its_field(
    admin: Caller, name: str, given: dict[str, Any], field: str
) -> None:
    await admin.signed_up(name)
    before = await customer(admin, name)

    answer = await changed(admin, name, **given)

    assert fields_of(problem_of(answer, 422, answer.json()["code"])) == {field}, answer.text
    assert await customer(admin, name) == before


async def test_customers_of_another_tenant_cannot_be_changed(
    stack: Stack, admin: Caller, alone: Caller, name: str
) -> None:
    problem_of(await changed(admin, name, name="Ada"), 404, "unknown_customer")
    await admin.signed_up(name)

    problem_of(await changed(alone, name, name="Eve"), 404, "unknown_customer")
    async with Caller.of_role(stack, Role.READ_ONLY) as reader:
        problem_of(await changed(reader, name, name="Eve"), 403, "forbidden")
    async with Caller.of_role(stack, Role.SERVICE) as service:
        assert (await changed(service, name, name="Ada")).json()["name"] == "Ada"


async def test_customers_are_listed_newest_first_page_by_page(alone: Caller, name: str) -> None:
    names = [f"{name}-{number}" for number in range(3)]
    for each in names:
        await alone.signed_up(each)

    first = (await alone.get("/v1/customers", limit=2)).json()
    rest = (await alone.get("/v1/customers", limit=2, cursor=first["next_cursor"])).json()

    assert [each["external_id"] for each in first["data"] + rest["data"]] == names[::-1]
    assert rest["next_cursor"] is None
    assert {(each["subscription"]["status"], each["subscription"]["plan"]) for each in first["data"]} == {
        ("trialing", "starter")
    }


async def test_customers_are_found_by_part_of_address_name_or_id(alone: Caller, name: str) -> None:
    await alone.signed_up(f"{name}-100%_", customer={"name": "Zoë Quill", "email": f"{name}-1@straße.new.example"})
    await alone.signed_up(f"{name}-100xx", customer={"name": "Grace"})

    for q in ("Quill", "zoë q", "NEW.example", "straße.new", "100%_"):
        found = (await alone.get("/v1/customers", q=q)).json()["data"]
        assert found[0]["email"] == f"{name}-1@straße.new.example"
        assert [each["external_id"] for each in found] == [f"{name}-100%_"], q
    assert (await alone.get("/v1/customers", q="nobody")).json() == {"data": [], "next_cursor": None}


async def test_an_invalid_cursor_is_rejected(admin: Caller) -> None:
    answer = await admin.get("/v1/customers", cursor="bm90aGluZw==")

    assert fields_of(problem_of(answer, 422, "malformed")) == {"cursor"}


async def test_the_cheapest_plan_for_a_usage_is_suggested(shop: Caller) -> None:
    told = await suggested(shop, "runs", quantity=50)
    alone, with_seats = await suggested(shop, "seats", quantity=3), await suggested(shop, "seats", quantity=5)

    assert (told["customer"], told["enough"], told["plan"]["code"]) == (None, False, "free")
    assert [plan["code"] for plan in told["plans"]] == ["pro", "scale"]
    assert (told["cheapest"]["plan"], told["cheapest"]["amount"], told["cheapest"]["limit"]) == ("pro", 4900, 100)
    assert (alone["cheapest"]["plan"], alone["cheapest"]["add_ons"]) == ("pro", {})
    assert (with_seats["cheapest"]["plan"], with_seats["cheapest"]["add_ons"]) == ("pro", {"seats": 1})
    assert with_seats["cheapest"]["amount"] == 5400


async def test_suggestions_for_a_customer_build_on_what_they_have(shop: Caller, name: str) -> None:
    await shop.signed_up(name, plan="pro", interval="year", add_ons={"seats": 1})

    told = await suggested(shop, "seats", customer=name, quantity=7)
    enough = await suggested(shop, "seats", customer=name, quantity=5)

    assert (told["plan"]["code"], told["enough"]) == ("pro", False)
    [plan, add_on] = told["upgrades"]
    assert (plan["plan"], plan["interval"], plan["price_difference"]) == ("scale", "year", 150000)
    assert (add_on["add_on"], add_on["units"], add_on["price_difference"]) == ("seats", 1, 5000)
    assert (enough["enough"], enough["upgrades"]) == (True, [])


async def test_suggestions_work_for_levels_and_sets(shop: Caller) -> None:
    assert (await suggested(shop, "quality", value="premium"))["cheapest"]["plan"] == "scale"
    assert (await suggested(shop, "models", value="dalle3"))["cheapest"]["plan"] == "pro"
    assert (await suggested(shop, "posts_a_day", quantity=101))["cheapest"] is None


async def test_invalid_queries_are_rejected(shop: Caller) -> None:
    for params, field in (
        ({}, "feature"),
        ({"feature": "runs", "quantity": "-1"}, "quantity"),
        ({"feature": "models", "value": "x"}, "value"),
        ({"feature": "runs", "customer": " "}, "customer"),
    ):
        answer = await shop.get("/v1/plans/suggest", **params)
        assert fields_of(problem_of(answer, 422, "malformed")) == {field}
    problem_of(await shop.get("/v1/plans/suggest", feature="rums"), 404, "unknown_feature")


async def test_an_internationalized_domain_is_shown_as_written_and_stored_as_ascii(
    stack: Stack, admin: Caller, name: str
) -> None:
    host = name.rpartition("-")[2]
    domain, known_as = f"straße.{host}.example", f"xn--strae-oqa.{host}.example"
    made = await admin.signed_up(name, customer={"email": f"ada@{domain}"}, payment_method="pm_card_visa")
    other = await admin.sign_up(f"{name}-2", customer={"email": f"Ada+2@{known_as}"})
    stranger = await admin.sign_up(f"{name}-3", customer={"email": f"ada@strasse.{host}.example"})

    assert made["customer"]["email"] == f"ada@{domain}"
    assert (await admin.get(f"/v1/customers/{name}")).json()["email"] == f"ada@{domain}"
    for part in (f"ada@{domain}", f"@{known_as}", domain):
        found = (await admin.get("/v1/subscriptions", q=part)).json()["data"]
        assert [one["id"] for one in found] == [made["id"]], part
    problem_of(other, 409, "trial_used")
    assert stranger.status_code == 201
    at_stripe = [each["email"] for each in stack.simulator._store.find("customer") if host in str(each["email"])]
    assert at_stripe == [f"ada@{known_as}"]
    async with httpx.AsyncClient(base_url=stack.addresses.sandbox_url, timeout=PATIENT) as sandbox:
        (await sandbox.post("/travel", json={"subscription": made["id"], "seconds": 1})).raise_for_status()
        mails = (await sandbox.get("/messages", params={"to": f"ada@{domain}"})).json()
    assert {mail["to"] for mail in mails} == {f"ada@{known_as}"}


@pytest.mark.parametrize("method", ["GET", "PATCH"])
async def test_a_trailing_slash_is_not_a_customer_without_an_id(admin: Caller, method: str) -> None:
    answer = await admin.http.request(method, "/v1/customers/", json={} if method == "PATCH" else None)

    assert answer.status_code == 404


async def test_the_usage_of_somebody_who_never_signed_up_is_exported_and_erased(shop: Caller, name: str) -> None:
    path, use = f"/v1/customers/{name}", {"feature": "calls", "quantity": 1, "key": f"run of {name}"}
    counted = await shop.post(f"{path}/consume", use)
    assert counted.status_code == 200, counted.text

    exported = (await shop.get(f"{path}/export")).json()
    erased = await shop.http.delete(path, params={"reason": "asked by mail"})

    assert (exported["customer"], exported["provider"]) == ("", {"customers": [], "subscriptions": []})
    assert [row["key"] for row in exported["tables"]["usage_log"]] == [use["key"]]
    assert (erased.status_code, erased.headers["Tenure-Restores"].partition(";")[0]) == (204, "not-covered")
    problem_of(await shop.get(f"{path}/export"), 404, "unknown_customer")
    problem_of(await shop.http.delete(path), 404, "unknown_customer")
