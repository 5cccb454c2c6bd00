"""Links in mails do what their words say, when a button is pressed and not before, and as often as it is needed."""

import base64
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from domain.billing_flows import BillingFlow
from domain.names import subscription_workflow_id
from domain.notifications.mail_links import GOOD_FOR, MailLink
from domain.notifications.mail_types import Occasion
from domain.signing import SigningSecrets
from sandbox.product import Product
from sandbox.secrets import Secrets
from sandbox.stack import Stack
from tests.harness.callers import Caller
from tests.harness.lives import Life
from tests.harness.patience import until
from tests.web.billing.visitor import Visitor, forms_of, said, title
from tests.web.markup import Markup

A_WEEK = timedelta(days=7)
PATH = "/billing/mail/"


def links_in(mail: dict[str, Any]) -> dict[str, str]:
    """The links of a mail that open pages of ours, by what they are for."""
    urls = [word for word in str(mail["text"]).split() if PATH in word]
    return {_flow_of(url): url for url in urls}


def _flow_of(url: str) -> str:
    token = url.rpartition("/")[2]
    about = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))[28:-32]
    return about.decode().split(" ")[0]


async def link_of(life: Life, occasion: Occasion, flow: BillingFlow) -> str:
    """The link in the last mail of an occasion."""
    await life.mails()
    mails = await life.product.mails(life.external_id)
    mail = [one for one in mails if one["headers"]["X-Tenure-Occasion"] == occasion][-1]
    return links_in(mail)[flow]


async def kept_of(stack: Stack, life: Life) -> dict[str, Any]:
    """All that is kept of a subscription: its rows, its history, and how many links and visits there are."""
    own = {"subscriptions": "id", **dict.fromkeys(("journal", "mails", "invoices", "pay_pages"), "subscription")}
    async with stack.engine.connect() as connection:
        kept: dict[str, Any] = {}
        for table, column in own.items():
            rows = await connection.execute(
                text(f"select t::text from {table} t where {column} = :id order by 1"),  # noqa: S608
                {"id": life.id},
            )
            kept[table] = [row[0] for row in rows]
        for table in ("web_links", "web_sessions", "idempotency_keys", "customers"):
            kept[table] = (await connection.execute(text(f"select count(*) from {table}"))).scalar_one()  # noqa: S608
    handle = stack.client.get_workflow_handle(subscription_workflow_id(life.id))
    description = await handle.describe()
    return kept | {"run": description.run_id, "history": description.history_length}


async def a_customer_of_many_mails(begin: Callable[..., Any], name: str) -> list[Life]:
    """Lives that between them get a mail of every occasion with a link."""
    paying = await begin(payment_method="pm_card_visa", trial_days=0)
    await paying.command("change-plan", plan="professional")
    for command, body in (("change-plan", {"plan": "starter"}), ("withdraw-change", {}), ("pause", {}), ("resume", {})):
        await paying.command(command, **body)
        await paying.mails()  # a mail that waits is withdrawn when it is overtaken
    await paying.command("cancel")
    await paying.mails()
    await paying.command("uncancel")
    await paying.live_until_declined("insufficient_funds")
    while (await paying.status())[0] != "suspended":
        await paying.live_until("recover")
    await paying.product.card_answers(paying.external_id, "ok")
    await paying.command("retry-payment")
    trying = Life(paying.product, f"{name}-trying", await paying.product.sign_up(f"{name}-trying"))
    await trying.live(timedelta(days=15))
    yearly = Life(
        paying.product,
        f"{name}-yearly",
        await paying.product.sign_up(f"{name}-yearly", payment_method="pm_card_visa", interval="year", trial_days=1),
    )
    await yearly.live(timedelta(days=2))
    ends = (await yearly.stands())["current_period_end"]
    at = datetime.fromisoformat(ends)
    await yearly.product.card_expires(yearly.external_id, at.month - 1 or 12, at.year - (at.month == 1), announced=True)
    await yearly.live(at - timedelta(days=1) - yearly.now)
    return [paying, trying, yearly]


