"""Somebody who looks at pages in a browser without scripts."""

from typing import Any
from urllib.parse import urlsplit

from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Frame, Locator, Page, Response, expect

from localization.languages import languages
from tests.browser.looks import HEIGHT, WIDTHS, Looks, Tally, scripts, weighs_little

LOCALES = {"de": "de-DE", "en": "en-US"}
MOST_TABS = 60
HAS_THE_FOCUS = "element => element === document.activeElement"
IN_SIGHT = """element => {
    const box = element.getBoundingClientRect(), style = getComputedStyle(element);
    const x = Math.max(box.left, 0) + Math.min(box.width, innerWidth) / 2, y = box.top + box.height / 2;
    const above = document.elementFromPoint(x, y);
    return box.top >= 0 && box.bottom <= innerHeight && style.outlineStyle !== "none" && style.outlineWidth !== "0px"
        && (above === element || element.contains(above));
}"""


class Visitor:
    """A browser in one language."""

    def __init__(self, context: BrowserContext, looks: Looks, origin: str, language: str) -> None:
        self.page: Page = looks.page
        self.shown: Page | Frame = looks.page
        """What the visitor looks at and acts in: the page, or a frame in it."""
        self.language = language
        self._context = context
        self._looks = looks
        self._origin = origin
        self._loaded: list[Response] = []
        self._complaints: list[str] = []
        self.page.on("response", lambda response: self._loaded.append(response))  # noqa: PLW0108 - a builtin is no handler
        self.page.on("console", self._note)

    @classmethod
    async def arrives(cls, browser: Browser, origin: str, language: str, tally: Tally) -> "Visitor":
        """Open a browser window of its own."""
        context = await browser.new_context(
            locale=LOCALES[language],
            viewport={"width": WIDTHS[0], "height": HEIGHT},
        )
        page = await context.new_page()
        control = await context.new_cdp_session(page)
        await control.send("Emulation.setScriptExecutionDisabled", {"value": True})
        return cls(context, Looks(page, control, tally), origin, language)

    async def leaves(self) -> None:
        await self._context.close()

    def _note(self, message: ConsoleMessage) -> None:
        # A page may well be a 404 or a 410, which the browser notes.
        if message.type == "error" and not message.text.startswith("Failed to load resource"):
            self._complaints.append(message.text)

    # Ways

    async def opens(self, address: str) -> None:
        """Follow an address as from a mail."""
        self._loaded.clear()
        await self.shown.goto(address if "//" in address else self._origin + address)

    async def presses(self, name: str, role: Any = "button", **words: str) -> None:
        """Press a button or a link by what it says in English."""
        self._loaded.clear()
        async with self.page.expect_event("framenavigated", lambda frame: frame == self._frame):
            await self._named(role, self.says(name, **words)).click()
        await self.shown.wait_for_load_state()

    async def chooses(self, name: str, value: str) -> None:
        """Choose a radio button by its value, pressing its label."""
        await self.shown.locator(f'label:has(input[name="{name}"][value="{value}"])').click()

    async def writes(self, name: str, text: str) -> None:
        """Fill the field with a label in English."""
        await self.shown.get_by_label(self.says(name)).fill(text)

    async def pastes(self, name: str, text: str) -> None:
        """Fill a field with more than it takes by the keyboard, as a browser that knows no limits does."""
        field = self.shown.get_by_label(self.says(name))
        async with scripts(self._looks.control):
            await field.evaluate("element => element.removeAttribute('maxlength')")
        await field.fill(text)

    async def is_taken_on(self) -> None:
        """Wait until our page has led on to the provider's."""
        await self.page.wait_for_url(lambda url: not url.startswith(self._origin))

    async def pays(self, card: str = "pm_card_visa") -> None:
        """Pay, or save a card, on the provider's page."""
        await self.page.get_by_label("Test card").select_option(card)
        await self._on("button").click()
        await self.page.wait_for_load_state()

    async def confirms(self) -> None:
        """Confirm a payment on the provider's page, with the card on file, or on the bank's page."""
        await self._on("button").click()
        await self.page.wait_for_load_state()

    async def waits_for(self, name: str, **words: str) -> None:
        """Wait until the page says something, as it does by itself."""
        await expect(self.shown.locator("body")).to_contain_text(self.says(name, **words), timeout=30_000)

    async def tabs_to(self, name: str, role: Any = "button") -> None:
        """Reach a button or a link by the Tab key; whatever has the focus on the way can be seen."""
        wanted = self._named(role, self.says(name))
        async with scripts(self._looks.control):
            for _ in range(MOST_TABS):
                await self.page.keyboard.press("Tab")
                focused = self.page.locator(":focus")
                assert await focused.evaluate(IN_SIGHT), await focused.evaluate("element => element.outerHTML")
                if await wanted.evaluate(HAS_THE_FOCUS):
                    return
        raise AssertionError(f"{name!r} is not reached by the Tab key")

    async def types(self, name: str, role: Any = "button") -> None:
        """Press a button or follow a link by the keyboard alone."""
        await self.tabs_to(name, role)
        self._loaded.clear()
        async with self.page.expect_navigation():
            await self.page.keyboard.press("Enter")

    def is_at_home(self) -> bool:
        """Whether the page is one of ours, and not the provider's."""
        return bool(self.page.url.startswith(self._origin))

    def says(self, sentence: str, language: str = "", **words: str) -> str:
        """How a sentence of the pages reads in the visitor's language, or in another."""
        said = languages()[language or self.language].words.gettext(sentence)
        return said % words if words else said

    async def text(self) -> str:
        return str(await self.shown.locator("body").inner_text())

    @property
    def _frame(self) -> Frame:
        return self.shown if isinstance(self.shown, Frame) else self.shown.main_frame

    def _named(self, role: Any, name: str) -> Locator:
        return self.shown.get_by_role(role, name=name, exact=True).first

    def _on(self, role: Any) -> Locator:
        return self.page.get_by_role(role).first

    # What each page must be like

    async def sees_here(self, state: str, *words: str) -> None:
        """Check the page at hand in every look, and that it says *words*; *state* names it.

        Sentences of the pages are translated, all else must be there as it is.
        """
        await self._is_fine(state, words, self.language)

    async def sees(self, state: str, *words: str) -> None:
        """The same, and in every other language too.

        A page that a form has led to is checked in the visitor's language alone: opened again, it would not be the
        same.
        """
        await self.sees_here(state, *words)
        if not self._came_by_get():
            return
        here = self.shown.url
        for language in languages():
            if language != self.language and (state, language) not in self._looks.tally.seen:
                self._loaded.clear()
                await self.shown.goto(f"{here}{'&' if urlsplit(here).query else '?'}lang={language}")
                await self._is_fine(state, words, language)
        if self.shown.url != here:
            await self.shown.goto(here)

    async def reads(self, words: str) -> None:
        """Check that the page at hand says exactly this."""
        shown = await self.text()
        assert words in shown, f"{words!r} is not in\n{shown}"

    async def _is_fine(self, state: str, words: tuple[str, ...], language: str) -> None:
        shown = await self.text()
        for said in (self.says(sentence, language) for sentence in words):
            assert said in shown, f"{state}: {said!r} is not in\n{shown}"
        assert await self.shown.locator("html").get_attribute("lang") == language, state
        await weighs_little(self.shown, self._loaded_by_page(), state)
        assert self._complaints == [], state
        await self._looks.at(self.shown, state, language)

    def _loaded_by_page(self) -> list[Response]:
        """What the page or frame at hand has loaded, itself first."""
        loaded = [one for one in self._loaded if one.frame == self._frame]
        begins = [number for number, one in enumerate(loaded) if one.request.is_navigation_request()]
        return loaded[begins[-1] :] if begins else loaded

    def _came_by_get(self) -> bool:
        return bool(self._loaded_by_page()[0].request.method == "GET")
