"""A visit begins with a one-time link, shows one customer's own, and ends."""

from uuid import uuid4

import pytest
from sqlalchemy import text

from sandbox.stack import Stack
from tests.harness.callers import Caller
from tests.web.billing.visitor import COOKIE, Visitor, forms_of, said, title

PAGES = ("/billing", "/billing/cancel", "/billing/pause", "/billing/invoices", "/billing/card", "/billing/pay")


async def link_to(admin: Caller, name: str, **asked: object) -> str:
    made = await admin.post("/v1/billing-sessions", {"customer": name} | asked)
    return str(made.json()["url"])


async def test_a_link_opens_one_visit_and_is_not_used_up_by_being_fetched(
    admin: Caller, stack: Stack, name: str
) -> None:
    await admin.signed_up(name)
    url = await link_to(admin, name)

    async with Visitor.of(stack) as scanner, Visitor.of(stack) as ada, Visitor.of(stack) as late:
        for method in ("GET", "HEAD", "GET"):
            assert (await scanner.get(url, method=method)).status_code == 200
        entered = await ada.submit(url)
        assert (entered.status_code, entered.headers["Location"]) == (303, "/billing")
        assert "Starter" in said(await ada.get("/billing"))

        again = await late.post(url, {})
        assert (again.status_code, title(again)) == (410, "This link has been used")
        assert (await late.get(url)).status_code == 410
        assert not late.cookie


async def test_the_cookie_is_for_this_host_alone_and_no_script_reads_it(admin: Caller, stack: Stack, name: str) -> None:
    await admin.signed_up(name)

    async with Visitor.of(stack) as ada:
        own = await ada.submit(await link_to(admin, name))
        framed = await ada.submit(await link_to(admin, name, embed=True))

    first, second = (answer.headers["Set-Cookie"] for answer in (own, framed))
    assert first.startswith(f"{COOKIE}=")
    assert first.endswith("; Max-Age=43200; Path=/; HttpOnly; Secure; SameSite=Lax")
    assert second.endswith("; Path=/; HttpOnly; Secure; SameSite=None; Partitioned")


@pytest.mark.parametrize("flow", ["cancel", "undo_cancel", "resume", "pay", "payment_method", "invoices"])
async def test_a_link_leads_to_the_page_that_was_asked_for(admin: Caller, stack: Stack, name: str, flow: str) -> None:
    await admin.signed_up(name)

    async with Visitor.of(stack) as ada:
        entered = await ada.submit(await link_to(admin, name, flow=flow))
        assert (await ada.get(entered.headers["Location"])).status_code == 200

    paths = {"undo_cancel": "/billing/undo-cancel", "payment_method": "/billing/card"}
    assert entered.headers["Location"] == paths.get(flow, f"/billing/{flow}")


async def test_an_expired_or_invented_link_opens_nothing(admin: Caller, stack: Stack, name: str) -> None:
    await admin.signed_up(name)
    url = await link_to(admin, name)
    async with stack.engine.begin() as connection:
        await connection.execute(text("update web_links set expires_at = now() where used_at is null"))

    async with Visitor.of(stack) as ada:
        for address, status in ((url, 410), ("/billing/enter/guessed", 404)):
            assert (await ada.get(address)).status_code == status
            assert (await ada.post(address, {})).status_code == status
        assert not ada.cookie


async def test_who_presses_the_button_of_a_link_twice_is_led_on_and_nobody_else_is(
    admin: Caller, stack: Stack, name: str
) -> None:
    await admin.signed_up(name)
    await admin.signed_up(f"{name}-other")
    url = await link_to(admin, name)

    async with Visitor.of(stack) as ada:
        assert (await ada.post(url, {})).status_code == 303
        cookie = ada.cookie
        for answer in (await ada.post(url, {}), await ada.get(url)):
            assert (answer.status_code, answer.headers["Location"]) == (303, "/billing")
            assert "Set-Cookie" not in answer.headers
        ada.cookie = f"{cookie}x"
        assert (await ada.post(url, {})).status_code == 410
    async with Visitor.entered(stack, admin, f"{name}-other") as eve:
        assert (await eve.post(url, {})).status_code == 410


async def test_a_link_is_opened_in_the_customers_own_language(admin: Caller, stack: Stack, name: str) -> None:
    await admin.signed_up(name, customer={"locale": "de-AT"})

    async with Visitor.of(stack) as ada:
        shown = await ada.get(await link_to(admin, name), **{"Accept-Language": "en"})

    assert title(shown) == "Ihr Abonnement"


async def test_a_form_from_before_another_visit_says_where_to_go_on(admin: Caller, stack: Stack, name: str) -> None:
    await admin.signed_up(name)

    async with Visitor.entered(stack, admin, name) as ada:
        [(action, fields)] = forms_of((await ada.get("/billing/cancel")).text)
        await ada.submit(await link_to(admin, name))
        answer = await ada.post(action, fields)

    assert answer.status_code == 403
    assert title(answer) == "This page is out of date"
    assert 'href="/billing"' in answer.text