async def test_no_link_of_any_mail_does_anything_until_a_button_is_pressed(
    stack: Stack, begin: Callable[..., Any], name: str
) -> None:
    lives = await a_customer_of_many_mails(begin, name)
    occasions: set[str] = set()

    async with Visitor.of(stack) as scanner:
        for life in lives:
            await life.mails()
            mails = await life.product.mails(life.external_id)
            links = {url: mail["headers"]["X-Tenure-Occasion"] for mail in mails for url in links_in(mail).values()}
            occasions |= set(links.values())
            before = await kept_of(stack, life)
            for url in links:
                answers = [await scanner.get(url, method=method) for method in ("GET", "HEAD", "GET")]
                assert [answer.status_code for answer in answers] == [200, 200, 200], url
                assert all("Set-Cookie" not in answer.headers for answer in answers)
            assert await kept_of(stack, life) == before

    elsewhere = {Occasion.CANCELED, Occasion.MOVED_TO_FREE, Occasion.REFUNDED, Occasion.USAGE_LIMIT}
    elsewhere |= {Occasion.USAGE_WARNING, Occasion.BILLING_LINK, Occasion.ACTION_REQUIRED, Occasion.PURCHASE_REFUSED}
    elsewhere |= {Occasion.OPERATOR_SIGN_IN, Occasion.ENDPOINT_DISABLED}
    assert occasions == set(Occasion) - elsewhere


async def test_the_link_to_keep_the_subscription_undoes_the_cancellation_and_works_again(
    stack: Stack, begin: Callable[..., Any]
) -> None:
    life = await begin(payment_method="pm_card_visa")
    await life.command("cancel")
    url = await link_of(life, Occasion.CANCELLATION_SCHEDULED, BillingFlow.UNDO_CANCEL)

    async with Visitor.of(stack) as ada:
        shown = await ada.get(url)
        assert title(shown) == "Keep your subscription"
        assert "your trial then ends on" in said(shown).lower()
        after = await ada.press(url)
        assert (await life.stands())["cancel_at"] is None
        assert "Your trial ends on" in title(after)
        assert forms_of(after.text) == []

        # What was open in another window is sent late: nothing is left to do.
        [(action, fields)] = forms_of(shown.text)
        kinds = await life.kinds()
        late = await ada.post(action, fields)
        assert late.status_code in (200, 303)
        assert "not done" not in late.text
        assert await life.kinds() == kinds

        await life.live(A_WEEK)
        assert title(await ada.get(url)).startswith("Your trial ends on")
        await life.command("cancel")
        await ada.press(url)
        assert (await life.stands())["cancel_at"] is None
    undone = [entry for entry in await life.past() if entry["kind"] == "cancel_withdrawn"]
    assert {entry["cause"]["actor"] for entry in undone} == {"customer via billing page"}
    assert len(undone) == 2


async def test_a_button_that_is_pressed_many_times_does_its_thing_once(stack: Stack, begin: Callable[..., Any]) -> None:
    life = await begin(payment_method="pm_card_visa", trial_days=0)
    url = await link_of(life, Occasion.RECEIPT, BillingFlow.CANCEL)

    async with Visitor.of(stack) as ada:
        [(action, fields)] = forms_of((await ada.get(url)).text)
        answers = [await ada.post(action, fields | {"reason_code": "unused", "comment": "too big"}) for _ in range(3)]
        assert {answer.status_code for answer in answers} <= {200, 303}
        shown = await ada.get(url)

    stands = await life.stands()
    assert stands["cancel_at"] == stands["current_period_end"]
    assert stands["reason_code"] == "unused"
    assert stands["end_kind"] == "customer"
    assert (await life.kinds())["cancel_scheduled"] == 1
    assert "Your subscription ends on" in title(shown)


