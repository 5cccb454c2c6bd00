"""What a command is doing, on stderr for a person who waits. Where stderr is no terminal, nothing is shown."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress as Display
from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn


class Progress:
    """The line on stderr. Without a terminal it shows nothing and `print` is the usual one."""

    def __init__(self, display: Display | None, text: str) -> None:
        self._display = display
        self._task = display.add_task(text, total=None) if display is not None else None

    @property
    def is_shown(self) -> bool:
        return self._display is not None

    def say(self, text: str) -> None:
        """Say what is being done now."""
        if self._display is not None and self._task is not None:
            self._display.update(self._task, description=text)

    def print(self, line: str) -> None:
        """Print a line of the command's result on stdout, above the progress."""
        if self._display is not None:
            self._display.stop()
        print(line, flush=True)
        if self._display is not None:
            self._display.start()


@contextmanager
def progress(text: str) -> Iterator[Progress]:
    """Show what is being done, and for how long, while the block runs; nothing of it stays on the screen."""
    console = Console(stderr=True)
    if not sys.stderr.isatty() or console.is_dumb_terminal:
        yield Progress(None, text)
        return
    # Not redirected: the command's stdout stays what it is, and may go into a file.
    display = Display(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    )
    with display:
        yield Progress(display, text)
