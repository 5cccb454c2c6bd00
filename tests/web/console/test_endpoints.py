"""Where events are sent, on pages: admins decide about endpoints, operators look after deliveries."""

import re
from collections.abc import AsyncIterator

import httpx
import pytest

from domain.events.deliveries import DeliveryState
from domain.events.types import EventType
from sandbox.stack import Stack
from storage.access.operators import OperatorRole
from tests.harness.callers import Caller
from tests.harness.names import a_name
from tests.web.billing.visitor import forms_of, said, title
from tests.web.console.visitor import ConsoleVisitor

LIST = "/console/endpoints"
NOWHERE = "http://127.0.0.1:9/hooks"
"""Nobody listens there: nothing that is sent arrives."""
SECRET = re.compile(r"whsec_[A-Za-z0-9+/=]+")


@pytest.fixture
async def tenant(stack: Stack) -> str:
    """A tenant of the test's own: endpoints are for all of a tenant's events."""
    return a_name("tenant")


@pytest.fixture
async def ada(stack: Stack, email: str, tenant: str) -> AsyncIterator[ConsoleVisitor]:
    async with ConsoleVisitor.signed_in(stack, email, OperatorRole.ADMIN, tenant) as visitor:
        yield visitor


@pytest.fixture
async def grace(stack: Stack, email: str, tenant: str) -> AsyncIterator[ConsoleVisitor]:
    async with ConsoleVisitor.signed_in(stack, f"grace-{email}", OperatorRole.OPERATOR, tenant) as visitor:
        yield visitor


async def fill(visitor: ConsoleVisitor, address: str, **chosen: str) -> httpx.Response:
    """Fill in the form of a page that leads to the same address."""
    shown = await visitor.get(address)
    action, fields = next(form for form in forms_of(shown.text) if form[0].endswith(address) and "csrf" in form[1])
    return await visitor.post(action, fields | chosen)


async def added(visitor: ConsoleVisitor, **chosen: str) -> str:
    """The address of the page of a new endpoint."""
    made = await fill(visitor, LIST, url=NOWHERE, **chosen)
    assert made.status_code == 200, made.text
    return str(re.findall(rf'href="[^"]*({LIST}/[0-9a-f-]+)"', made.text)[0])


async def test_an_endpoint_is_added_with_a_secret_that_is_shown_once(ada: ConsoleVisitor) -> None:
    action, fields = next(form for form in forms_of((await ada.get(LIST)).text) if form[0].endswith(LIST))
    filled = fields | {"url": NOWHERE, "description": "the web app", "type:invoice.paid": "on"}

    made, again = await ada.post(action, filled), await ada.post(action, filled)

    assert len(SECRET.findall(said(made))) == 1
    assert "The secret was shown before" in said(again)
    assert SECRET.findall(again.text) == []
    listed = said(await ada.get(LIST))
    assert listed.count(NOWHERE) == 1
    assert "the web app" in listed
    assert "invoice.paid" in listed


async def test_what_is_wrong_with_an_address_is_said_beside_it(ada: ConsoleVisitor) -> None:
    refused = await fill(ada, LIST, url="ftp://127.0.0.1/hooks", description="kept")
    assert refused.status_code == 422
    assert 'value="kept"' in refused.text
    assert "Begin it with" in said(refused)
    assert "Nothing is sent anywhere yet" in said(await ada.get(LIST))


async def test_an_admin_changes_disables_and_deletes_an_endpoint(ada: ConsoleVisitor) -> None:
    page = await added(ada)
    assert (await fill(ada, page, **{"url": f"{NOWHERE}/2", "type:subscription.canceled": "on"})).status_code == 303
    shown = said(await ada.get(page))
    assert f"{NOWHERE}/2" in shown
    assert "subscription.canceled" in shown

    assert (await fill(ada, f"{page}/disable")).status_code == 422
    assert (await fill(ada, f"{page}/disable", reason="it moves")).status_code == 303
    assert "disabled" in said(await ada.get(page))
    assert (await fill(ada, f"{page}/enable", reason="it has moved")).status_code == 303
    assert "enabled" in said(await ada.get(page))
    assert (await fill(ada, f"{page}/delete", reason="not needed")).status_code == 303
    assert (await ada.get(page)).status_code == 404
    assert "Nothing is sent anywhere yet" in said(await ada.get(LIST))


async def test_a_secret_is_replaced_and_the_new_one_shown_once(ada: ConsoleVisitor) -> None:
    page = await added(ada)
    asked = await ada.get(f"{page}/rotate")
    assert title(asked) == "Replace the secret of an endpoint"
    action, fields = forms_of(asked.text)[-1]

    made, again = [await ada.post(action, fields | {"reason": "it leaked"}) for _ in range(2)]

    assert len(SECRET.findall(said(made))) == 1
    assert SECRET.findall(again.text) == []


async def test_who_only_reads_sees_no_endpoints_and_an_operator_decides_about_none(
    stack: Stack, email: str, tenant: str, ada: ConsoleVisitor, grace: ConsoleVisitor
) -> None:
    page = await added(ada)
    async with ConsoleVisitor.signed_in(stack, f"reader-{email}", OperatorRole.READ_ONLY, tenant) as reader:
        assert LIST not in (await reader.get("/console")).text
        assert (await reader.get(LIST)).status_code == 403
    shown = await grace.get(page)
    assert "Send what it has missed" in said(shown)
    for word in ("Delete", "Disable", "Replace the secret", "Change it"):
        assert word not in said(shown)
    for verb in ("disable", "delete", "rotate"):
        assert (await grace.get(f"{page}/{verb}")).status_code == 403


async def test_an_operator_sees_what_did_not_arrive_and_sends_it_again(stack: Stack, admin: Caller, email: str) -> None:
    async with ConsoleVisitor.signed_in(stack, email) as ada:
        page = await added(ada, **{f"type:{EventType.TRIAL_STARTED.value}": "on"})
        await admin.signed_up(a_name("told"))
        listed = await ada.get(f"{page}?state={DeliveryState.PENDING.value}")
        delivery = re.findall(r'href="[^"]*(/console/deliveries/[0-9a-f-]+)"', listed.text)[0]

        assert "subscription.trial_started" in said(listed)
        assert "subscription.trial_started" in said(await ada.get(delivery))
        assert (await fill(ada, f"{delivery}/resend", reason="it is back")).status_code == 303
        missing = await fill(ada, f"{page}/recover", reason="it was away")
        assert missing.status_code == 422
        assert "Choose since when" in said(missing)
        assert (await fill(ada, f"{page}/recover", reason="it was away", since="24")).status_code == 303
        assert (await fill(ada, f"{page}/delete", reason="over")).status_code == 303


@pytest.mark.parametrize(
    "path", [f"{LIST}/none", f"{LIST}/none/rotate", f"{LIST}/none/shout", "/console/deliveries/none"]
)
async def test_what_is_not_there_is_not_found(ada: ConsoleVisitor, path: str) -> None:
    assert (await ada.get(path)).status_code == 404