async def test_the_link_to_resume_ends_the_pause(stack: Stack, begin: Callable[..., Any]) -> None:
    life = await begin(payment_method="pm_card_visa", trial_days=0)
    await life.command("pause")
    url = await link_of(life, Occasion.PAUSED, BillingFlow.RESUME)

    async with Visitor.of(stack) as ada:
        after = await ada.press(url)

    assert await life.status() == ("active", "full")
    assert title(after) == "Your subscription goes on"


async def test_the_link_to_keep_the_plan_withdraws_the_change(stack: Stack, begin: Callable[..., Any]) -> None:
    life = await begin(plan="professional", payment_method="pm_card_visa", trial_days=0)
    await life.command("change-plan", plan="starter")
    url = await link_of(life, Occasion.PLAN_CHANGE_SCHEDULED, BillingFlow.WITHDRAW_CHANGE)

    async with Visitor.of(stack) as ada:
        assert "A change to Starter is planned" in said(await ada.get(url))
        after = await ada.press(url)

    assert (await life.stands())["pending_change"] is None
    assert "Professional" in said(after)


async def test_the_link_to_pay_leads_to_the_open_bill_and_once_it_is_paid_says_so(
    stack: Stack, begin: Callable[..., Any]
) -> None:
    life = await begin(payment_method="pm_card_visa", trial_days=0)
    await life.live_until_declined("insufficient_funds")
    url = await link_of(life, Occasion.PAYMENT_FAILED, BillingFlow.PAY)

    async with Visitor.of(stack) as ada:
        assert title(await ada.get(url)) == "Pay $49.00"
        leaving = await ada.submit(url)
        page = refreshed(leaving.text)
        assert page.startswith(stack.addresses.stripe_url)
        await life.pay_at(page, "pm_card_mastercard")
        await life.live(timedelta(minutes=1))
        after = await ada.get(url)

    assert await life.status() == ("active", "full")
    assert title(after) == "Your subscription goes on"
    assert forms_of(after.text) == []


def refreshed(html: str) -> str:
    """Where a page leads on to."""
    [refresh] = [given for given in Markup(html).all("meta") if given.get("http-equiv") == "refresh"]
    return refresh["content"].partition("url=")[2]


async def test_the_link_to_add_a_card_opens_the_page_for_it_when_the_button_is_pressed(
    stack: Stack, begin: Callable[..., Any]
) -> None:
    life = await begin()
    url = await link_of(life, Occasion.TRIAL_STARTED, BillingFlow.PAYMENT_METHOD)

    async with Visitor.of(stack) as ada:
        shown = await ada.get(url)
        assert title(shown) == "Add a card"
        pages = {refreshed((await ada.submit(url)).text) for _ in range(3)}

    assert len(pages) == 1, "it is opened once"
    await life.pay_at(pages.pop(), "pm_card_visa")
    await life.live(timedelta(minutes=1))
    assert "convert" in await life.ahead()


async def test_the_link_to_manage_mails_a_link_which_alone_opens_the_pages(
    stack: Stack, begin: Callable[..., Any], name: str
) -> None:
    life = await begin(payment_method="pm_card_visa", trial_days=0)
    url = await link_of(life, Occasion.RECEIPT, BillingFlow.OVERVIEW)

    async with Visitor.of(stack) as ada:
        shown = await ada.get(url)
        assert "$49.00" not in said(shown)
        assert f"{name}@example.com" not in said(shown)
        assert "on its way to you" in said(await ada.submit(url))
        await life.mails()
        mail = await life.last_mail()
        assert mail["headers"]["X-Tenure-Occasion"] == "billing_link"
        [entry] = [word for word in str(mail["text"]).split() if "/billing/enter/" in word]
        assert (await ada.submit(entry)).status_code == 303
        assert "Starter" in said(await ada.get("/billing"))
        async with stack.engine.connect() as connection:
            rows = (await connection.execute(text("select facts::text from mails"))).scalars().all()
        assert all(entry.rpartition("/")[2] not in row for row in rows)


