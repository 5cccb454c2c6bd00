"""Chromium, the whole stack, and a visitor for each story."""

import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from importlib.util import find_spec

import pytest

from sandbox.stack import Stack
from tests.harness.lives import Life

if find_spec("playwright") is None:
    collect_ignore_glob = ["test_*.py"]
else:
    from playwright.async_api import Browser, async_playwright

    from tests.browser.customers import Begin
    from tests.browser.looks import Tally
    from tests.browser.visitor import Visitor

    Arrive = Callable[..., Awaitable[Visitor]]

    CHROMIUM = shutil.which("chromium")
    TALLY = pytest.StashKey[Tally]()

    def pytest_configure(config: pytest.Config) -> None:
        config.stash[TALLY] = Tally()

    def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
        tally = config.stash[TALLY]
        terminalreporter.write_line(
            f"{len(tally.pages)} pages in {tally.looks} looks, {len(tally.violations)} axe violations"
        )

    @pytest.fixture(scope="session")
    async def chromium() -> AsyncIterator[Browser]:
        if CHROMIUM is None:
            pytest.fail("`make browser` drives Debian's chromium: apt-get install chromium")
        async with async_playwright() as playwright:
            # Containers have neither the kernel's sandbox for it nor much shared memory.
            browser = await playwright.chromium.launch(
                executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"]
            )
            yield browser
            await browser.close()

    @pytest.fixture
    def language(request: pytest.FixtureRequest) -> str:
        """The language of who visits. Their pages are looked at in every language: see `Visitor.sees`."""
        return str(getattr(request, "param", "en"))

    @pytest.fixture
    def customer(begin: Begin, language: str) -> Begin:
        """Sign up somebody who reads the story's language."""

        async def customer(*, timezone: str = "UTC", **more: object) -> Life:
            who = {"locale": language, "name": "Ada Lovelace", "timezone": timezone}
            return await begin(customer=who, **more)

        return customer

    @pytest.fixture
    async def arrive(
        chromium: Browser, stack: Stack, language: str, pytestconfig: pytest.Config
    ) -> AsyncIterator[Arrive]:
        """Open a browser of somebody who reads the story's language."""
        visitors: list[Visitor] = []

        async def arrive() -> Visitor:
            origin = stack.addresses.api_url
            visitor = await Visitor.arrives(chromium, origin, language, pytestconfig.stash[TALLY])
            visitors.append(visitor)
            return visitor

        yield arrive
        for visitor in visitors:
            await visitor.leaves()
