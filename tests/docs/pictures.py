"""Pictures of the console for the guides: `python -m tests.docs.pictures`, with what drives a browser installed.

They show a sandbox with a crowd, drawn by one seed. Its days are those of today, so that each run makes others.
"""

import asyncio
import shutil
import tempfile
from pathlib import Path
from typing import Final

from playwright.async_api import Page, async_playwright

from sandbox.console import console_link
from sandbox.crowd.filling import fill
from sandbox.options import Options
from sandbox.stack import Stack, running
from tests.harness.catalogs import CATALOG, POLICY

FOLDER: Final = Path(__file__).parents[2] / "docs" / "images"
CUSTOMERS: Final = 120
WIDTH, HEIGHT = 1280, 900
PAGES: Final = {
    "inbox": "/console",
    "subscriptions": "/console/subscriptions?status=past_due",
    "numbers": "/console/numbers",
    "cohorts": "/console/numbers/cohorts",
    "reconciliation": "/console/reconciliation",
}
FORMS: Final = {"refund": "refund"}
"""Of somebody who pays."""


async def take() -> None:
    """Write all of them."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        async with running(Options(Path(folder), CATALOG, POLICY, durable=False, ui=False)) as stack:
            await fill(stack, CUSTOMERS, print)
            async with async_playwright() as playwright:
                browser = await playwright.chromium.launch(
                    executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-dev-shm-usage"]
                )
                page = await browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
                await _take_all(page, stack)
                await browser.close()


async def _take_all(page: Page, stack: Stack) -> None:
    origin = stack.addresses.api_url
    await page.goto(await console_link(stack.engine, origin))
    await page.get_by_role("button", name="Sign in").click()
    for name, path in PAGES.items():
        await page.goto(origin + path)
        await _take(page, name)
    await page.goto(f"{origin}/console/subscriptions?status=active")
    await page.locator("tbody a").first.click()
    await _take(page, "subscription")
    paying = page.url
    for name, path in FORMS.items():
        await page.goto(f"{paying}/{path}")
        await _take(page, name)


async def _take(page: Page, name: str) -> None:
    """As a JPEG: a tenth of what a lossless picture takes, and good enough to be read."""
    await page.screenshot(path=FOLDER / f"console-{name}.jpg", type="jpeg", quality=60, full_page=True)


if __name__ == "__main__":
    asyncio.run(take())