async def test_the_mail_about_the_end_leads_back_to_a_choice_of_plans(stack: Stack, begin: Callable[..., Any]) -> None:
    life = await begin(payment_method="pm_card_visa", trial_days=0)
    await life.command("cancel", at="now")
    mail = await mailed(life, Occasion.CANCELED)

    async with Visitor.of(stack) as ada:
        shown = await ada.get(links_in(mail)[BillingFlow.BUY])
        assert "choose a plan" in said(shown)
        assert "on its way to you" in said(await ada.submit(str(shown.url)))
        linked = await mailed(life, Occasion.BILLING_LINK)
        [entry] = [word for word in str(linked["text"]).split() if "/billing/enter/" in word]
        assert (await ada.submit(entry)).headers["Location"] == "/billing/plans"


async def mailed(life: Life, occasion: Occasion) -> dict[str, Any]:
    """The mail of an occasion, once it has come: what has ended has no clock to be moved."""

    async def found() -> dict[str, Any] | None:
        mails = await life.product.mails(life.external_id)
        return next((one for one in mails if one["headers"]["X-Tenure-Occasion"] == occasion), None)

    await until(found)
    mail = await found()
    assert mail is not None
    return mail


async def test_a_card_page_leads_back_in_the_customers_language(
    stack: Stack, admin: Caller, begin: Callable[..., Any]
) -> None:
    life = await begin(customer={"locale": "de-AT"})
    url = await link_of(life, Occasion.TRIAL_STARTED, BillingFlow.PAYMENT_METHOD)

    async with Visitor.of(stack) as ada:
        page = refreshed((await ada.submit(url)).text)
        back = await life.product.complete_page(page)
        assert title(await ada.get(back, **{"Accept-Language": "en"})) == "Vielen Dank"


async def test_a_link_after_the_end_says_so_calmly(stack: Stack, begin: Callable[..., Any]) -> None:
    life = await begin(payment_method="pm_card_visa", trial_days=0)
    links = {
        flow: await link_of(life, Occasion.RECEIPT, flow) for flow in (BillingFlow.CANCEL, BillingFlow.PAYMENT_METHOD)
    }
    await life.command("cancel", at="now")

    async with Visitor.of(stack) as ada:
        for url in links.values():
            shown = await ada.get(url)
            assert (shown.status_code, title(shown)) == (200, "Your subscription has ended")
            assert forms_of(shown.text) == []
            pressed = await ada.post(url, {})
            assert (pressed.status_code, title(pressed)) == (200, "Your subscription has ended")


async def test_a_link_about_an_ended_subscription_speaks_of_the_one_that_came_after_it(
    stack: Stack, admin: Caller, begin: Callable[..., Any], name: str
) -> None:
    life = await begin(payment_method="pm_card_visa", trial_days=0)
    links = [await link_of(life, Occasion.RECEIPT, flow) for flow in (BillingFlow.CANCEL, BillingFlow.PAYMENT_METHOD)]
    async with Visitor.of(stack) as ada:
        [(action, late)] = forms_of((await ada.get(links[0])).text)
        await life.command("cancel", at="now")
        links.append(links_in(await mailed(life, Occasion.CANCELED))[BillingFlow.BUY])
        now = Life(
            life.product,
            life.external_id,
            await life.product.sign_up(
                life.external_id, plan="professional", payment_method="pm_card_visa", trial_days=0
            ),
        )

        for url in links:
            shown = await ada.get(url)
            assert "has ended. You have another one now." in said(shown)
            assert "Nothing will be charged any more" not in said(shown)
            assert "Professional" not in said(shown), "a link shows no more than what its mail is about"
        assert "You have another one now" in said(await ada.post(action, late))
        assert (await now.mails())["billing_link"] == 0, "the form was about the other one"

        assert "on its way to you" in said(await ada.submit(links[0]))
        entry = await entry_of(now)
        assert (await ada.submit(entry)).headers["Location"] == "/billing"
        assert "Professional" in said(await ada.get("/billing"))
    assert (await now.stands())["cancel_at"] is None


