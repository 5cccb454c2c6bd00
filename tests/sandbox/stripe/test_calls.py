"""How calls are admitted, refused, repeated and swallowed."""

import asyncio
from typing import Any

import httpx
import pytest
import stripe

from sandbox.stripe import StripeSimulator
from tests.harness.patience import PATIENT
from tests.sandbox.stripe.published import answer_problems, parameter_problems
from tests.sandbox.stripe.shop import API_KEY, Shop, plain


class Wire:
    """Calls without the SDK, which would not send what is wrong."""

    def __init__(self, simulator: StripeSimulator) -> None:
        self._url = simulator.base_url

    async def post(self, path: str, key: str | None = None, api_key: str = API_KEY, **form: str) -> httpx.Response:
        headers = {"Authorization": f"Bearer {api_key}"} | ({"Idempotency-Key": key} if key else {})
        async with httpx.AsyncClient(base_url=self._url, headers=headers, trust_env=False, timeout=PATIENT) as http:
            return await http.post(path, data=form)


@pytest.fixture
def wire_to(simulator: StripeSimulator) -> Wire:
    return Wire(simulator)


def _error(answer: httpx.Response) -> tuple[int, str | None, str | None]:
    error = answer.json()["error"]
    return answer.status_code, error.get("code"), error.get("param")


async def test_a_wrong_key_is_refused(wire_to: Wire) -> None:
    answer = await wire_to.post("/v1/customers", api_key="sk_test_wrong")

    assert answer.status_code == 401
    assert "sk_test_wrong" not in answer.text


@pytest.mark.parametrize(
    ("path", "form", "refusal"),
    [
        ("/v1/customers", {"emial": "a@b.c"}, (400, "parameter_unknown", "emial")),
        ("/v1/customers", {"invoice_settings[x]": "1"}, (400, "parameter_unknown", "invoice_settings[x]")),
        ("/v1/customers", {"balance": "much"}, (400, "parameter_invalid_integer", "balance")),
        ("/v1/customers", {"payment_method": "pm_x"}, (400, "resource_missing", "payment_method")),
        ("/v1/subscriptions", {"customer": "cus_x"}, (400, "parameter_missing", "items")),
        (
            "/v1/subscriptions",
            {"customer": "cus_x", "items[0][price]": "p"},
            (400, "resource_missing", "customer"),
        ),
        (
            "/v1/payment_methods/pm_x/attach",
            {"customer": "cus_x"},
            (400, "resource_missing", "customer"),
        ),
        ("/v1/invoices/in_x/pay", {}, (404, "resource_missing", "invoice")),
        ("/v1/products", {"name": ""}, (400, "parameter_invalid_empty", "name")),
        ("/v1/nothing", {}, (404, None, None)),
    ],
)
async def test_a_call_that_cannot_be_is_refused_by_name(
    wire_to: Wire, path: str, form: dict[str, str], refusal: tuple[int, str | None, str | None]
) -> None:
    assert _error(await wire_to.post(path, **form)) == refusal


async def test_the_first_answer_is_given_again_under_the_same_key(shop: Shop, wire_to: Wire) -> None:
    first = await wire_to.post("/v1/customers", "try-1", email="ada@example.com")
    again = await wire_to.post("/v1/customers", "try-1", email="ada@example.com")

    assert again.content == first.content
    assert again.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers
    assert len((await shop.client.v1.customers.list_async()).data) == 1


async def test_a_decline_is_returned_again_and_charged_once(shop: Shop) -> None:
    ada = await shop.customer(card="pm_card_chargeCustomerFail")
    request: Any = {
        "customer": ada,
        "items": [{"price": await shop.price("starter")}],
        "payment_behavior": "error_if_incomplete",
    }
    intents = []
    for _ in range(2):
        with pytest.raises(stripe.CardError) as refused:
            await shop.client.v1.subscriptions.create_async(request, {"idempotency_key": "begin/1"})
        intents.append(refused.value.error.payment_intent.id)  # type: ignore[union-attr]

    assert intents[0] == intents[1]


async def test_a_key_serves_one_request_only(wire_to: Wire) -> None:
    await wire_to.post("/v1/customers", "try-1", email="ada@example.com")
    other = await wire_to.post("/v1/customers", "try-1", email="grace@example.com")
    elsewhere = await wire_to.post("/v1/products", "try-1", name="Pro")

    for answer in (other, elsewhere):
        assert (answer.status_code, answer.json()["error"]["type"]) == (400, "idempotency_error")


@pytest.mark.parametrize(
    ("path", "status"),
    [("/v1/subscriptions/sub_none", 404), ("/v1/payment_methods/pm_none/attach", 400), ("/v1/subscriptions", 400)],
)
async def test_a_refusal_is_given_again_once_execution_had_begun(wire_to: Wire, path: str, status: int) -> None:
    """What is mended meanwhile goes through under another key only, for a day."""
    form = {"items[0][price]": "price_none"} if path == "/v1/subscriptions" else {}
    form |= {"customer": "cus_none"} if path != "/v1/subscriptions/sub_none" else {}

    first, again = [await wire_to.post(path, "try-1", **form) for _ in range(2)]

    assert first.status_code == again.status_code == status
    assert again.content == first.content
    assert again.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers
    assert "Idempotent-Replayed" not in (await wire_to.post(path, "try-2", **form)).headers


async def test_a_fixed_request_succeeds_under_another_key(shop: Shop, wire_to: Wire) -> None:
    ada = await shop.customer()
    price = await shop.price("starter")
    await shop.client.v1.prices.update_async(price, {"active": False})
    form = {"customer": ada, "items[0][price]": price}
    assert (await wire_to.post("/v1/subscriptions", "begin/1", **form)).status_code == 400
    await shop.client.v1.prices.update_async(price, {"active": True})

    assert (await wire_to.post("/v1/subscriptions", "begin/1", **form)).status_code == 400
    assert (await wire_to.post("/v1/subscriptions", "begin/1/2", **form)).status_code == 200


