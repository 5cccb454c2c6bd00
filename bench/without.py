"""The API without one of the shortcuts on the way of a consume, to measure what each saves.

A process of its own: `python -m bench.without plain_routes` leaves every endpoint to FastAPI, `python -m bench.without
plain_statement` counts all usage by the SQL function, `python -m bench.without row_security URL` counts as before the
database kept tenants apart, with the superuser's URL. `python -m bench.without fast_server` serves by asyncio's own
loop and by h11, as where uvloop and httptools are not installed.
"""

import asyncio
import sys
from functools import partial
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncEngine

import api.app
import storage.usage.counting
import tenure.cli.asgi_server
import tenure.cli.connections
import tenure.cli.serving
from api.http.slow_clients import PunctualH11Protocol
from storage.db.engine import create_engine_from_url
from storage.db.pooling import Pooling
from storage.db.roles import DatabaseRole

ALWAYS_THE_FUNCTION = Path(__file__).with_name("always_the_function.sql")


BEFORE_ROW_SECURITY = Path(__file__).with_name("before_row_security.sql")


def _unbound(unbound: str, _url: str, pooling: Pooling, *, role: DatabaseRole) -> AsyncEngine:  # noqa: ARG001
    """An engine for which no policy holds."""
    return create_engine_from_url(unbound, pooling)


def main() -> None:
    match sys.argv[1:]:
        case ["plain_routes"]:
            api.app.PLAIN_ENDPOINTS = ()
        case ["plain_statement"]:
            storage.usage.counting.RECORD_USE = ALWAYS_THE_FUNCTION
        case ["row_security", url]:
            storage.usage.counting.RECORD_USE = BEFORE_ROW_SECURITY
            setattr(tenure.cli.connections, "create_engine_from_url", partial(_unbound, url))  # noqa: B010
        case ["fast_server"]:
            setattr(tenure.cli.asgi_server, "auto_loop_factory", lambda: asyncio.new_event_loop)  # noqa: B010
            setattr(tenure.cli.serving, "punctual_protocol", lambda: PunctualH11Protocol)  # noqa: B010
        case _:
            sys.exit("usage: python -m bench.without plain_routes|plain_statement|row_security URL|fast_server")
    tenure.cli.serving.api()


if __name__ == "__main__":
    main()
