"""Headers as ASGI has them: pairs of bytes, with names in lower case. Frequent requests have no time for more."""

from starlette.types import Scope

RawHeaders = list[tuple[bytes, bytes]]


def header_of(scope: Scope, name: bytes) -> str:
    """Return the first header of a request with this name; empty if there is none."""
    for each, value in scope["headers"]:
        if each == name:
            return str(value, "latin-1")
    return ""


def set_header(headers: RawHeaders, name: bytes, value: bytes) -> None:
    """Set a header of a response, in place of one with this name."""
    headers[:] = [each for each in headers if each[0] != name]
    headers.append((name, value))