async def entry_of(life: Life, before: int = 0) -> str:
    """The one-time link in the last mail with one, once there is one more than *before*."""
    while (await life.mails())["billing_link"] <= before:
        await life.stands()
    mail = [one for one in await life.product.mails(life.external_id) if "/billing/enter/" in str(one["text"])][-1]
    [entry] = [word for word in str(mail["text"]).split() if "/billing/enter/" in word]
    return entry


@pytest.fixture
def our_link(stack_folder: Path) -> Callable[..., str]:
    secret = SigningSecrets.of(Secrets.of(stack_folder).secret_key)

    def our_link(made: dict[str, Any], generation: int = 0, expires_at: datetime | None = None) -> str:
        until = expires_at or datetime.now(UTC) + GOOD_FOR
        return PATH + MailLink(str(made["id"]), BillingFlow.CANCEL, Occasion.RECEIPT, generation, until).token(secret)

    return our_link


async def test_an_expired_replaced_or_forged_link_does_nothing(
    stack: Stack, admin: Caller, our_link: Callable[..., str], name: str
) -> None:
    made = await admin.signed_up(name)
    expired = our_link(made, expires_at=datetime.now(UTC) - timedelta(seconds=1))
    replaced, forged = our_link(made), our_link(made)[:-2] + "xx"
    assert (await admin.command(made["id"], "renew-links")).status_code == 200

    async with Visitor.of(stack) as ada:
        for url, status in ((expired, 410), (replaced, 410), (forged, 404), (f"{PATH}x", 404), (f"{PATH}%00", 404)):
            assert (await ada.get(url)).status_code == status, url
            assert (await ada.post(url, {})).status_code == status, url
        assert (await ada.post(our_link(made, generation=1), {}, **{"Sec-Fetch-Site": "cross-site"})).status_code == 403
        assert (await ada.get(our_link(made, generation=1))).status_code == 200

    assert (await admin.subscription(made["id"]))["cancel_at"] is None


async def test_mails_that_are_sent_after_links_were_revoked_have_new_ones(
    stack: Stack, begin: Callable[..., Any]
) -> None:
    life = await begin(payment_method="pm_card_visa", trial_days=0)
    earlier = await link_of(life, Occasion.RECEIPT, BillingFlow.CANCEL)
    await life.command("renew-links")
    await life.command("pause")
    later = await link_of(life, Occasion.PAUSED, BillingFlow.RESUME)

    async with Visitor.of(stack) as ada:
        assert (await ada.get(earlier)).status_code == 410
        assert (await ada.get(later)).status_code == 200


async def test_revoking_links_ends_the_one_time_links_that_were_mailed_and_what_they_opened(
    stack: Stack, begin: Callable[..., Any]
) -> None:
    life = await begin(payment_method="pm_card_visa", trial_days=0)
    url = await link_of(life, Occasion.RECEIPT, BillingFlow.OVERVIEW)

    async with Visitor.of(stack) as stranger:
        first = await one_time_link(life, stranger, url)
        second = await one_time_link(life, stranger, url)
        assert (await stranger.submit(first)).status_code == 303
        assert (await stranger.get("/billing")).status_code == 200

        await life.command("renew-links")

        assert (await stranger.get("/billing")).status_code == 401
        for used in (first, second):
            assert (await stranger.get(used)).status_code == 410
            assert (await stranger.post(used, {})).status_code == 410
    async with Visitor.of(stack) as ada:
        await ada.submit("/billing/link", email=f"{life.external_id}@example.com")
        assert (await ada.submit(await entry_of(life, 2))).status_code == 303
        assert (await ada.get("/billing")).status_code == 200