async def test_a_request_refused_for_its_parameters_frees_its_key(wire_to: Wire) -> None:
    assert (await wire_to.post("/v1/customers", "try-1", balance="much")).status_code == 400
    assert (await wire_to.post("/v1/customers", "try-1", balance="1")).status_code == 200


async def test_a_second_request_is_turned_away_while_the_first_runs(shop: Shop, wire_to: Wire) -> None:
    shop.simulator.set_faults(stripe={"delay_s": 1})

    answers = await asyncio.gather(*(wire_to.post("/v1/customers", "try-1") for _ in range(2)))

    assert sorted(answer.status_code for answer in answers) == [200, 409]


async def test_a_failing_api_does_nothing(shop: Shop, wire_to: Wire) -> None:
    shop.simulator.set_faults(stripe={"error_rate": 1, "status": 503})
    assert (await wire_to.post("/v1/customers", "try-1")).status_code == 503

    shop.simulator.set_faults(stripe={})
    assert (await shop.client.v1.customers.list_async()).data == []
    assert (await wire_to.post("/v1/customers", "try-2")).status_code == 200


async def test_a_fault_is_given_again_under_its_key_and_a_refusal_for_haste_is_not(shop: Shop, wire_to: Wire) -> None:
    shop.simulator.set_faults(stripe={"error_rate": 1, "status": 500})
    await wire_to.post("/v1/customers", "failed")
    shop.simulator.set_faults(stripe={"error_rate": 1, "status": 429})
    await wire_to.post("/v1/customers", "hasty")
    shop.simulator.set_faults(stripe={})

    again = await wire_to.post("/v1/customers", "failed")
    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (500, "true")
    assert (await wire_to.post("/v1/customers", "hasty")).status_code == 200


async def test_the_work_is_done_and_known_under_its_key_when_the_answer_is_lost(shop: Shop, wire_to: Wire) -> None:
    shop.simulator.set_faults(stripe={"timeout_after_commit": 1})
    with pytest.raises(httpx.TransportError):
        await wire_to.post("/v1/customers", "try-1")

    again = await wire_to.post("/v1/customers", "try-1")

    assert again.headers["Idempotent-Replayed"] == "true"
    assert [each.id for each in (await shop.client.v1.customers.list_async()).data] == [again.json()["id"]]
    assert [call for call in shop.simulator.call_log() if call[0] == "POST"] == [
        ("POST", "/v1/customers", "try-1", 200),
        ("POST", "/v1/customers", "try-1", 200),
    ]


async def test_lists_come_in_pages(shop: Shop) -> None:
    made = [await shop.customer(name, None) for name in ("ada", "grace", "edsger")]

    first = await shop.client.v1.customers.list_async({"limit": 2})
    assert ([each.id for each in first.data], first.has_more) == (made[:0:-1], True)
    rest = await shop.client.v1.customers.list_async({"limit": 2, "starting_after": made[1]})
    assert ([each.id for each in rest.data], rest.has_more) == ([made[0]], False)
    found = await shop.client.v1.customers.list_async({"email": "grace@example.com"})
    assert [each.id for each in found.data] == [made[1]]


async def test_ids_are_expanded_to_what_they_name(shop: Shop) -> None:
    ada = await shop.customer()
    params: Any = {"expand": ["invoice_settings.default_payment_method", "subscriptions"]}
    subscription = await shop.subscribe(ada, expand=["latest_invoice.payments", "customer"])
    assert subscription["customer"]["id"] == ada
    bill = subscription["latest_invoice"]
    intent = bill["payments"]["data"][0]["payment"]["payment_intent"]
    invoice = await shop.client.v1.invoices.retrieve_async(
        bill["id"], {"expand": ["payments.data.payment.payment_intent"]}
    )
    assert plain(invoice)["payments"]["data"][0]["payment"]["payment_intent"]["id"] == intent
    paid: Any = await shop.client.v1.payment_intents.retrieve_async(intent, {"expand": ["latest_charge"]})
    assert (paid.latest_charge.paid, paid.latest_charge.payment_intent) == (True, intent)

    customer = await shop.client.v1.customers.retrieve_async(ada, params)
    method: Any = customer.invoice_settings.default_payment_method  # type: ignore[union-attr]
    assert method.card.last4 == "4242"
    assert customer.subscriptions.data[0].id == subscription["id"]  # type: ignore[union-attr]
    bare = await shop.invoices(ada)
    assert "payments" not in bare[0]
    with pytest.raises(stripe.InvalidRequestError, match=r"cannot be expanded \(nothing\)"):
        await shop.client.v1.customers.retrieve_async(ada, {"expand": ["nothing"]})


async def test_nothing_is_expanded_deeper_than_four_levels(shop: Shop) -> None:
    ada = await shop.customer()

    with pytest.raises(stripe.InvalidRequestError, match="more than 4 levels"):
        await shop.subscribe(ada, expand=["latest_invoice.payments.data.payment.payment_intent"])

    assert await shop.invoices(ada) == []


def test_the_description_finds_what_is_wrong() -> None:
    assert answer_problems("get", "/v1/customers/cus_1", 200, {"id": "cus_1", "object": "customer"}) != []
    assert parameter_problems("post", "/v1/subscriptions", {"items": {"0": {"prise": "x"}}}) == [
        "unknown parameter [items][0][prise]"
    ]
    assert parameter_problems("post", "/v1/subscriptions", {"items": {"0": {"price": "x"}}}) == []
