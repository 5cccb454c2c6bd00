"""The API without one of the shortcuts on the way of a consume, to measure what each saves.

A process of its own: `python -m bench.without plain_routes` leaves every endpoint to FastAPI, `python -m bench.without
plain_statement` counts all usage by the SQL function.
"""

import sys
from pathlib import Path

import api.app
import storage.usage.counting
from tenure.cli.production import api as serve_api

ALWAYS_THE_FUNCTION = Path(__file__).with_name("always_the_function.sql")


def main() -> None:
    match sys.argv[1:]:
        case ["plain_routes"]:
            api.app.PLAIN_ENDPOINTS = ()
        case ["plain_statement"]:
            storage.usage.counting.RECORD_USE = ALWAYS_THE_FUNCTION
        case _:
            sys.exit("usage: python -m bench.without plain_routes|plain_statement")
    serve_api()


if __name__ == "__main__":
    main()