@pytest.mark.parametrize("page", PAGES)
async def test_without_a_visit_a_page_says_how_to_begin_one(stack: Stack, page: str) -> None:
    async with Visitor.of(stack) as nobody:
        for cookie in ("", "invented"):
            nobody.cookie = cookie
            answer = await nobody.get(page)
            assert answer.status_code == 401
            assert "have a link sent" in said(answer)


async def test_a_visit_ends_when_the_customer_leaves(admin: Caller, stack: Stack, name: str) -> None:
    await admin.signed_up(name)

    async with Visitor.entered(stack, admin, name, return_url="https://app.example/settings") as ada:
        shown, cookie = await ada.get("/billing"), ada.cookie
        assert 'href="https://app.example/settings"' in shown.text
        left = await ada.submit("/billing")
        assert left.status_code == 200
        assert 'content="0; url=https://app.example/settings"' in left.text
        assert ada.cookie == ""
        ada.cookie = cookie
        assert (await ada.get("/billing")).status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "null"},
    ],
    ids=lambda headers: "-".join(headers.values()),
)
async def test_a_form_of_another_site_does_nothing(
    admin: Caller, stack: Stack, name: str, headers: dict[str, str]
) -> None:
    made = await admin.signed_up(name)
    url = await link_to(admin, name)

    async with Visitor.entered(stack, admin, name) as ada:
        [(action, fields)] = forms_of((await ada.get("/billing/cancel")).text)
        assert (await ada.post(action, fields, **headers)).status_code == 403
        assert (await ada.post(url, {}, **headers)).status_code == 403
        assert (await ada.post("/billing/link", {"email": "a@b.example"}, **headers)).status_code == 403

    assert (await admin.subscription(made["id"]))["cancel_at"] is None


async def test_a_form_without_the_token_of_the_visit_does_nothing(admin: Caller, stack: Stack, name: str) -> None:
    made, other = await admin.signed_up(name), f"{name}-other"
    await admin.signed_up(other)

    async with Visitor.entered(stack, admin, name) as ada, Visitor.entered(stack, admin, other) as eve:
        [(action, fields)] = forms_of((await ada.get("/billing/cancel")).text)
        [(_, others)] = forms_of((await eve.get("/billing/cancel")).text)
        for csrf in ("", "guessed", others["csrf"]):
            assert (await ada.post(action, fields | {"csrf": csrf})).status_code == 403

    assert (await admin.subscription(made["id"]))["cancel_at"] is None


async def test_a_browser_that_says_only_its_origin_may_send_a_form(admin: Caller, stack: Stack, name: str) -> None:
    await admin.signed_up(name)
    url = await link_to(admin, name)

    async with Visitor.of(stack) as ada:
        for origin, status in (("https://evil.example", 403), ("null", 403), (stack.addresses.api_url, 303)):
            answer = await ada.http.post(url, headers={"Origin": origin})
            assert answer.status_code == status, origin
        assert (await ada.http.post(url)).status_code == 403


async def test_a_form_is_read_up_to_a_limit_and_nothing_else_is(admin: Caller, stack: Stack, name: str) -> None:
    await admin.signed_up(name)

    async with Visitor.entered(stack, admin, name) as ada:
        assert (await ada.post("/billing/cancel", {"comment": "x" * 65_536})).status_code == 413
        answer = await ada.http.post(
            "/billing/cancel", json={}, headers={"Sec-Fetch-Site": "same-origin", "Cookie": f"{COOKIE}={ada.cookie}"}
        )
        assert answer.status_code == 415


async def test_no_page_is_shown_in_a_frame_of_a_site_that_is_not_listed(admin: Caller, stack: Stack, name: str) -> None:
    await admin.signed_up(name)

    for asked in ({}, {"embed": True}):
        async with Visitor.entered(stack, admin, name, **asked) as ada:
            answer = await ada.get("/billing")
            assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
            assert answer.headers["Cache-Control"] == "no-store"


async def test_what_is_another_customers_is_not_found(admin: Caller, stack: Stack, name: str) -> None:
    await admin.signed_up(name, payment_method="pm_card_visa", trial_days=0)
    other = f"{name}-other"
    await admin.signed_up(other, payment_method="pm_card_visa", trial_days=0)
    own, others = [(await admin.get("/v1/invoices", customer=one)).json()["data"][0]["id"] for one in (name, other)]

    async with Visitor.entered(stack, admin, name) as ada:
        assert (await ada.get(f"/billing/invoices/{own}/pdf")).status_code == 303
        for ref in (others, str(uuid4())):
            assert (await ada.get(f"/billing/invoices/{ref}/pdf")).status_code == 404
            assert (await ada.get(f"/billing/invoices/{ref}")).status_code == 404
        assert own in (await ada.get("/billing/invoices")).text
        assert others not in (await ada.get("/billing/invoices")).text
