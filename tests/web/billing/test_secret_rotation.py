"""While a signing secret is replaced, links that either of the two has signed open their pages."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from api.app import create_app
from domain.billing_flows import BillingFlow
from domain.notifications.mail_links import MailLink
from domain.notifications.mail_types import Occasion
from domain.notifications.pay_links import PayLink
from domain.signing import SigningSecrets
from sandbox.product import Product
from sandbox.secrets import Secrets
from sandbox.serving import serve
from sandbox.stack import Stack
from tests.harness.callers import Caller
from tests.harness.lives import Life
from tests.harness.patience import PATIENT
from tests.web.billing.visitor import Visitor

NEW = "a new secret, which the worker does not have yet"


@pytest.fixture(scope="module")
def old(stack_folder: Path) -> str:
    """The secret with which the stack's worker makes links."""
    return Secrets.of(stack_folder).secret_key


@pytest.fixture(scope="module")
async def rotated(stack: Stack, old: str) -> AsyncIterator[str]:
    """The address of an API that has a new secret in front of the old one."""
    async with serve(create_app(replace(stack.api_parts, signing=SigningSecrets.of(NEW, old)))) as address:
        yield address


@pytest.fixture
async def browser(rotated: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=rotated, trust_env=False, timeout=PATIENT) as http:
        yield http


async def test_links_of_both_secrets_open_their_pages_and_others_do_not(
    browser: httpx.AsyncClient, admin: Caller, old: str, name: str
) -> None:
    made = (await admin.signed_up(name))["id"]
    mail = MailLink(made, BillingFlow.CANCEL, Occasion.RECEIPT, 0, datetime.now(UTC) + timedelta(days=1))

    for secret, (pay, cancel) in {old: (303, 200), NEW: (303, 200), "another secret": (404, 404)}.items():
        signing = SigningSecrets.of(secret)
        assert (await browser.get(f"/pay/{PayLink(made).token(signing)}")).status_code == pay
        assert (await browser.get(f"/billing/mail/{mail.token(signing)}")).status_code == cancel


async def test_links_are_signed_with_the_first(rotated: str, stack: Stack, admin: Caller, name: str) -> None:
    await admin.signed_up(name)
    async with Caller.at(rotated, stack.addresses.admin_key) as caller:
        banner = (await caller.get(f"/v1/customers/{name}/banner")).json()["banner"]

    assert MailLink.read(banner["url"].rpartition("/")[2], SigningSecrets.of(NEW)).occasion is Occasion.TRIAL_ENDING


async def test_a_link_that_the_worker_mails_with_the_old_secret_opens_the_pages(
    browser: httpx.AsyncClient, stack: Stack, product: Product, admin: Caller, name: str
) -> None:
    life = Life(product, name, await admin.signed_up(name))

    await Visitor(browser).submit("/billing/link", email=f"{name}@example.com")
    while not (await life.mails())["billing_link"]:
        await life.stands()

    [entry] = [word for word in str((await life.last_mail())["text"]).split() if "/billing/enter/" in word]
    assert (await Visitor(browser).submit(urlsplit(entry).path)).status_code == 303


async def test_a_repeated_billing_session_is_the_same_link_after_the_change(
    rotated: str, stack: Stack, admin: Caller, name: str
) -> None:
    await admin.signed_up(name)
    before = await admin.post("/v1/billing-sessions", {"customer": name}, key=name)

    async with Caller.at(rotated, stack.addresses.admin_key) as caller:
        again = await caller.post("/v1/billing-sessions", {"customer": name}, key=name)
        other = await caller.post("/v1/billing-sessions", {"customer": name})

    assert again.json() == before.json()
    assert other.json()["url"] != before.json()["url"]
