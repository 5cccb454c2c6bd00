"""Whose customer a path below `/v1/customers` is about: there is one answer for every id that a customer can get."""

import re
from collections.abc import Iterator

import pytest
from fastapi.routing import APIRoute
from starlette.routing import Match

from api.app import described_routes
from api.http.fields import new_external_id

CUSTOMER = "/v1/customers/{external_id:path}"
ROUTES = [route for route in described_routes() if route.path.startswith(CUSTOMER)]
BELOW = [route for route in ROUTES if route.path != CUSTOMER]


def suffix(path: str) -> str:
    """What follows the id."""
    return re.sub(r"{\w+}", "runs", path.removeprefix(CUSTOMER))


def ids() -> Iterator[str]:
    """Ids that end as paths below a customer's do, and in two of them, and are such a word alone."""
    ends = sorted({suffix(route.path) for route in BELOW})
    for one in ends:
        yield from (f"org{one}", one.removeprefix("/"), one)
        yield from (f"org{one}{other}" for other in ends)


def route_to(method: str, path: str) -> tuple[APIRoute | None, str]:
    """The route that answers a request, and the customer it takes it to be about."""
    scope = {"type": "http", "method": method, "path": path, "headers": []}
    for route in described_routes():
        match, found = route.matches(scope)
        if match is Match.FULL:
            return route, found["path_params"].get("external_id", "")
    return None, ""


def accepted(external_id: str) -> bool:
    try:
        return new_external_id(external_id) == external_id
    except ValueError:
        return False


@pytest.mark.parametrize("path", sorted({route.path for route in BELOW if "GET" in (route.methods or ())}))
def test_an_id_that_ends_as_something_to_read_of_a_customer_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="ambiguous in a URL path"):
        new_external_id(f"org{suffix(path)}")


def test_every_request_about_an_id_that_is_accepted_is_about_this_customer() -> None:
    found = [each for each in ids() if accepted(each)]

    assert "org/consume" in found
    for external_id in found:
        for route in ROUTES:
            path = route.path.replace("{external_id:path}", external_id).replace("{feature}", "runs")
            for method in route.methods or ():
                answering, about = route_to(method, path)
                assert (answering and answering.path, about) == (route.path, external_id), (method, path)
