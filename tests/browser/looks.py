"""What every page must be like, in each width and colour scheme."""

import os
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import CDPSession, Frame, Page, Response

AXE_SCRIPT = Axe().axe_script
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
WIDTHS = (1280, 320)
HEIGHT = 900
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
SCREENSHOTS = os.environ.get("TENURE_SCREENSHOTS", "")
"""A folder for a picture of every page in every look; empty: none are taken."""
MOST_BYTES, MOST_REQUESTS = 40_000, 5
"""Of one page with everything it loads."""
MOST_BYTES_OF_CONSOLE = 60_000
PAPER = 718
"""Pixels of A4 between usual margins."""
ON_PAPER = """() => ({
    page: getComputedStyle(document.body).backgroundColor, words: getComputedStyle(document.body).color,
    buttons: [...document.querySelectorAll(".button")].filter(one => one.checkVisibility()).length,
    isWide: document.documentElement.scrollWidth > innerWidth,
})"""
RUN_AXE = "rules => axe.run(document, {runOnly: rules, resultTypes: ['violations']})"


@dataclass
class Tally:
    """What all visitors of a run have seen."""

    seen: set[tuple[str, str]] = field(default_factory=set)
    """States of pages, each with a language."""
    looks: int = 0
    violations: list[str] = field(default_factory=list)

    @property
    def pages(self) -> set[str]:
        """The states, whatever the language."""
        return {state for state, _ in self.seen}


@asynccontextmanager
async def scripts(control: CDPSession) -> AsyncIterator[None]:
    """Let scripts run while the block does: pages need none, the checks do."""
    await control.send("Emulation.setScriptExecutionDisabled", {"value": False})
    yield
    await control.send("Emulation.setScriptExecutionDisabled", {"value": True})


@dataclass
class Looks:
    """Looks at the pages of one browser, at each state of a page once in each language."""

    page: Page
    control: CDPSession
    tally: Tally

    async def at(self, shown: Page | Frame, state: str, language: str) -> None:
        """Check what is shown in every look."""
        if (state, language) in self.tally.seen:
            return
        async with scripts(self.control):
            await shown.evaluate(AXE_SCRIPT)
            for width, scheme in product(WIDTHS, SCHEMES):
                await self.page.set_viewport_size({"width": width, "height": HEIGHT})
                await self.page.emulate_media(color_scheme=scheme)
                await self._is_fine(shown, f"{state} {language} {scheme} {width}", width)
            await self._prints(shown, f"{state} {language}")
            await self.page.set_viewport_size({"width": WIDTHS[0], "height": HEIGHT})
            await self.page.emulate_media(color_scheme=SCHEMES[0])
        self.tally.seen.add((state, language))

    async def _prints(self, shown: Page | Frame, state: str) -> None:
        """Check that paper gets dark words on white, nothing to press, and no more than its width."""
        await self.page.set_viewport_size({"width": PAPER, "height": HEIGHT})
        await self.page.emulate_media(media="print", color_scheme="dark")
        if SCREENSHOTS:
            await self.page.screenshot(path=Path(SCREENSHOTS) / f"{state.replace(' ', '-')}-print.png", full_page=True)
        told = await shown.evaluate(ON_PAPER)
        await self.page.emulate_media(media="screen")
        assert told == {"page": "rgb(255, 255, 255)", "words": "rgb(0, 0, 0)", "buttons": 0, "isWide": False}, state

    async def _is_fine(self, shown: Page | Frame, look: str, width: int) -> None:
        self.tally.looks += 1
        if SCREENSHOTS:
            await self.page.screenshot(path=Path(SCREENSHOTS) / f"{look.replace(' ', '-')}.png", full_page=True)
        wide = await shown.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, f"{look}: it scrolls sideways, for it is {wide} wide"
        found = await shown.evaluate(RUN_AXE, RULES)
        faults = [f"{one['id']}: {[node['html'][:120] for node in one['nodes']]}" for one in found["violations"]]
        self.tally.violations += [f"{look}: {fault}" for fault in faults]
        assert faults == [], look


async def weighs_little(shown: Page | Frame, loaded: Sequence[Response], state: str) -> None:
    """Check that a page loads little, and nothing from elsewhere."""
    foreign = [one.url for one in loaded if urlsplit(one.url).netloc != urlsplit(shown.url).netloc]
    assert foreign == [], state
    whole = [one for one in loaded if one.status == 200]
    assert len(whole) <= MOST_REQUESTS, (state, Counter(one.url for one in whole))
    weight = sum([int(await one.header_value("content-length") or 0) for one in whole])
    most = MOST_BYTES_OF_CONSOLE if urlsplit(shown.url).path.startswith("/console") else MOST_BYTES
    assert weight <= most, (state, weight)
