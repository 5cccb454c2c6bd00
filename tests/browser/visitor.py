"""Somebody who looks at pages in a browser, and what every page that they see must be like."""

import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, BrowserContext, CDPSession, ConsoleMessage, Page, Response

from localization.languages import languages

AXE = Axe()
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
WIDTHS = (1280, 320)
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
SCREENSHOTS = os.environ.get("TENURE_SCREENSHOTS", "")
"""A folder for a picture of every page at both widths; empty: none are taken."""
MOST_BYTES, MOST_REQUESTS = 40_000, 5
"""Of one customer page with everything it loads."""


@dataclass
class Tally:
    """What all visitors of a run have seen."""

    pages: set[str] = field(default_factory=set)
    looks: int = 0
    violations: list[str] = field(default_factory=list)


class Visitor:
    """A browser without scripts that sees a page in both widths and both colour schemes."""

    def __init__(
        self, context: BrowserContext, page: Page, control: CDPSession, origin: str, language: str, tally: Tally
    ) -> None:
        self.page = page
        self.language = language
        self._context = context
        self._control = control
        self._origin = origin
        self._tally = tally
        self._loaded: list[Response] = []
        self._complaints: list[str] = []
        page.on("response", lambda response: self._loaded.append(response))  # noqa: PLW0108 - a builtin is no handler
        page.on("console", self._note)

    @classmethod
    async def arrives(cls, browser: Browser, origin: str, language: str, tally: Tally) -> "Visitor":
        context = await browser.new_context(
            locale={"de": "de-DE"}.get(language, "en-US"),
            viewport={"width": WIDTHS[0], "height": 900},
        )
        page = await context.new_page()
        visitor = cls(context, page, await context.new_cdp_session(page), origin, language, tally)
        await visitor._scripts(on=False)
        return visitor

    async def leaves(self) -> None:
        await self._context.close()

    async def _scripts(self, *, on: bool) -> None:
        await self._control.send("Emulation.setScriptExecutionDisabled", {"value": not on})

    def _note(self, message: ConsoleMessage) -> None:
        # A page may well be a 404 or a 410, which the browser notes.
        if message.type == "error" and not message.text.startswith("Failed to load resource"):
            self._complaints.append(message.text)

    # Ways

    async def opens(self, address: str) -> None:
        """Follow an address as from a mail."""
        self._loaded.clear()
        await self.page.goto(address if "//" in address else self._origin + address)

    async def presses(self, name: str, role: Any = "button") -> None:
        """Press a button or a link by what it says in English."""
        self._loaded.clear()
        await self.page.get_by_role(role, name=self.says(name), exact=True).first.click()
        await self.page.wait_for_load_state()

    async def chooses(self, name: str) -> None:
        await self.page.get_by_label(self.says(name)).check()

    async def pays(self, card: str = "pm_card_visa") -> None:
        """Pay on the provider's page with a card."""
        await self.page.get_by_label("Test card").select_option(card)
        await self.page.get_by_role("button").first.click()
        await self.page.wait_for_load_state()

    def says(self, sentence: str) -> str:
        """How a sentence of the pages reads in the visitor's language."""
        return languages()[self.language].words.gettext(sentence)

    async def text(self) -> str:
        return str(await self.page.locator("body").inner_text())

    # What each page must be like

    async def sees(self, state: str, *words: str) -> None:
        """Check the page at hand in every look, and that it says *words*; *state* names it."""
        shown = await self.text()
        for said in map(self.says, words):
            assert said in shown, f"{state}: {said!r} is not in\n{shown}"
        assert await self.page.locator("html").get_attribute("lang") == self.language
        await self._weighs_little(state)
        assert self._complaints == [], state
        # The checks are scripts.
        await self._scripts(on=True)
        for width in WIDTHS:
            await self.page.set_viewport_size({"width": width, "height": 900})
            await self._has_no_sideways_scroll(state, width)
            for scheme in SCHEMES:
                await self.page.emulate_media(color_scheme=scheme)
                await self._is_accessible(state, width, scheme)
        await self.page.set_viewport_size({"width": WIDTHS[0], "height": 900})
        await self._scripts(on=False)
        self._tally.pages.add(state)

    async def _weighs_little(self, state: str) -> None:
        foreign = [one.url for one in self._loaded if urlsplit(one.url).netloc != urlsplit(self.page.url).netloc]
        assert foreign == [], state
        loaded = [one for one in self._loaded if one.status == 200]
        assert len(loaded) <= MOST_REQUESTS, (state, Counter(one.url for one in loaded))
        weight = sum([int(await one.header_value("content-length") or 0) for one in loaded])
        assert weight <= MOST_BYTES, (state, weight)

    async def _has_no_sideways_scroll(self, state: str, width: int) -> None:
        wide = await self.page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, f"{state} scrolls sideways at {width} px: it is {wide} wide"

    async def _is_accessible(self, state: str, width: int, scheme: str) -> None:
        found = await AXE.run(self.page, options={"runOnly": RULES})
        self._tally.looks += 1
        for violation in found.response["violations"]:
            nodes = [node["html"][:120] for node in violation["nodes"]]
            self._tally.violations.append(f"{state} ({self.language}, {scheme}, {width}): {violation['id']}: {nodes}")
        if SCREENSHOTS:
            name = f"{state}-{self.language}-{scheme}-{width}.png".replace(" ", "-")
            await self.page.screenshot(path=Path(SCREENSHOTS) / name, full_page=True)
        assert found.response["violations"] == [], self._tally.violations[-1]
