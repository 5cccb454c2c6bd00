"""Text that comes with a page's address or form: what PostgreSQL can be asked for of it."""

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlencode

from fastapi import Request
from fastapi.responses import Response
from fastapi.routing import APIRoute
from starlette.types import Scope

_REFUSED = re.compile("[\0\ud800-\udfff]")
"""What PostgreSQL has no text with: NUL, and halves of a surrogate pair."""


def storable(text: str) -> str:
    """Return a text with U+FFFD for each character that PostgreSQL refuses: nothing is found by it, nor named so."""
    return _REFUSED.sub("\N{REPLACEMENT CHARACTER}", text)


class StorableRoute(APIRoute):
    """A route whose handlers get no parameter that a query could fail by.

    In an address another character takes the place of each that cannot be stored: what was given stays as wrong as it
    was, and each page says so in its own way.
    """

    def get_route_handler(self) -> Callable[[Request], Any]:
        handle = super().get_route_handler()

        async def handle_storable(request: Request) -> Response:
            given = request.scope["path_params"]
            request.scope["path_params"] = {
                name: storable(part) if isinstance(part, str) else part for name, part in given.items()
            }
            _keep_storable_query(request.scope)
            answer: Response = await handle(request)
            return answer

        return handle_storable


def _keep_storable_query(scope: Scope) -> None:
    given = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    kept = [(storable(name), storable(value)) for name, value in given]
    if kept != given:
        scope["query_string"] = urlencode(kept).encode()
