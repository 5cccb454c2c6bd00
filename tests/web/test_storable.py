"""Pages that are asked for with characters that PostgreSQL refuses."""

import pytest
from fastapi import FastAPI, Request

from api.app import described_routes
from api.web.errors import is_page
from api.web.storable import StorableRoute
from tests.web.site import a_browser


@pytest.fixture
def echo() -> FastAPI:
    """An application that says what has come of a request."""
    app = FastAPI()
    app.router.route_class = StorableRoute

    @app.get("/of/{name:path}")
    async def said(name: str, request: Request) -> list[object]:
        return [name, request.query_params.multi_items()]

    return app


@pytest.mark.parametrize("given", ["%00", "a%00b", "a/%00"])
async def test_a_path_names_nothing_that_is_there(echo: FastAPI, given: str) -> None:
    async with a_browser(echo) as browser:
        answer = await browser.get(f"/of/{given}")

    assert answer.json() == [given.replace("%00", "\N{REPLACEMENT CHARACTER}"), []]


@pytest.mark.parametrize(
    ("query", "kept"),
    [
        ("", []),
        ("a=%00", [["a", "\N{REPLACEMENT CHARACTER}"]]),
        ("a=b%00c&a=d", [["a", "b\N{REPLACEMENT CHARACTER}c"], ["a", "d"]]),
        ("a%00=b", [["a\N{REPLACEMENT CHARACTER}", "b"]]),
        ("a=%%0000", [["a", "%\N{REPLACEMENT CHARACTER}00"]]),
        ("a=%2500", [["a", "%00"]]),
        ("a=%C3%BC+%26&b=%00", [["a", "ü &"], ["b", "\N{REPLACEMENT CHARACTER}"]]),
    ],
)
async def test_a_query_keeps_everything_but_what_cannot_be_stored(
    echo: FastAPI, query: str, kept: list[list[str]]
) -> None:
    async with a_browser(echo) as browser:
        answer = await browser.get(f"/of/ada?{query}")

    assert answer.json() == ["ada", kept]


async def test_half_a_pair_of_surrogates_does_no_harm_either(echo: FastAPI) -> None:
    scope = {"type": "http", "method": "GET", "path": "/of/\ud800", "query_string": b"", "headers": []}
    answered = []

    async def send(message: dict[str, object]) -> None:
        answered.append(message.get("status"))

    await echo(scope, None, send)  # type: ignore[arg-type]

    assert answered[0] == 200


def test_every_page_is_such_a_route() -> None:
    pages = [route for route in described_routes() if is_page(route.path)]

    assert len(pages) > 50
    assert [route.path for route in pages if not isinstance(route, StorableRoute)] == []