async def test_a_one_time_link_whose_mail_has_not_been_sent_when_links_are_revoked_is_not_mailed(
    stack: Stack, begin: Callable[..., Any], healed: None
) -> None:
    life = await begin(payment_method="pm_card_visa", trial_days=0)
    await life.product.faults(smtp={"refuse": 1})
    async with Visitor.of(stack) as ada:
        await ada.submit("/billing/link", email=f"{life.external_id}@example.com")

    async def stands() -> list[str]:
        wanted = "select status from mails where subscription = :life and occasion = 'billing_link'"
        async with stack.engine.connect() as connection:
            return list((await connection.execute(text(wanted), {"life": life.id})).scalars())

    async def is_queued() -> bool:
        return await stands() == ["queued"]

    await until(is_queued)

    await life.command("renew-links")

    assert await stands() == ["withdrawn"]


async def one_time_link(life: Life, visitor: Visitor, manage: str) -> str:
    """The one-time link in the mail that the link to manage sends."""
    before = (await life.mails())["billing_link"]
    assert "on its way to you" in said(await visitor.submit(manage))
    return await entry_of(life, before)


async def test_a_link_opens_its_own_page_and_nothing_else(
    stack: Stack, admin: Caller, our_link: Callable[..., str], name: str
) -> None:
    made = await admin.signed_up(name, payment_method="pm_card_visa", trial_days=0)

    async with Visitor.of(stack) as ada:
        shown = await ada.get(our_link(made))
        assert 'href="/billing' not in shown.text
        for page in ("/billing", "/billing/invoices", "/billing/cancel"):
            assert (await ada.get(page)).status_code == 401
        # A page for a cancellation takes no other command, nor one that takes effect at once.
        [(action, fields)] = forms_of(shown.text)
        await ada.post(action, fields | {"at": "now"})

    assert (await admin.subscription(made["id"]))["status"] == "active"


async def test_a_link_that_is_opened_all_the_time_is_refused_for_a_moment(
    stack: Stack, admin: Caller, our_link: Callable[..., str], name: str
) -> None:
    url = our_link(await admin.signed_up(name))

    async with Visitor.of(stack) as scanner:
        answers = [await scanner.http.get(url) for _ in range(60)]

    assert {answer.status_code for answer in answers} == {200, 429}
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert 0 < int(refused.headers["Retry-After"]) <= 2


async def test_a_page_is_in_the_customers_language_and_zone(
    stack: Stack, admin: Caller, our_link: Callable[..., str], name: str
) -> None:
    made = await admin.signed_up(name, customer={"locale": "de-AT", "timezone": "Europe/Vienna"})

    async with Visitor.of(stack) as ada:
        shown = await ada.get(our_link(made))

    assert title(shown) == "Abonnement kündigen"
    assert "MEZ" in said(shown) or "MESZ" in said(shown)


async def test_whoever_asks_for_a_link_gets_the_same_answer_and_customers_a_mail(
    stack: Stack, admin: Caller, product: Product, name: str
) -> None:
    life = Life(product, name, await admin.signed_up(name))
    nobody = f"{name}-nobody@example.com"

    async with Visitor.of(stack) as ada:
        answers = [
            await ada.submit("/billing/link", email=email)
            for email in (f"{name}@example.com", nobody, f"  {name.upper()}@EXAMPLE.com ")
        ]
        assert {(answer.status_code, answer.text) for answer in answers} == {(200, answers[0].text)}
        while (await life.mails())["billing_link"] < 2:
            await life.stands()
        wrong = await ada.submit("/billing/link", email="nobody")
        assert (wrong.status_code, 'value="nobody"' in wrong.text) == (422, True)
        for _ in range(4):
            assert (await ada.submit("/billing/link", email=f"{name}@example.com")).text == answers[0].text

    assert (await life.mails())["billing_link"] == 3, "no more than some in a while"
