"""JSON bodies, without duplicate names or numbers that JSON does not have."""

import json
from collections.abc import Iterable, Sequence
from typing import Any, Final

from fastapi import HTTPException, Request
from starlette.types import Scope

from api.http.headers import header_of
from domain.errors import Malformed

_PARSED: Final = "tenure.parsed"

NOTHING: Final = object()
"""No body, or an unreadable one. FastAPI reads that again and reports the error."""


def parse_body(scope: Scope, body: bytes) -> Any:
    """Return the parsed body, or NOTHING if it is empty or unreadable, and keep it for `parsed_body`.

    Raises:
        HTTPException: status 415; it is encoded, or of another content type.
        Malformed: the JSON is ambiguous.
    """
    scope[_PARSED] = parsed = _parsed(body, scope)
    return parsed


def parsed_body(request: Request) -> Any:
    """Return the parsed body, or NOTHING if FastAPI has to read it again and report the error."""
    return request.scope.get(_PARSED, NOTHING)


def read_json(body: bytes) -> Any:
    """Parse a body.

    Raises:
        Malformed: an object has a duplicate name, which parsers treat differently, or a number is not valid JSON.
        ValueError: not JSON.
        RecursionError: nested too deeply.
    """
    return _DECODER.decode(body.decode(json.detect_encoding(body), "surrogatepass"))


def _without_duplicates(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        duplicate = _first_duplicate(name for name, _ in pairs)
        field = duplicate if duplicate.isidentifier() and duplicate.isascii() else "body"
        raise Malformed(f"{duplicate[:64]!r} appears twice in one object: send it once", field=field[:64])
    return found


def _first_duplicate(names: Iterable[str]) -> str:
    # In one pass: callers without a key choose how many there are.
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    raise AssertionError("one of them is a duplicate")


def _reject_constant(name: str) -> Any:
    raise Malformed(f"{name} is not a valid JSON number", field="body")


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_without_duplicates, parse_constant=_reject_constant)


def _parsed(body: bytes, scope: Scope) -> Any:
    if not body:
        return NOTHING
    content_type = header_of(scope, b"content-type")
    if not is_json(content_type):
        raise HTTPException(
            415,
            f"the body must be JSON, not {content_type[:64]!r}: send it with 'Content-Type: application/json'",
            headers={"Accept-Post": "application/json"},
        )
    if header_of(scope, b"content-encoding").strip().lower() not in ("", "identity"):
        raise HTTPException(415, "encoded bodies are not supported: send it without a Content-Encoding")
    try:
        return read_json(body)
    except (ValueError, RecursionError):
        return NOTHING


def is_json(content_type: str) -> bool:
    """True if the content type is JSON or missing."""
    if not content_type:
        return True
    kind, _, subtype = content_type.partition(";")[0].strip().lower().partition("/")
    return kind == "application" and "/" not in subtype and (subtype == "json" or subtype.endswith("+json"))
