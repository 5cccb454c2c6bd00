"""A browser on the billing pages, which sends what a browser sends."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from html import unescape
from typing import Any, ClassVar, Self
from urllib.parse import urlencode, urljoin

import httpx

from sandbox.stack import Stack
from tests.harness.callers import Caller
from tests.harness.patience import PATIENT
from tests.web.markup import Markup, faults

COOKIE = "__Host-tenure_billing"
FORM = "application/x-www-form-urlencoded"


class Visitor:
    """One browser. It keeps its cookie itself: the library's own jar sends none that is `Secure` over http."""

    cookie_name: ClassVar = COOKIE

    def __init__(self, http: httpx.AsyncClient, cookie: str = "") -> None:
        self.http = http
        self.cookie = cookie

    @classmethod
    @asynccontextmanager
    async def of(cls, stack: Stack) -> AsyncIterator[Self]:
        async with httpx.AsyncClient(base_url=stack.addresses.api_url, timeout=PATIENT, trust_env=False) as http:
            yield cls(http)

    @classmethod
    @asynccontextmanager
    async def entered(cls, stack: Stack, caller: Caller, customer: str, **asked: Any) -> AsyncIterator[Self]:
        """A browser that has followed a link to a customer's pages."""
        made = await caller.post("/v1/billing-sessions", {"customer": customer} | asked)
        assert made.status_code == 201, made.text
        async with cls.of(stack) as visitor:
            entered = await visitor.submit(made.json()["url"])
            assert entered.status_code == 303, entered.text
            yield visitor

    async def get(self, address: str, *, method: str = "GET", **headers: str) -> httpx.Response:
        """Open a page, and look whether it is sound."""
        answer = await self.http.request(method, address, headers=self._cookies() | headers)
        if answer.headers.get("Content-Type", "").startswith("text/html") and answer.content:
            assert faults(answer.text) == [], address
        return answer

    async def post(self, address: str, fields: Mapping[str, str] | str, **headers: str) -> httpx.Response:
        """Send a form; as a text, *fields* is its body."""
        own = {"Sec-Fetch-Site": "same-origin", "Content-Type": FORM} | self._cookies() | headers
        answer = await self.http.post(
            address, content=fields if isinstance(fields, str) else urlencode(fields), headers=own
        )
        for cookie in answer.headers.get_list("Set-Cookie"):
            name, _, value = cookie.partition(";")[0].partition("=")
            if name == self.cookie_name:
                self.cookie = value
        if answer.headers.get("Content-Type", "").startswith("text/html"):
            assert faults(answer.text) == [], address
        return answer

    async def submit(self, address: str, **chosen: str) -> httpx.Response:
        """Open a page and press the button of its first form, with what was *chosen*."""
        shown = await self.get(address)
        assert shown.status_code == 200, shown.text
        action, fields = forms_of(shown.text)[0]
        return await self.post(urljoin(str(shown.url), action), fields | chosen)

    async def press(self, address: str, **chosen: str) -> httpx.Response:
        """The same, and follow to the page that then shows what is so."""
        answer = await self.submit(address, **chosen)
        return await self.get(answer.headers["Location"]) if answer.status_code == 303 else answer

    def _cookies(self) -> dict[str, str]:
        return {"Cookie": f"{self.cookie_name}={self.cookie}"} if self.cookie else {}


def forms_of(html: str) -> list[tuple[str, dict[str, str]]]:
    """The forms of a page: where each leads, and what it sends as it stands."""
    found: list[tuple[str, dict[str, str]]] = []
    for tag, given in Markup(html).elements:
        if tag == "form":
            found.append((given.get("action", ""), {}))
        elif tag in ("input", "textarea") and found and "name" in given:
            is_choice = given.get("type") in ("radio", "checkbox")
            if not is_choice or "checked" in given:
                found[-1][1][given["name"]] = given.get("value", "")
    return found


def said(answer: httpx.Response) -> str:
    """What a page says, on one line."""
    return " ".join(unescape(" ".join(Markup(answer.text).said("main"))).split())


def title(answer: httpx.Response) -> str:
    return Markup(answer.text).said("h1")[0]
