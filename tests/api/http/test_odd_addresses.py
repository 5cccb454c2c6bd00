"""Whatever an address carries, no endpoint fails: characters that PostgreSQL refuses, and cursors that no list made."""

import base64
import json
import re
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from fastapi.dependencies.utils import get_flat_params
from fastapi.routing import APIRoute

from api.app import described_routes
from api.web.errors import is_page
from tests.harness.callers import Caller

ODD_IDS = ("%00", "a%00b", "%ED%A0%80", "9" * 40, "-1")
ODD_VALUES = ("%00", "a%00b", "9" * 40)
MADE_AT = "2027-01-01T00:00:00.000000+0000"
POSITIONS = (
    *("\0", "\ud800", "9" * 40, "-1", "[" * 300),
    *(
        "[2, Infinity, 1, 0]",
        "[2, 1, 1, Infinity]",
        "[2, 1e400, 1, 0]",
        "[1, 7, 8, 9]",
        "[2, 1, 1, 9e99]",
        "[2, {}, 1, 0]",
    ),
    '[1, "2027-01-01T00:00:00Z", "x", Infinity]',
    '[1, "0001-01-01T00:00:00+14:00", "x", 1]',
)
"""Where a list would go on, by its id of the last row."""
LISTS = [
    route for route in described_routes() if "cursor" in {field.alias for field in get_flat_params(route.dependant)}
]


def cursors() -> Iterator[str]:
    made: list[object] = [
        *([at, position] for at in (MADE_AT, "0001-01-01T00:00:00.000000+1400") for position in POSITIONS),
        *([MADE_AT, position, "asc"] for position in POSITIONS),
        *([1, 10**400], [2**63, 1], [2**62, 2**62], [1, 1, "\0"], [1, 1, "\ud800"], [1, 1, "9" * 40], [[], {}], {}, 7),
    ]
    yield from (base64.urlsafe_b64encode(json.dumps(one).encode()).decode() for one in made)
    yield from ("Infinity", "=", "é", base64.urlsafe_b64encode(str(2**40).encode()).decode())


def odd(route: APIRoute, subscription: str) -> Iterator[str]:
    """The addresses of an endpoint with one odd part."""
    names, of = re.findall(r"{(\w+)", route.path), re.sub(r":path}", "}", route.path)
    known = {name: subscription if name == "subscription_id" else "x" for name in names}
    yield from (of.format_map(known | {name: value}) for name in names for value in ODD_IDS)
    queries = [field.alias for field in get_flat_params(route.dependant) if field.alias not in names]
    yield from (f"{of.format_map(known)}?{name}={value}" for name in queries for value in ODD_VALUES)


@pytest.fixture
async def subscription(admin: Caller, name: str) -> str:
    return str((await admin.signed_up(name))["id"])


async def test_no_address_makes_an_endpoint_fail(admin: Caller, subscription: str) -> None:
    endpoints = [route for route in described_routes() if "GET" in (route.methods or ()) and not is_page(route.path)]

    found = {}
    for address in (address for route in endpoints for address in odd(route, subscription)):
        found[address] = (await admin.http.get(address)).status_code

    assert len(found) > 100
    assert {address: status for address, status in found.items() if status >= 500} == {}


@pytest.mark.parametrize("route", [route for route in LISTS if not is_page(route.path)], ids=lambda route: route.path)
async def test_a_cursor_that_no_list_has_made_is_refused(admin: Caller, subscription: str, route: APIRoute) -> None:
    path = route.path.replace("{subscription_id}", subscription).replace("{endpoint_id}", "x").replace("{run_id}", "x")

    for cursor in cursors():
        answer = await admin.http.get(f"{path}?cursor={quote(cursor)}")
        assert answer.status_code < 500, (path, base64.urlsafe_b64decode(cursor + "==="))
