"""What the operating system refuses, in words."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from domain.errors import Rejected


def in_words(error: OSError) -> str:
    """What it is about, and the reason, without a number."""
    about = ", ".join(str(name) for name in (error.filename, error.filename2) if name is not None)
    return ": ".join(part for part in (about, error.strerror or str(error) or type(error).__name__) if part)


@contextmanager
def writing(path: Path, instead: str) -> Iterator[None]:
    """A block that writes to a path which the user has given; *instead* says what to do if that fails.

    Raises:
        Rejected: it cannot be written.
    """
    try:
        yield
    except OSError as error:
        # What is given is shown as it was given, though the error may be of a file in it.
        raise Rejected(f"{path} cannot be written ({error.strerror or error}): {instead}") from error
