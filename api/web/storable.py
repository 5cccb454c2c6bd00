"""Text that comes with a page's address or form: what PostgreSQL can be asked for of it."""

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlencode

from fastapi import Request
from fastapi.responses import Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.types import Scope


def storable(text: str) -> str:
    """Return a text without the characters that PostgreSQL refuses: NUL, and halves of a surrogate pair."""
    return text.replace("\0", "").encode(errors="ignore").decode()


class StorableRoute(APIRoute):
    """A route whose handlers get no parameter that a query could fail by.

    A path with such a character leads nowhere: no id has one. From a query it is left out, as it says nothing.
    """

    def get_route_handler(self) -> Callable[[Request], Any]:
        handle = super().get_route_handler()

        async def handle_storable(request: Request) -> Response:
            if any(storable(part) != part for part in map(str, request.path_params.values())):
                raise HTTPException(404)
            _keep_storable_query(request.scope)
            answer: Response = await handle(request)
            return answer

        return handle_storable


def _keep_storable_query(scope: Scope) -> None:
    given = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    kept = [(storable(name), storable(value)) for name, value in given]
    if kept != given:
        scope["query_string"] = urlencode(kept).encode()
