"""What a test has logged, in a process in which others log too."""

from collections.abc import Iterable, MutableMapping
from typing import Any

Line = MutableMapping[str, Any]


def but_of_servers(lines: Iterable[Line]) -> list[Line]:
    """The lines, without what the stack's own processes say meanwhile of a server that is slow to answer."""
    return [line for line in lines if "server" not in line]
