"""Pages of other sites learn nothing from the API, even in a browser that reaches it."""

import re

import pytest

from api.app import described_routes
from tests.web.site import a_browser

ELSEWHERE = "https://evil.example"
FOR_ANY_PAGE = "/pricing.json"
"""What is public anyway, for pages of the product's own."""


async def test_no_answer_may_be_read_by_another_site_but_the_prices() -> None:
    paths = sorted({re.sub(r"{[^}]*}", "x", route.path) for route in described_routes()})
    readable = set()
    async with a_browser(None, Origin=ELSEWHERE) as browser:
        for path in paths:
            asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
            for method, headers in (("OPTIONS", asked), ("GET", {}), ("POST", {})):
                answer = await browser.request(method, path, headers=headers)
                if any(name.startswith("access-control-") for name in answer.headers):
                    readable.add((method, path))

    assert len(paths) > 50
    assert readable == {("GET", FOR_ANY_PAGE)}


@pytest.mark.parametrize(
    "path", ["//evil.example", "//evil.example/", "/billing//evil.example", "/pay/https://evil.example"]
)
async def test_no_path_leads_to_another_site(path: str) -> None:
    async with a_browser() as browser:
        answer = await browser.get(f"https://billing.northwind.example{path}")

    assert answer.status_code in (401, 404)
    assert "Location" not in answer.headers
