"""`/docs` of the API and of the sandbox's controls works without the Internet."""

import re
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import httpx
import pytest

from sandbox.stack import Addresses, Stack


class Links(HTMLParser):
    """Every address in the page's elements, and the scripts that are written in it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.feed(html)
        self.scripts: list[str] = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.addresses += [value for name, value in attrs if name in ("src", "href") and value]

    def described_at(self) -> str:
        (address,) = re.findall(r"\burl: '([^']+)'", self.scripts[0])
        return str(address)


def of_api(addresses: Addresses) -> str:
    return addresses.api_url


def of_controls(addresses: Addresses) -> str:
    return addresses.sandbox_url


@pytest.fixture(params=[of_api, of_controls])
def page_url(request: pytest.FixtureRequest, stack: Stack) -> str:
    return f"{request.param(stack.addresses)}/docs"


async def test_the_page_and_all_that_it_loads_come_from_the_same_server(page_url: str) -> None:
    async with httpx.AsyncClient() as client:
        page = await client.get(page_url)
        links = Links(page.text)
        addresses = [*links.addresses, links.described_at()]

        assert page.status_code == 200
        assert len(addresses) == 4, "a script, a style sheet, an icon and the description"
        assert "//" not in page.text.replace("// ", "")
        for address in addresses:
            whole = urljoin(page_url, address)
            assert urlsplit(whole).netloc == urlsplit(page_url).netloc
            assert (await client.get(whole)).status_code == 200, whole


async def test_browsers_may_run_the_pages_own_scripts_and_ask_no_other_host(page_url: str) -> None:
    async with httpx.AsyncClient() as client:
        page = await client.get(page_url)

    policy = dict(part.strip().split(" ", 1) for part in page.headers["Content-Security-Policy"].split(";"))
    (script,) = Links(page.text).scripts
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == f"'self' 'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'"
    assert not any(re.search(r"https?:|\*|unsafe-eval", value) for value in policy.values())


async def test_the_files_may_be_cached_and_know_their_types(stack: Stack) -> None:
    async with httpx.AsyncClient(base_url=f"{stack.addresses.api_url}/docs/files") as client:
        script, style = await client.get("/swagger-ui-bundle.js"), await client.get("/swagger-ui.css")

    assert "javascript" in script.headers["Content-Type"]
    assert style.headers["Content-Type"].startswith("text/css")
    assert "no-store" not in script.headers.get("Cache-Control", "")
    assert script.headers["ETag"]


async def test_what_the_package_does_not_have_is_a_404(stack: Stack) -> None:
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"{stack.addresses.api_url}/docs/files/..%2f__init__.py")

    assert answer.status_code == 404
